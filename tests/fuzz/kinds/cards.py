"""Trained models with their cards: a damaged or exchanged file must be refused, or give the same predictions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from tasks.core import artifacts, tables
from tasks.core.config import Experiment
from tasks.core.errors import ConfigError, TableError
from tasks.experiments import kept_model
from tasks.experiments.fitted_model import Fitted
from tasks.labelling.learned import voter_files
from tasks.models.base.estimator import Inputs
from tasks.models.support_vectors import LinearSvmSettings, Svm
from tests.fuzz.mutation import MUTATED_SHARE, mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"{}", b"[]", b'"', b"\\u0000", b"9" * 400, b"[" * 2000,
    b"F64", b"data_offsets", b"__metadata__", b"card_sha256", b"files_sha256", b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"ai.onnx.ml", b"features", b"classes",
)  # fmt: skip
_MODEL, _BLOCK = Path("model"), "voice"
_CARD, _HEAD = "card.json", "head.safetensors"


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials over the files of a classifier and of a trained voter, and over another model's."""
    rows = np.random.default_rng(5).normal(size=(20, 136))
    inputs = Inputs(np.full(len(rows), ""), {_BLOCK: rows})
    classifier, other, voter = _classifier(1), _classifier(2), _voter()
    files = {_MODEL / name: content for name, content in classifier.items()}
    files |= {Path(_CARD): voter[0], Path(_HEAD): voter[1]}
    for path, content in files.items():
        tables.write_bytes(path, content)
    expected = kept_model.load(_MODEL).scores(inputs)

    def make(rng: random.Random) -> Trial:
        path = rng.choice(list(files))
        content = files[path]
        if is_mutated := rng.random() < MUTATED_SHARE:
            others = [*other.values(), *files.values()]
            # a whole file of another model, or a mutation
            content = rng.choice(others) if rng.random() < 0.1 else mutated(content, rng, _TOKENS, others)

        def run() -> Verdict:
            tables.write_bytes(path, content)
            try:
                if path.is_relative_to(_MODEL):
                    same = np.array_equal(kept_model.load(_MODEL).scores(inputs), expected)
                    expect(same, "a damaged model was used")
                else:
                    fields = voter_files.card(Path())
                    artifacts.read_bound(Path(_HEAD), fields)
                    expect(content == files[path] or json.loads(content) == json.loads(files[path]), "another voter")
            except (ConfigError, TableError) as error:
                expect(path.name in str(error) or path.parent.name in str(error), f"does not name the file: {error}")
                expect(is_mutated, f"whole files were refused: {error}")
                return "rejected"
            finally:
                tables.write_bytes(path, files[path])
            return "accepted"

        return Trial(content, path.suffix, run)

    return make


def _classifier(seed: int) -> dict[str, bytes]:
    """Return the files of a small classifier: name → content."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.array(tables.SENTIMENTS), 12)
    rows = rng.normal(size=(labels.size, 136)) + np.repeat(np.arange(3.0), 12)[:, None]
    scaler = StandardScaler().fit(rows)
    estimator = Svm(LinearSvmSettings(), 0)
    estimator.fit(Inputs(np.full(labels.size, ""), {_BLOCK: scaler.transform(rows)}), labels)
    files = Fitted({_BLOCK: scaler}, estimator).files()
    recipe = Experiment(
        corpus="talks", target="sentiment", features=[_BLOCK], model={"name": "linear-svm"}, protocol="official"
    )
    features = {"name": _BLOCK, "extractor": "mid-term", "settings": {}, "reads": "sound", "step_s": None}
    card = {
        "experiment": "talks-svm", "task": "classes", "target": "sentiment", "corpus": "talks",
        "recipe": recipe.model_dump(), "feature_sets": [features], "model": "linear-svm", "settings": {},
        "outputs": list(tables.SENTIMENTS), "trained_on": "every row", "n_train": labels.size, "protocol": "official",
        "protocol_in_words": "two lists", "leaky": False, "simulated": False, "measure": "uar",
        "score": {"value": 0.5, "low": 0.4, "high": 0.6}, "beats_baselines": True,
    }  # fmt: skip
    return {kept_model.CARD: artifacts.card_text(card, files).encode(), **files}


def _voter() -> tuple[bytes, bytes]:
    """Return card and head of a trained voter."""
    from safetensors.numpy import save

    head = save({"weights": np.ones((3, 8)), "biases": np.zeros(3)})
    encoder = {"name": "x", "sha256": "0" * 64, "precision": "int8", "layers": [1, 2]}
    fields = {"name": "mine", "licence": "MIT", "encoder": encoder, "lexicons": [], "trained_on": "texts"}
    return artifacts.card_text(fields, {_HEAD: head}).encode(), head


KIND = Kind("cards", 60, prepare)
