"""What each modality adds: trained on fewer, and tested without one or with another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.evaluation.scores import Bootstrap, intervals
from tasks.experiments import modalities
from tasks.experiments.modalities import SWAPPED, WITHOUT
from tasks.experiments.scoring import Run
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs
from tasks.pages.experiment import modalities as page
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
THREE = {"text": ("words",), "sound": ("voice", "pitch"), "video": ("frames",)}


def rows(n: int = 9) -> Inputs:
    """Every row's number stands in each of its blocks."""
    numbers = np.arange(n, dtype=np.float32)
    lengths = np.ones(n, dtype=np.int64)
    sequences = Sequences(numbers[:, None].copy(), np.arange(n), lengths)
    return Inputs(
        numbers.astype(str),
        {"voice": numbers[:, None], "pitch": 10 * numbers[:, None]},
        {"frames": sequences},
        {"words": numbers.astype(str).astype(object)},
    )


def test_each_alone_or_every_proper_subset() -> None:
    assert modalities.subsets(THREE, every=False) == [("text",), ("sound",), ("video",)]
    assert modalities.subsets(THREE, every=True)[3:] == [("text", "sound"), ("text", "video"), ("sound", "video")]
    assert modalities.subsets({"text": ("words",)}, every=True) == []
    assert modalities.features_of(THREE, ("text", "sound")) == ("words", "voice", "pitch")


def test_a_swapped_modality_is_whole_another_rows_and_nobodys_own() -> None:
    inputs = rows()
    found = {one.modality: one.inputs for one in modalities.changed(THREE, inputs, 3, lacking=False)}
    assert set(found) == {"text", "sound", "video"}
    sound = found["sound"].vectors
    assert (sound["voice"][:, 0] != np.arange(9)).all()
    np.testing.assert_array_equal(sound["pitch"], 10 * sound["voice"])
    assert sorted(sound["voice"][:, 0]) == list(range(9))
    np.testing.assert_array_equal(found["sound"].texts["words"], inputs.texts["words"])
    assert (found["text"].texts["words"] != inputs.texts["words"]).all()
    assert all(found["video"].sequences["frames"][row] != row for row in range(9))
    again = {one.modality: one.inputs for one in modalities.changed(THREE, inputs, 3, lacking=False)}
    np.testing.assert_array_equal(again["sound"].vectors["voice"], sound["voice"])


def test_what_can_be_done_without_is_taken_away() -> None:
    found = [(one.modality, one.how) for one in modalities.changed(THREE, rows(), 3, lacking=True)]
    # vectors and texts have no way of not being there
    assert [one for one in found if one[1] == WITHOUT] == [("video", WITHOUT)]
    (empty,) = (one.inputs for one in modalities.changed(THREE, rows(), 3, lacking=True) if one.how == WITHOUT)
    assert not empty.sequences["frames"].lengths.any()
    assert not [one for one in modalities.changed(THREE, rows(1), 3, lacking=False) if one.how == SWAPPED]


def said(predicted: list[str], actual: list[str], groups: list[str], fold: list[int] | None = None) -> Run:
    scores = np.array([[one == name for name in ("no", "yes")] for one in predicted], dtype=float)
    n = len(predicted)
    return Run(
        np.arange(n).astype(str), np.array(actual), scores, np.array(groups), np.array(fold or [0] * n, dtype=np.int64)
    )


def test_a_paired_difference_is_of_the_same_utterances() -> None:
    """By hand: 8 of 8 against 6 of 8; and what differs in every group by as much has an interval of no width."""
    from tasks.experiments import scoring

    actual, groups = ["no", "yes"] * 4, ["a"] * 4 + ["b"] * 4
    worse = ["yes", "yes", "no", "yes"] * 2
    sides = [scoring.matrices([said(one, actual, groups)], ["no", "yes"], per_fold=False) for one in (actual, worse)]
    found = intervals(sides[0], Bootstrap(200, 0.95, 1), other=sides[1])
    assert found["accuracy"] == {"value": 0.25, "low": 0.25, "high": 0.25}
    assert found["uar"]["value"] == pytest.approx(0.25)
    alone = [side[:, :1] for side in sides]
    without = intervals(alone[0], Bootstrap(200, 0.95, 1), other=alone[1])
    assert without["accuracy"] == {"value": 0.25, "low": None, "high": None}


def test_where_folds_are_averaged_their_difference_is() -> None:
    from tasks.experiments import scoring

    actual, fold = ["no", "yes", "no", "yes", "yes", "yes"], [0, 0, 0, 0, 1, 1]
    other = ["no", "yes", "no", "yes", "no", "yes"]
    groups = ["a"] * 6
    sides = [
        scoring.matrices([said(one, actual, groups, fold)], ["no", "yes"], per_fold=True) for one in (actual, other)
    ]
    difference = intervals(sides[0], Bootstrap(200, 0.95, 1), other=sides[1], per_fold=True)
    assert difference["accuracy"]["value"] == pytest.approx(0.25)


def test_an_experiment_tells_what_its_modalities_add(toy: Toy) -> None:
    found = run(toy(features=["toy-voice", "toy-more"], model={"name": "logistic"}))
    told = {(*one["modalities"], one["how"]): one for one in found["modalities"]}
    assert set(told) == {("sound", "alone"), ("text", "alone"), ("sound", "swapped"), ("text", "swapped")}
    assert told["sound", "alone"]["scores"]["uar"] == found["baselines"]["sound only"]["uar"]
    # who hears another's voice with these words is wrong more often
    assert told["sound", "swapped"]["gain"]["uar"]["low"] > 0.1
    assert told["text", "swapped"]["gain"]["uar"]["low"] > 0.1
    shown = paths.page("trial").read_text()
    assert "What each modality adds" in shown
    assert "The best single modality is" in shown


def test_a_modality_that_says_nothing_adds_nothing(toy: Toy) -> None:
    """Its switch is off: the other one alone is as good, and whose it is makes no difference."""
    config = toy(features=["toy-voice", "toy-more"], model={"name": "logistic"})
    silence("toy-more")
    told = {(*one["modalities"], one["how"]): one for one in run(config)["modalities"]}
    assert abs(told["sound", "alone"]["gain"]["uar"]["value"]) < 0.06
    assert abs(told["text", "swapped"]["gain"]["uar"]["value"]) < 0.06
    assert told["text", "alone"]["gain"]["uar"]["low"] > 0.2
    assert told["sound", "swapped"]["gain"]["uar"]["low"] > 0.2


def silence(name: str) -> None:
    """Write a set of vectors anew that is noise alone."""
    from tasks.core import tables
    from tasks.features.base import store

    folder = paths.features("toy", name)
    found = store.read(folder)
    rng = np.random.default_rng(8)
    values = [store.row(one, rng.normal(size=6).astype(np.float32)) for one in found.ids]
    card = {key: found.card[key] for key in ("extractor", "title", "settings", "gives")}
    store.write(folder, [tables.from_rows(values, store.EXTRACTED)], card)


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ({"value": 0.1, "low": 0.02, "high": 0.2}, "together add +0.100 (+0.020 to +0.200): together they are better"),
        ({"value": 0.1, "low": -0.02, "high": 0.2}, "an improvement is not shown"),
        ({"value": -0.1, "low": -0.2, "high": -0.02}, "together they are worse"),
        ({"value": 0.1, "low": None, "high": None}, "together add +0.100: without an interval"),
    ],
)
def test_the_verdict_is_on_the_best_single_modality(gain: dict[str, float | None], said: str) -> None:
    def entry(names: list[str], value: float, gain: dict[str, float | None], how: str = "alone") -> dict[str, Any]:
        score = {"value": value, "low": value - 0.1, "high": value + 0.1}
        return {"modalities": names, "how": how, "scores": {"uar": score}, "gain": {"uar": gain}}

    nothing = {"value": 0.0, "low": None, "high": None}
    figures = {
        "task": "classes", "reader": "ravdess", "protocol": "speaker-out(6)", "outputs": ["anger", "joy"],
        "modalities": [
            entry(["text"], 0.4, nothing),
            entry(["sound"], 0.5, gain),
            entry(["text", "sound"], 0.9, nothing),
            entry(["text"], 0.8, nothing, "swapped"),
        ],
    }  # fmt: skip
    sentence = page.verdict(page.gains(figures))
    assert sentence.startswith("The best single modality is sound, 0.500 (0.400 to 0.600); all ")
    assert said in sentence
    assert page.verdict(page.gains({**figures, "modalities": []})) == ""
