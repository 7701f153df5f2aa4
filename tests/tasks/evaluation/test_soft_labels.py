"""Soft labels: distances and calibration computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation import soft_labels
from tasks.evaluation.scores import Bootstrap

FEW = Bootstrap(200, 0.95, 0)


def test_jensen_shannon_equals_that_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(0)
    first, second = rng.dirichlet([0.5, 0.5, 0.5], 50), rng.dirichlet([1, 1, 1], 50)
    first[0], second[0] = (1, 0, 0), (1, 0, 0)
    first[1], second[1] = (1, 0, 0), (0, 0.5, 0.5)
    expected = jensenshannon(first, second, base=2, axis=1)
    np.testing.assert_allclose(soft_labels.jensen_shannon(first, second), np.nan_to_num(expected), atol=1e-7)
    assert soft_labels.jensen_shannon(first[1:2], second[1:2])[0] == 1.0


def test_calibration_error_by_hand() -> None:
    # 0.95 where all raters agree, 0.95 where half do, 0.55 where a fifth do
    predicted = np.array([[0.95, 0.05, 0.0], [0.95, 0.05, 0.0], [0.55, 0.45, 0.0]])
    rated = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    summary = soft_labels.summary(predicted, rated, np.array(["a", "b", "c"]), FEW)
    assert summary["n"] == 3
    assert summary["calibration_error"]["value"] == pytest.approx((abs(1.9 - 1.5) + 0.35) / 3)
    assert summary["jensen_shannon"]["low"] <= summary["jensen_shannon"]["value"] <= summary["jensen_shannon"]["high"]


def test_probabilities_that_are_frequencies_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.dirichlet([1, 1, 1], 4000)
    rated = np.stack([rng.multinomial(5, row) / 5 for row in predicted])
    groups = np.array([str(k % 50) for k in range(4000)])
    honest = soft_labels.summary(predicted, rated, groups, FEW)
    sharpened = predicted**3 / (predicted**3).sum(axis=1, keepdims=True)
    overconfident = soft_labels.summary(sharpened, rated, groups, FEW)
    assert honest["calibration_error"]["value"] < 0.02
    assert overconfident["calibration_error"]["low"] > 0.1
    assert overconfident["jensen_shannon"]["value"] > honest["jensen_shannon"]["value"]


def test_a_single_group_has_no_interval() -> None:
    one = np.array([[0.0, 1.0, 0.0]])
    assert soft_labels.summary(one, one, np.array(["a"]), FEW)["jensen_shannon"] == {
        "value": 0.0, "low": None, "high": None,
    }  # fmt: skip
