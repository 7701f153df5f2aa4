"""The record in a receipt: revisions, versions, stages with their inputs and outputs, and scores of experiments."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tasks.core import artifacts, distribution, paths
from tasks.core.errors import InputError

Record = dict[str, Any]
"""Content of a receipt, ready for JSON.

`format`, `created`, `software` (undertone's version and revision), `project` (revision, changed files), `platform`,
`packages` (name → version), `stages` (name → `inputs` and `outputs`, path → hash; `params`, name → value),
`experiments` (name → protocol, seeds, scores, baselines, digests of weights), `files` (path → `sha256`, `size`).
"""
StageState = dict[str, Any]
FORMAT = 1
PACKAGES = (
    "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "imbalanced-learn", "onnx", "onnxruntime", "safetensors",
    "torch", "transformers", "lightning", "xgboost-cpu", "faster-whisper", "ctranslate2",
    "av", "soundfile", "pyAudioAnalysis", "yt-dlp", "pysrt", "pysubs2", "vaderSentiment", "textblob", "nltk", "afinn",
    "simplemma", "dvc", "prefect",
)  # fmt: skip
"""Packages whose version may change a score, and those that ran the stages."""
_SCORED = (
    "corpus", "reader", "target", "task", "model", "protocol", "protocol_in_words", "leaky", "averaging", "seeds", "n",
    "n_groups", "left_out", "confidence", "measure", "scores", "baselines", "data_sha256", "recipe_sha256", "simulated",
    "random_weights",
)  # fmt: skip
_FILES = ("results.json", "metrics.json", "predictions.parquet", "audit.json")


def packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter, where they are installed."""
    versions = {"Python": platform.python_version(), distribution.NAME: distribution.version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def machine() -> dict[str, str]:
    """Return the platform: it should not matter, and if scores differ it is the first suspect."""
    return {"system": platform.system(), "release": platform.release(), "machine": platform.machine()}


def experiment(name: str) -> dict[str, Any]:
    """Return what a receipt holds of an experiment.

    Args:
        name: of an experiment with results

    Raises:
        InputError: if it has none
    """
    path = paths.experiment(name) / "results.json"
    if not path.is_file():
        raise InputError(f"{name}: there are no results yet; run it: undertone experiment run {name}")
    results = artifacts.read_json(path)
    card = artifacts.read_json(paths.experiment(name) / "model" / "card.json")
    return {
        **{field: results[field] for field in _SCORED if field in results},
        "weights": dict(_weights(card)),
        "model_files": card.get(artifacts.FILES, {}),
    }


def files(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return digest and size of the result files of experiments, by path.

    Args:
        names: of experiments with results
    """
    result_files = (paths.experiment(name) / file for name in names for file in _FILES)
    return {
        path.as_posix(): {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for path in result_files
        if path.is_file()
        for content in [path.read_bytes()]
    }


def _weights(card: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield name and digest of the pretrained models of an experiment's features."""
    for entry in card.get("feature_sets", ()):
        name = entry.get("settings", {}).get("checkpoint")
        if name:
            path = paths.fingerprint(str(name))
            yield str(name), _fingerprint(path, str(name))


def _fingerprint(path: Path, name: str) -> str:
    if path.is_file():
        return str(artifacts.read_json(path).get("sha256", ""))
    # weights of packages and of the cache have no stage of their own
    from tasks.features.base import checkpoints

    return checkpoints.fingerprint(name)
