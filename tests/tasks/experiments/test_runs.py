"""The baseline of one constant answer, where folds differ in their classes or values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.experiments.data import Data
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Scorer

CLASSES = ("anger", "fear", "joy", "sadness")


def scorer(task: str, target: NDArray[Any], speakers: NDArray[np.int64], averaging: str = "pooled") -> Scorer:
    recipe = SimpleNamespace(windows=None, clips=None)
    plan = SimpleNamespace(task=task, recipe=recipe, protocol=SimpleNamespace(averaging=averaging))
    ids = np.array([f"u{number:04d}" for number in range(target.shape[0])])
    outputs = CLASSES if task == "classes" else ("value",)
    data = Data({"utterance_id": ids}, target, outputs, cast(Any, {}), {}, "", ids)
    return Scorer(cast(Plan, plan), data, speakers.astype(str), Bootstrap(20, 0.95, 0))


def leave_one_out(speakers: NDArray[np.int64]) -> list[Split]:
    return [Split(str(k), np.flatnonzero(speakers != k), np.flatnonzero(speakers == k)) for k in np.unique(speakers)]


@pytest.mark.parametrize("share", [1.0, 0.97, 0.25])
def test_pooled_uar_of_the_majority_class_is_one_in_four_classes(share: float) -> None:
    """Each of four speakers shows one class in a share of the rows, and the others equally often."""
    rest = round(100 * (1 - share) / 3)
    target = np.concatenate(
        [np.repeat(CLASSES, [100 - 3 * rest if c == s else rest for c in range(4)]) for s in range(4)]
    )
    speakers = np.repeat(np.arange(4), 100)
    mine = scorer("classes", target, speakers)
    run = mine.majority(leave_one_out(speakers))
    assert set(mine.predicted(run)) == {"anger"}
    assert mine.headline([run])["uar"]["value"] == pytest.approx(0.25)


def test_folds_of_one_class_each_give_a_constant_its_share_of_the_folds() -> None:
    target, speakers = np.repeat(CLASSES, 10), np.repeat(np.arange(4), 10)
    mine = scorer("classes", target, speakers, "per fold")
    assert mine.headline([mine.majority(leave_one_out(speakers))])["uar"]["value"] == pytest.approx(0.25)


def test_one_fold_answers_with_the_commonest_class_of_its_training_part() -> None:
    target = np.array(["joy", "joy", "fear", "fear", "fear", "fear"])
    mine = scorer("classes", target, np.arange(6))
    run = mine.majority([Split("test", np.array([0, 1, 2]), np.array([3, 4, 5]))])
    assert mine.predicted(run).tolist() == ["joy"] * 3


def test_a_constant_value_is_the_mean_and_does_not_correlate() -> None:
    target, speakers = np.repeat([0.0, 1.0, 3.0, 4.0], 10), np.repeat(np.arange(4), 10)
    mine = scorer("values", target, speakers)
    scores = mine.headline([mine.majority(leave_one_out(speakers))])
    assert scores["mae"]["value"] == pytest.approx(1.5)
    assert scores["correlation"]["value"] == 0.0
