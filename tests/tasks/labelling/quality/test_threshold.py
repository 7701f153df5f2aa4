"""Nested score of a threshold: by folds that the threshold was not chosen on, with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import threshold

BOOTSTRAP = Bootstrap(300, 0.95, 1)
NONE = Bootstrap(1, 0.95, 1)


def noise(n: int, n_groups: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels whose certainty says nothing, right in half of all cases."""
    rng = np.random.default_rng(seed)
    classes = np.array(["negative", "neutral", "positive"])
    gold = rng.choice(classes, n)
    labels = np.where(rng.random(n) < 0.5, gold, rng.choice(classes, n))
    return labels, rng.random(n), gold, np.array([f"v{number % n_groups}" for number in range(n)])


@pytest.mark.parametrize("n_groups", [1, 6])
def test_a_threshold_chosen_on_noise_gains_nothing_on_other_folds(n_groups: int) -> None:
    optimism, gains = [], []
    for seed in range(8):
        labels, certain, gold, groups = noise(40, n_groups, seed)
        points = threshold.curve(labels, certain, gold, groups, NONE)
        best = threshold.proposed(points, 0.5)
        score = threshold.nested(labels, certain, gold, groups, least_coverage=0.5, bootstrap=NONE)
        assert score is not None
        assert score.by == ("utterances" if n_groups == 1 else "videos")
        everything = points[0].macro_f1
        assert everything is not None
        assert best is not None
        assert best.macro_f1 is not None
        optimism.append(best.macro_f1 - everything)
        gains.append(score.macro_f1 - everything)
    assert np.mean(optimism) > 0.03, "the best of many thresholds on the same rows looks better"
    assert np.mean(gains) < 0.02


def test_a_threshold_that_helps_helps_on_other_folds() -> None:
    labels, certain, gold, groups = noise(200, 8, 3)
    labels = np.where(certain > 0.45, gold, labels)
    score = threshold.nested(labels, certain, gold, groups, least_coverage=0.5, bootstrap=BOOTSTRAP)
    assert score is not None
    assert score.macro_f1 > 0.95
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.macro_f1 <= score.high
    assert (score.n_folds, score.by) == (8, "videos")


def test_there_are_no_folds_of_a_single_rating() -> None:
    labels, certain, gold, groups = noise(5, 2, 0)
    gold[1:] = ""
    assert threshold.nested(labels, certain, gold, groups, least_coverage=0.5, bootstrap=NONE) is None
