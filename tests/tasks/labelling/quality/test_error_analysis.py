"""Voters' statistics computed by hand: coverage, overlap, conflict, correlation, accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import error_analysis, threshold
from tasks.labelling.votes.combine import labels_of

NAN = float("nan")
NAMES = ("loud", "shy", "other")
VOTES = np.array(
    [
        [0.5, NAN, 0.2],
        [-0.5, NAN, 0.4],
        [0.0, 0.3, 0.0],
        [0.9, 0.8, 0.1],
        [0.0, NAN, NAN],
    ]
)
GOLD = np.array(["positive", "negative", "", "positive", "positive"])
VIDEOS = np.array(["a", "a", "a", "b", "b"])
FEW = Bootstrap(50, 0.95, 0)


def test_statistics_of_each_voter() -> None:
    loud, shy, _ = error_analysis.voters(VOTES, NAMES, GOLD, VIDEOS, FEW)
    assert (loud.coverage, loud.polar, loud.overlap, loud.conflict) == (1.0, 0.6, 0.8, 0.4)
    assert (shy.coverage, shy.overlap, shy.conflict) == (0.4, 0.4, 0.2)
    assert loud.gold is not None
    assert loud.gold["accuracy"]["value"] == 0.75
    assert loud.by_group == {"a": (1.0, 2), "b": (0.5, 2)}
    assert shy.by_group == {"b": (1.0, 1)}


def test_a_voter_without_rated_texts_has_no_score() -> None:
    (alone,) = error_analysis.voters(VOTES[:, 1:2], ("shy",), np.array([""] * 5), VIDEOS, FEW)
    assert alone.gold is None
    assert alone.by_group == {}
    assert (alone.overlap, alone.conflict) == (0.0, 0.0)


def test_correlations_use_texts_with_both_votes() -> None:
    coefficients = error_analysis.correlations(VOTES, NAMES)
    assert coefficients["loud", "shy"] == pytest.approx(1.0)
    assert -1 <= (coefficients["loud", "other"] or 0) < 0.5
    assert error_analysis.correlations(np.zeros((4, 2)), ("one", "two")) == {("one", "two"): None}


def test_the_label_of_a_polarity_is_its_sign() -> None:
    labels = labels_of(np.array([0.3, 0.01, -0.3, 0.0, NAN]))
    assert labels.tolist() == ["positive", "positive", "negative", "neutral", ""]


def test_a_stricter_threshold_keeps_fewer_texts() -> None:
    labels = np.array(["positive", "negative", "positive", "neutral", ""])
    certain = np.array([0.9, 0.7, 0.2, 0.2, 0.0])
    gold = np.array(["positive", "negative", "negative", "", "positive"])
    points = threshold.curve(labels, certain, gold, VIDEOS, FEW)
    assert [(point.threshold, point.coverage, point.n) for point in points] == [
        (0.2, 0.8, 3),
        (0.7, 0.4, 2),
        (0.9, 0.2, 1),
    ]
    assert points[1].macro_f1 == 1.0
    assert (points[0].macro_f1 or 0) < 1
    best = threshold.proposed(points, least_coverage=0.0)
    assert best is not None
    assert best.threshold == 0.7, "of equals the one that keeps more"
    assert threshold.proposed(points, least_coverage=0.5) == points[0]
    assert threshold.proposed(points, least_coverage=0.9) is None


def test_many_levels_become_few_points() -> None:
    n = 500
    labels, gold = np.array(["neutral"] * n), np.array(["neutral"] * n)
    points = threshold.curve(labels, np.linspace(0, 1, n), gold, np.array(["a"] * n), FEW)
    assert len(points) == threshold.MOST_POINTS
    assert (points[0].coverage, points[0].low) == (1.0, None)
