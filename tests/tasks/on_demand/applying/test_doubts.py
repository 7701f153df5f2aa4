"""Warnings: each has its reason, and a model and a medium without one get none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.core import config, paths
from tasks.core.code_version import ROOT
from tasks.core.config import Experiment
from tasks.experiments import matching
from tasks.experiments.kept_model import ModelCard
from tasks.on_demand.applying import doubts
from tests.tasks.on_demand.applying.rows import row

RECIPE = Experiment(
    corpus="toy", target="emotion", features=["voice"], model={"name": "logistic"}, protocol="speaker-out(4)"
)
SETTINGS = config.load(ROOT / paths.PARAMS).model_copy(update={"experiments": {"trial": RECIPE}})
CARD: dict[str, Any] = {
    "experiment": "trial", "task": "classes", "target": "emotion", "corpus": "toy", "recipe": {}, "feature_sets": [],
    "model": "logistic", "settings": {}, "outputs": [], "trained_on": "every row", "n_train": 9,
    "protocol": "speaker-out(4)", "protocol_in_words": "speakers are kept apart", "leaky": False, "simulated": False,
    "measure": "macro_f1", "score": {"value": 0.6, "low": 0.5, "high": 0.7}, "beats_baselines": True,
    "novelty": {"bound": 1.5, "quantile": 0.99}, "recipe_sha256": matching.digest("trial", SETTINGS),
}  # fmt: skip
MEDIA = frozenset({"0123456789abcdef"})


def model(folder: Path = Path("data/experiment/trial/model"), **changes: Any) -> Any:
    return SimpleNamespace(card=ModelCard.model_validate({**CARD, **changes}), folder=folder, training_media=MEDIA)


def test_a_good_model_gets_no_warning() -> None:
    assert list(doubts.of_model(model(), SETTINGS)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beats_baselines": False}, "has not beaten its baselines (macro f1 0.600, 0.500 to 0.700)"),
        ({"leaky": True, "protocol": "random(5)"}, "random(5), which is leaky"),
        ({"simulated": True}, "simulated corpus"),
        ({"recipe_sha256": "0" * 64}, "does not match its recipe"),
        ({"recipe_sha256": None}, "does not match its recipe"),
        ({"settings": {"checkpoint": "tiny:text"}}, "random weights (tiny:text)"),
    ],
)
def test_each_doubt_is_stated_once(changes: dict[str, Any], words: str) -> None:
    (warning,) = doubts.of_model(model(**changes), SETTINGS)
    assert words in warning


def test_an_exported_model_has_no_recipe_here() -> None:
    assert list(doubts.of_model(model(Path("elsewhere"), recipe_sha256="0" * 64), SETTINGS)) == []


def test_a_file_of_the_training_data_is_recognised_by_its_bytes_or_its_sound() -> None:
    other, training = "f" * 64, "0123456789abcdef" + "0" * 48
    for digests in ((training, other), (other, training)):
        (warning,) = doubts.of_medium(model(), digests, [row()])
        assert "was trained on this file" in warning
    assert list(doubts.of_medium(model(), (other, other), [row()])) == []


@pytest.mark.parametrize(("n_outside", "warns"), [(0, False), (1, False), (2, True), (20, True)])
def test_many_utterances_unlike_the_training_data(n_outside: int, warns: bool) -> None:
    rows = [row(novelty=2.0 if k < n_outside else 1.0, outside=k < n_outside) for k in range(20)]
    warnings = list(doubts.of_medium(model(), (), rows))
    assert len(warnings) == warns
    if warns:
        assert warnings[0].startswith(f"{n_outside} of 20 utterances sound unlike the training data: their median")
        assert "99% of the training data is within 1.50" in warnings[0]


def test_without_a_novelty_there_is_no_such_warning() -> None:
    rows = [row(novelty=None, outside=None)]
    assert list(doubts.of_medium(model(novelty=None), (), rows)) == []


@pytest.mark.parametrize(
    ("trained", "language", "warned"),
    [(["en"], "de", True), (["en"], "en", False), (["de", "en"], "en", False), (["en"], "", False), ([], "de", False)],
)
def test_another_language_than_that_of_the_training_data(trained: list[str], language: str, warned: bool) -> None:
    warnings = list(doubts.of_medium(model(languages=trained), ("f" * 64,), [row()], language))
    assert len(warnings) == warned
    assert all("its language is de, and trial was trained on en" in warning for warning in warnings)
