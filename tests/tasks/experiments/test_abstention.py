"""Risk-coverage curves of known answers."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.experiments import abstention

CLASSES = ("a", "b")


def of(certainty: list[float], right: list[bool]) -> dict:  # type: ignore[type-arg]
    probabilities = np.array([[p, 1 - p] for p in certainty])
    return abstention.measured([np.array(["a" if hit else "b" for hit in right])], [probabilities], CLASSES)


def test_errors_that_are_the_least_certain_cost_least() -> None:
    measured = of([0.9, 0.8, 0.7, 0.6], [True, True, False, False])
    # risks at 1 to 4 rows: 0, 0, 1/3, 2/4
    assert measured["aurc"] == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert measured["best_aurc"] == measured["aurc"]
    assert measured["random_aurc"] == 0.5
    assert of([0.6, 0.7, 0.8, 0.9], [True, True, False, False])["aurc"] == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


def test_points_state_the_probability_from_which_on_rows_are_kept() -> None:
    points = of([0.9, 0.8, 0.7, 0.6], [True, True, True, False])["points"]
    assert len(points) == 20
    assert points[-1] == {"coverage": 1.0, "threshold": 0.6, "accuracy": 0.75, "uar": 0.5, "n_classes": 2}
    assert points[9] == {"coverage": 0.5, "threshold": 0.8, "accuracy": 1.0, "uar": 1.0, "n_classes": 1}


def test_runs_are_taken_together() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    labels = [np.array(["a", "b"]), np.array(["b", "b"])]
    measured = abstention.measured(labels, [probabilities, probabilities], CLASSES)
    assert measured["random_aurc"] == 0.25
