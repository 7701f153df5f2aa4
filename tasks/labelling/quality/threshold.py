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
    levels = np.unique(certain[labelled & np.isfinite(certain)])
    if levels.size > MOST_POINTS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, MOST_POINTS), method="nearest"))
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


def held_out(
    labels: Labels, certain: NDArray[np.float64], gold: Labels, groups: Labels, least_coverage: float
) -> float | None:
    """Return the macro F1 that a threshold reaches on videos it was not chosen on (leave one video out).

    The curve's best score is optimistic, since the threshold is chosen on the same rows.

    Args:
        labels: combined labels, "" for none, shape (n_texts,)
        certain: certainty of each label, shape (n_texts,)
        gold: listeners' labels, "" for none, shape (n_texts,)
        groups: video of every text, shape (n_texts,)
        least_coverage: share of the texts, 0 to 1, that must keep a label

    Returns:
        None with fewer than two rated videos, or if no threshold can be chosen on the others
    """
    rated_groups = np.unique(groups[gold != ""]).tolist()
    if len(rated_groups) < 2:
        return None
    # intervals are not used here: one resample keeps the loop fast
    no_intervals = Bootstrap(1, 0.95, 0)
    kept = np.zeros(labels.size, dtype=bool)
    for group in rated_groups:
        others = groups != group
        points = curve(labels[others], certain[others], gold[others], groups[others], no_intervals)
        best = proposed(points, least_coverage)
        if best is None:
            return None
        kept |= (groups == group) & (labels != "") & (certain >= best.threshold)
    rated = kept & (gold != "")
    if not rated.any():
        return None
    matrices = scores.confusions(gold[rated], labels[rated], groups[rated], tables.SENTIMENTS)
    return float(scores.overall(matrices.sum(axis=0))["macro_f1"])


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
