"""Trained models with their cards: a damaged or exchanged file must be refused, or give the same predictions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np

from tasks.core import artifacts, paths, tables
from tasks.core.errors import ConfigError, TableError
from tasks.experiments.weak_path import kept_model
from tasks.features.mid_term.mid_term import NAMES
from tasks.labelling.base import learned_voter
from tasks.models.svm import weak_svm
from tests.fuzz.mutation import MUTATED_SHARE, mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"{}", b"[]", b'"', b"\\u0000", b"9" * 400, b"[" * 2000,
    b"F64", b"data_offsets", b"__metadata__", b"card_sha256", b"files_sha256", b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"ai.onnx.ml", b"features", b"classes",
)  # fmt: skip
_WINDOWS = {"short_window_s": 0.05, "short_step_s": 0.025, "mid_window_s": 1.0, "mid_step_s": 1.0}
_CARD, _HEAD = "card.json", "head.safetensors"


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials over the files of a classifier and of a trained voter, and over another model's."""
    rows = np.random.default_rng(5).normal(size=(20, len(NAMES)))
    classifier, other = (_classifier(seed) for seed in (1, 2))
    voter = _voter()
    files = {paths.CARD: classifier[0], paths.MODEL: classifier[1], Path(_CARD): voter[0], Path(_HEAD): voter[1]}
    for path, content in files.items():
        tables.write_bytes(path, content)
    expected = kept_model.load()[0].predict(rows)

    def make(rng: random.Random) -> Trial:
        path = rng.choice(list(files))
        content = files[path]
        if is_mutated := rng.random() < MUTATED_SHARE:
            others = [other[0], other[1], *files.values()]
            # a whole file of another model, or a mutation
            content = rng.choice(others) if rng.random() < 0.1 else mutated(content, rng, _TOKENS, others)

        def run() -> Verdict:
            tables.write_bytes(path, content)
            try:
                if path in (paths.CARD, paths.MODEL):
                    predicted = kept_model.load()[0].predict(rows)
                    same = all(np.array_equal(a, b) for a, b in zip(predicted, expected, strict=True))
                    expect(same, "a damaged model was used")
                else:
                    fields = learned_voter.card(Path())
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


def _classifier(seed: int) -> tuple[bytes, bytes]:
    """Return card and ONNX file of a small classifier."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.array(tables.SENTIMENTS), 12)
    features = rng.normal(size=(labels.size, len(NAMES))) + np.repeat(np.arange(3.0), 12)[:, None]
    recipe = weak_svm.Recipe(c_grid=(1.0,), folds=2, smote_neighbours=2, seed=1)
    model = weak_svm.to_onnx(weak_svm.fit(weak_svm.Examples.alike(features, labels), 1.0, recipe))
    card = {"features": list(NAMES), "classes": list(tables.SENTIMENTS), "parameters": {"c": 1.0}, "windows": _WINDOWS}
    return artifacts.card_text(card, {paths.MODEL.name: model}).encode(), model


def _voter() -> tuple[bytes, bytes]:
    """Return card and head of a trained voter."""
    from safetensors.numpy import save

    head = save({"weights": np.ones((3, 8)), "biases": np.zeros(3)})
    fields = {"name": "mine", "licence": "MIT", "checkpoint": "x", "checkpoint_sha256": "0" * 64, "trained_on": "texts"}
    return artifacts.card_text(fields, {_HEAD: head}).encode(), head


KIND = Kind("cards", 60, prepare)
