"""Calibration: the error is measured rightly, shrinks, and no row helps to scale itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from tasks.experiments import calibration
from tasks.experiments.scoring import Run
from tasks.models.base import temperature

CLASSES = ("a", "b", "c")


def svm_scores(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores as SVMs have them: votes, and sums of decisions mapped to ±1/3."""
    return sums.argsort(axis=1).argsort(axis=1) + sums / (3 * (np.abs(sums) + 1))


def drawn(n: int = 6_000, seed: int = 1, sharpness: float = 4.0) -> Run:
    """Return decisions from which classes are drawn, multiplied so that their softmax is overconfident."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3))
    codes = np.array([rng.choice(3, p=row) for row in softmax(values, axis=1)])
    names = np.arange(n).astype(str)
    return Run(names, np.array(CLASSES)[codes], svm_scores(sharpness * values), names, np.arange(n) % 5)


def measured(*tested: Run, fitted_on: list[Run] | None = None, probabilities: bool = False) -> dict[str, Any]:
    return calibration.measured(tested, CLASSES, probabilities=probabilities, fitted_on=fitted_on)


def test_the_error_of_known_confidences() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.5, 1.0, 20_000)
    codes = (rng.uniform(size=confidence.size) >= confidence).astype(int)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    assert calibration.reliability(probabilities, codes)["ece"] < 0.02
    sure = np.tile([1.0, 0.0], (codes.size, 1))
    assert calibration.reliability(sure, codes)["ece"] == pytest.approx(codes.mean())


@pytest.mark.parametrize("fitted_on", [None, [drawn(seed=2)]], ids=["other folds", "other rows"])
def test_scaling_removes_overconfidence(fitted_on: list[Run] | None) -> None:
    scaled = measured(drawn(), fitted_on=fitted_on)
    assert scaled["temperature"] == pytest.approx(4, rel=0.05)
    assert scaled["before"]["ece"] > 0.2
    assert scaled["after"]["ece"] < 0.03
    assert scaled["n"] == 6_000


def test_scores_of_several_seeds_share_a_temperature() -> None:
    assert measured(drawn(), drawn(seed=2))["n"] == 12_000


def test_a_fold_is_scaled_by_the_others() -> None:
    """Where one fold alone is overconfident, the others' temperature leaves it so."""
    run = drawn(sharpness=1.0)
    inside = run.fold == 0
    sums = temperature.unscaled(run.scores, probabilities=False) * np.where(inside, 10, 1)[:, None]

    def rows(which: NDArray[np.bool_]) -> Run:
        columns = (run.ids, run.actual, svm_scores(sums), run.groups, run.fold)
        return Run(*(column[which] for column in columns))

    others, own = rows(~inside), rows(inside)
    by = measured(others, fitted_on=[others])["temperature"]
    scaled = calibration.reliability(softmax(sums[inside] / by, axis=1), np.searchsorted(CLASSES, own.actual))
    assert measured(own, fitted_on=[others])["after"]["ece"] == pytest.approx(scaled["ece"], abs=1e-4)
    mixed = rows(np.ones(inside.size, dtype=bool))
    assert measured(mixed)["after"]["ece"] > measured(mixed, fitted_on=[mixed])["after"]["ece"]


def test_probabilities_that_are_right_stay() -> None:
    run = drawn(sharpness=1.0)
    values = temperature.unscaled(run.scores, probabilities=False)
    right = Run(run.ids, run.actual, softmax(values, axis=1), run.groups, run.fold)
    scaled = measured(right, probabilities=True)
    assert scaled["temperature"] == pytest.approx(1, rel=0.05)
    assert scaled["before"]["ece"] < 0.03


def test_a_column_for_no_answer_does_not_count() -> None:
    run = drawn()
    wider = Run(run.ids, run.actual, np.column_stack([run.scores, np.full(run.ids.size, 99.0)]), run.groups, run.fold)
    assert measured(wider) == measured(run)


def test_without_other_rows_there_is_no_temperature() -> None:
    scaled = measured(drawn(), fitted_on=[])
    assert (scaled["temperature"], scaled["after"], scaled["n"]) == (None, None, 0)
    assert scaled["before"]["ece"] > 0.2
