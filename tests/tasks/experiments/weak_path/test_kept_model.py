"""The kept classifier of the weak path: a model or card that is damaged, swapped or incomplete is refused by name."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import artifacts, paths, tables
from tasks.core.errors import TableError
from tasks.experiments.weak_path import kept_model
from tasks.features.mid_term.mid_term import NAMES
from tasks.models.svm import weak_svm

RECIPE = weak_svm.Recipe((0.1,), folds=2, smote_neighbours=1, seed=7)
CARD: dict[str, Any] = {
    "features": list(NAMES),
    "classes": list(tables.SENTIMENTS),
    "parameters": {"c": 0.1},
    "windows": {"short_window_s": 0.05, "short_step_s": 0.05, "mid_window_s": 1.0, "mid_step_s": 1.0},
}


def model(seed: int, n_features: int = len(NAMES)) -> bytes:
    rng = np.random.default_rng(seed)
    labels = np.repeat(tables.SENTIMENTS, 6)
    examples = weak_svm.Examples.alike(rng.standard_normal((18, n_features)), labels)
    return weak_svm.to_onnx(weak_svm.fit(examples, 0.1, RECIPE))


@pytest.fixture(scope="module")
def content() -> bytes:
    return model(1)


@pytest.fixture
def kept(project: Path, content: bytes) -> bytes:
    tables.write_bytes(paths.MODEL, content)
    tables.write_text(paths.CARD, artifacts.card_text(CARD, {paths.MODEL.name: content}))
    return content


def refused() -> str:
    with pytest.raises(TableError) as caught:
        kept_model.load()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_whole_model_is_loaded(kept: bytes) -> None:
    classifier, card = kept_model.load()
    assert classifier.features == NAMES
    assert card["parameters"] == {"c": 0.1}
    assert kept_model.windows(card).backend == "arrays"


def test_flipped_bytes_and_swapped_models_are_refused(kept: bytes) -> None:
    for place in random.Random(19).sample(range(len(kept)), 20):
        paths.MODEL.write_bytes(kept[:place] + bytes([kept[place] ^ 4]) + kept[place + 1 :])
        assert refused().startswith("data/train/sentiment.onnx is damaged (it is not the file that its card describes)")
    paths.MODEL.write_bytes(model(2))
    assert "recreate it: undertone run train --force" in refused()
    paths.MODEL.unlink()
    assert "there is no such file yet" in refused()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ["x"]}, "features"),
        ({"features": "x" * 99999}, "features"),
        ({"classes": ["positive", "neutral", "negative"]}, "classes"),
        ({"classes": None}, "classes: None"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {"c": 10**400}}, "parameters"),
        ({"parameters": {"c": True}}, "parameters"),
    ],
)
def test_cards_with_other_contents_are_refused(kept: bytes, changes: dict[str, Any], message: str) -> None:
    tables.write_text(paths.CARD, artifacts.card_text({**CARD, **changes}, {paths.MODEL.name: kept}))
    assert refused().startswith(f"data/train/card.json is damaged ({message}")


@pytest.mark.parametrize("windows", [None, 3, {}, {**CARD["windows"], "mid_step_s": "1"}, {"mid_window_s": 1e300}])
def test_windows_that_are_none_are_refused(kept: bytes, windows: Any) -> None:
    with pytest.raises(TableError, match=r"data/train/card\.json is damaged \(windows: "):
        kept_model.windows({"windows": windows})


def test_models_of_another_width_are_refused_even_without_a_digest(kept: bytes) -> None:
    paths.MODEL.write_bytes(model(3, n_features=5))
    tables.write_text(paths.CARD, artifacts.card_text(CARD))
    assert "expected one input of 136 features" in refused()
    paths.MODEL.write_bytes(b"no model")
    assert refused().startswith("data/train/sentiment.onnx is damaged (")
