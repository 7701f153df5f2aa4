"""Scores from confusion matrices equal scikit-learn's; intervals come from resampling whole groups."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from tasks.evaluation import scores

CLASSES = ("negative", "neutral", "positive")


def drawn(seed: int, n: int = 200, n_groups: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actual = rng.choice(CLASSES, n, p=[0.2, 0.5, 0.3])
    predicted = np.where(rng.random(n) < 0.6, actual, rng.choice(CLASSES, n))
    return actual, predicted, rng.integers(0, n_groups, n).astype(str)


@pytest.mark.parametrize("seed", range(5))
def test_point_scores_equal_scikit_learn(seed: int) -> None:
    actual, predicted, groups = drawn(seed)
    summary = scores.summary(
        scores.confusions(actual, predicted, groups, CLASSES), CLASSES, scores.Bootstrap(100, 0.95, 1)
    )
    assert summary["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert summary["uar"]["value"] == pytest.approx(metrics.recall_score(actual, predicted, average="macro"))
    assert summary["macro_f1"]["value"] == pytest.approx(metrics.f1_score(actual, predicted, average="macro"))
    assert summary["weighted_f1"]["value"] == pytest.approx(metrics.f1_score(actual, predicted, average="weighted"))
    assert summary["confusion"] == metrics.confusion_matrix(actual, predicted, labels=CLASSES).tolist()
    assert summary["n"] == 200


def test_a_class_that_never_occurs_does_not_count() -> None:
    actual, predicted = np.array(["neutral", "positive"]), np.array(["neutral", "neutral"])
    counted = scores.confusions(actual, predicted, np.array(["a", "b"]), CLASSES)
    result = scores.overall(counted.sum(axis=0))
    assert result["uar"] == pytest.approx(0.5)
    assert result["macro_f1"] == pytest.approx(metrics.f1_score(actual, predicted, average="macro"))


def test_interval_holds_the_value_and_widens_with_fewer_groups() -> None:
    actual, predicted, groups = drawn(3, n=600, n_groups=60)
    few = np.char.add("g", (groups.astype(int) % 4).astype(str))
    bootstrap = scores.Bootstrap(1000, 0.95, 7)
    widths = []
    for grouping in (groups, few):
        entry = scores.summary(scores.confusions(actual, predicted, grouping, CLASSES), CLASSES, bootstrap)["accuracy"]
        assert entry["low"] <= entry["value"] <= entry["high"]
        widths.append(entry["high"] - entry["low"])
    assert widths[0] > 0
    single = scores.summary(scores.confusions(actual, predicted, np.full(600, "a"), CLASSES), CLASSES, bootstrap)
    assert single["accuracy"]["low"] is None


def test_group_bootstrap_is_wider_than_the_rows_say_where_groups_agree() -> None:
    actual = np.repeat("neutral", 200)
    groups = np.repeat([f"v{i}" for i in range(10)], 20)
    predicted = np.where(np.repeat(np.arange(10) < 5, 20), "neutral", "positive")
    bootstrap = scores.Bootstrap(2000, 0.95, 7)
    by_group = scores.summary(scores.confusions(actual, predicted, groups, CLASSES), CLASSES, bootstrap)["accuracy"]
    by_row = scores.summary(
        scores.confusions(actual, predicted, np.arange(200).astype(str), CLASSES), CLASSES, bootstrap
    )["accuracy"]
    assert by_group["high"] - by_group["low"] > 2 * (by_row["high"] - by_row["low"])


def test_repetitions_are_averaged() -> None:
    actual, predicted, groups = drawn(1)
    first = scores.confusions(actual, predicted, groups, CLASSES)
    second = scores.confusions(actual, actual, groups, CLASSES)
    result = scores.summary(np.stack([first, second]), CLASSES, scores.Bootstrap(200, 0.95, 7))
    assert result["accuracy"]["value"] == pytest.approx((1 + metrics.accuracy_score(actual, predicted)) / 2)
    assert result["n"] == 200
