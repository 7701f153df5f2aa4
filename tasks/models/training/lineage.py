"""Provenance of a training run, for experiment trackers: settings, seed, inputs, git revision, feature hashes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.models.base.estimator import Task
from tasks.models.training.settings import TrainingSettings

_LOCK, _STAGE, _FEATURES = "dvc.lock", "extract@", "data/extract/"


def hyper_parameters(
    settings: TrainingSettings, seed: int, task: Task, described: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Return hyper-parameters for a logger, each a number, a text, or a list as text.

    Args:
        settings: of the network and its training
        seed: of the run
        task: what the network learns
        described: `outputs`; and `inputs`: block → checksum of its content
        folder: of the project

    Returns:
        settings under their own names; `seed`, `task`, `outputs`; `inputs.BLOCK`; `git_revision`, where the folder is
        under git; and `dvc.PATH`: the hash of each feature set that DVC has recorded
    """
    plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in _flat(settings)}
    parameters = plain | {"seed": seed, "task": task, "outputs": ", ".join(map(str, described["outputs"]))}
    parameters |= {f"inputs.{block}": str(digest) for block, digest in described["inputs"].items()}
    head = revision(folder)
    parameters |= {"git_revision": head} if head else {}
    return parameters | {f"dvc.{path}": digest for path, digest in features(folder).items()}


def revision(folder: Path) -> str | None:
    """Return the checked-out commit; None if the folder is not under git, or git is not installed.

    Args:
        folder: of the project
    """
    git = ["git", "-C", str(folder), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def features(folder: Path) -> dict[str, str]:
    """Return path → hash of the feature sets in dvc.lock; empty if it is missing or unreadable.

    Args:
        folder: of the project
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        lock = YAML(typ="safe").load(folder / _LOCK)
    except (OSError, YAMLError):
        return {}
    stages = lock.get("stages") if isinstance(lock, Mapping) else None
    return dict(sorted(_outs(stages or {})))


def _outs(stages: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, stage in stages.items():
        for out in stage.get("outs", ()) if name.startswith(_STAGE) else ():
            if str(out.get("path", "")).startswith(_FEATURES) and "md5" in out:
                yield str(out["path"]), str(out["md5"])


def _flat(settings: TrainingSettings) -> Iterator[tuple[str, Any]]:
    """Yield settings by name; nested ones by `OUTER.INNER`."""
    waiting = list(asdict(settings).items())
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, Mapping):
            waiting[:0] = [(f"{name}.{inner}", nested) for inner, nested in value.items()]
        else:
            yield name, value
