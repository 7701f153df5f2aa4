"""Temperature scaling: the temperature that was put in, within bounds; log-probabilities of probabilities only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from tasks.models.base import temperature


def test_the_temperature_is_the_one_that_was_put_in() -> None:
    rng = np.random.default_rng(3)
    values = 2 * rng.standard_normal((20_000, 4))
    codes = np.array([rng.choice(4, p=case) for case in softmax(values, axis=1)])
    assert temperature.fitted(values, codes) == pytest.approx(1, rel=0.05)
    assert temperature.fitted(7 * values, codes) == pytest.approx(7, rel=0.05)
    chosen = temperature.fitted(3 * values, codes)

    def loss(by: float) -> float:
        return -float(log_softmax(3 * values / by, axis=1)[np.arange(codes.size), codes].mean())

    assert loss(chosen) < min(loss(0.97 * chosen), loss(1.03 * chosen))


def test_a_temperature_stays_within_bounds() -> None:
    """Rows that are all right ask for none, rows that are all wrong for an endless one."""
    values, codes = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    assert 0.01 <= temperature.fitted(values, codes) < 0.05
    assert 90 < temperature.fitted(values, 1 - codes) <= 100
    assert math.isfinite(temperature.fitted(np.zeros((2, 2)), codes))


def test_the_class_stays_and_probabilities_sum_to_one() -> None:
    values = np.random.default_rng(1).normal(size=(50, 4))
    warm = temperature.softmax(values, 3.0)
    assert warm.sum(axis=1) == pytest.approx(np.ones(50))
    assert (warm.argmax(axis=1) == values.argmax(axis=1)).all()
    assert (warm.max(axis=1) < temperature.softmax(values, 1.0).max(axis=1)).all()


def test_probabilities_become_logarithms_and_decision_values_of_two_classes_stay() -> None:
    values = np.array([[0.0, 1.0]])
    assert temperature.unscaled(values, probabilities=True).tolist() == [[math.log(1e-6), 0.0]]
    assert temperature.unscaled(values, probabilities=False) is values


def test_votes_of_class_pairs_become_sums_of_decisions_and_the_predicted_class_stays_first() -> None:
    sums = np.array([[3.0, -1.0, -2.0], [0.25, 0.5, -0.75], [0.1, 0.0, -0.1]])
    votes = np.array([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    values = temperature.unscaled(votes + sums / (3 * (np.abs(sums) + 1)), probabilities=False)
    assert values[0] == pytest.approx(sums[0], abs=2e-6)
    assert values[1] == pytest.approx([0.5, 0.5, -0.75], abs=2e-6), "most votes, but not the largest sum"
    assert values.argmax(axis=1).tolist() == [0, 0, 0]
    for by in (0.01, 1.0, 100.0):
        assert temperature.softmax(values, by).argmax(axis=1).tolist() == [0, 0, 0]
    assert temperature.unscaled(np.empty((0, 3)), probabilities=False).shape == (0, 3)
