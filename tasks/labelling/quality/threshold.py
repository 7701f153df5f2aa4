"""Choice of a threshold: coverage and agreement with listeners as a function of the required certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.quality import rated_folds
from tasks.labelling.quality.rated_folds import Unit


@dataclass(frozen=True)
class ThresholdPoint:
    """One point of the curve.

    Args:
        threshold: least certainty of a label
        coverage: share of the texts that keep a label
        n: texts with a label and a gold label
        macro_f1: on those texts; None if there are none
        low: lower bound of its interval; None with a single video
        high: upper bound
    """

    threshold: float
    coverage: float
    n: int
    macro_f1: float | None
    low: float | None
    high: float | None


MOST_POINTS = 50
LEAST_RATINGS = 20
"""Fewest rated texts that a threshold is chosen on."""
FOLDS = 10


def curve(
    labels: Labels, certain: NDArray[np.float64], gold: Labels, groups: Labels, bootstrap: Bootstrap
) -> list[ThresholdPoint]:
    """Return a point for every threshold at which the coverage changes, at most `MOST_POINTS`, ascending.

    Args:
        labels: combined labels, "" for none, shape (n_texts,)
        certain: certainty of each label, from `combine.certainty`, shape (n_texts,)
        gold: listeners' labels, "" for none, shape (n_texts,)
        groups: video of every text, shape (n_texts,)
        bootstrap: settings of the intervals, over videos
    """
    labelled = labels != ""
    levels = _levels(labels, certain)
    return [
        _point(level, labelled & (certain >= level), labels, gold, (groups, bootstrap)) for level in levels.tolist()
    ]


def proposed(points: Sequence[ThresholdPoint], least_coverage: float) -> ThresholdPoint | None:
    """Return the point with the best macro F1, and with the larger coverage among equals; None if there is none.

    Args:
        points: of a curve
        least_coverage: share of the texts, 0 to 1, that must keep a label
    """
    able = [point for point in points if point.macro_f1 is not None and point.coverage >= least_coverage]
    return max(able, key=lambda point: (point.macro_f1, point.coverage), default=None)


def setting(certain: NDArray[np.float64], chosen: ThresholdPoint) -> float:
    """Return the value for params.yaml: halfway between the last label that is dropped and the first that is kept.

    Args:
        certain: certainty of each label, NaN where there is none, shape (n_texts,)
        chosen: a point of the curve
    """
    below = certain[certain < chosen.threshold]
    return float((below.max() + chosen.threshold) / 2) if below.size else 0.0


@dataclass(frozen=True)
class NestedScore:
    """Macro F1 that thresholds reach on rated texts that they were not chosen on.

    Args:
        macro_f1: of the kept labels
        low: lower bound of its interval, over groups
        high: upper bound
        n: texts with a kept label
        n_folds: number of folds
        by: what is on one side of a fold as a whole: `videos`, or `utterances` where only one video is rated
    """

    macro_f1: float
    low: float | None
    high: float | None
    n: int
    n_folds: int
    by: Unit


def nested(
    labels: Labels,
    certain: NDArray[np.float64],
    gold: Labels,
    groups: Labels,
    *,
    least_coverage: float,
    bootstrap: Bootstrap,
) -> NestedScore | None:
    """Return the score of thresholds that are chosen on the other folds, and scored on the fold that was left out.

    The curve's best score is optimistic, since the threshold is chosen on the same rows. A threshold has no fitted
    part: inner folds, scored together, have the score of all other folds at once, which the choice uses.

    Args:
        labels: combined labels, "" for none, shape (n_texts,)
        certain: certainty of each label, shape (n_texts,)
        gold: listeners' labels, "" for none, shape (n_texts,)
        groups: video of every text, shape (n_texts,); utterances take its place where only one is rated
        least_coverage: share of the texts, 0 to 1, that must keep a label
        bootstrap: settings of the interval

    Returns:
        None with fewer than two rated texts, or if no rated text keeps a label
    """
    folds = rated_folds.folds(gold, groups, FOLDS)
    if len(folds.test) < 2:
        return None
    levels = _levels(labels, certain)
    keeps = (labels != "") & (certain >= levels[:, None])
    possible = keeps.mean(axis=1) >= least_coverage
    kept = np.zeros(labels.size, dtype=bool)
    for rows in folds.test:
        others = np.setdiff1d(np.flatnonzero(gold != ""), rows)
        macro_f1 = np.where(possible, _macro_f1s(keeps[:, others], labels[others], gold[others]), -1.0)
        # of equal scores the first: the lowest threshold, with the largest coverage
        kept[rows] = keeps[macro_f1.argmax(), rows] if possible.any() else labels[rows] != ""
    if not kept.any():
        return None
    matrices = scores.confusions(gold[kept], labels[kept], folds.units[kept], tables.SENTIMENTS)
    estimate = scores.summary(matrices, tables.SENTIMENTS, bootstrap)["macro_f1"]
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    return NestedScore(value, low, high, int(kept.sum()), len(folds.test), folds.by)


def _levels(labels: Labels, certain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds of the curve, ascending."""
    levels = np.unique(certain[(labels != "") & np.isfinite(certain)])
    if levels.size > MOST_POINTS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, MOST_POINTS), method="nearest"))
    return levels


def _macro_f1s(keeps: NDArray[np.bool_], labels: Labels, gold: Labels) -> NDArray[np.float64]:
    """Return macro F1 of the labels that each threshold keeps, -1 where there are none, shape (n_thresholds,)."""
    classes = np.array(tables.SENTIMENTS)
    pairs = (gold[:, None, None] == classes[:, None]) & (labels[:, None, None] == classes)
    matrices = np.tensordot(keeps.astype(np.float64), pairs.astype(np.float64), axes=(1, 0))
    macro_f1: NDArray[np.float64] = scores.overall(matrices)["macro_f1"].round(9)
    return np.where(matrices.sum(axis=(1, 2)) > 0, macro_f1, -1.0)


def _point(
    level: float, kept: NDArray[np.bool_], labels: Labels, gold: Labels, resampling: tuple[Labels, Bootstrap]
) -> ThresholdPoint:
    groups, bootstrap = resampling
    rated = kept & (gold != "")
    coverage = float(kept.mean())
    if not rated.any():
        return ThresholdPoint(level, coverage, 0, None, None, None)
    matrices = scores.confusions(gold[rated], labels[rated], groups[rated], tables.SENTIMENTS)
    estimate = scores.summary(matrices, tables.SENTIMENTS, bootstrap)["macro_f1"]
    return ThresholdPoint(level, coverage, int(rated.sum()), estimate["value"], estimate["low"], estimate["high"])
