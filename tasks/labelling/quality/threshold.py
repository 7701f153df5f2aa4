"""What a stricter consensus costs in coverage and brings in agreement with listeners: where to set the threshold."""

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
    """One threshold.

    Args:
        threshold: what a label's score must reach
        coverage: share of the texts that keep a label
        n: texts that keep one and that people have listened to
        macro_f1: of those, against the listeners' majority; None where there are none
        low: of its interval; None with a single video
        high: of its interval
    """

    threshold: float
    coverage: float
    n: int
    macro_f1: float | None
    low: float | None
    high: float | None


MOST_POINTS = 50


def curve(
    said: Labels, certain: NDArray[np.float64], gold: Labels, groups: Labels, bootstrap: Bootstrap
) -> list[ThresholdPoint]:
    """Return a point for every threshold at which the coverage changes, `MOST_POINTS` at most, from all to least.

    Args:
        said: labels, "" for none, shape (n_texts,)
        certain: how sure each label is, the larger the surer, shape (n_texts,)
        gold: what people heard, "" where nobody has, shape (n_texts,)
        groups: the video of every text, shape (n_texts,)
        bootstrap: of the intervals, over videos
    """
    labelled = said != ""
    levels = np.unique(certain[labelled & np.isfinite(certain)])
    if levels.size > MOST_POINTS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, MOST_POINTS), method="nearest"))
    return [_point(level, labelled & (certain >= level), said, gold, (groups, bootstrap)) for level in levels.tolist()]


def proposed(points: Sequence[ThresholdPoint], least_coverage: float) -> ThresholdPoint | None:
    """Return the point of the highest macro F1 that keeps so much of the texts, of equals the one that keeps most."""
    able = [one for one in points if one.macro_f1 is not None and one.coverage >= least_coverage]
    return max(able, key=lambda one: (one.macro_f1, one.coverage), default=None)


def setting(certain: NDArray[np.float64], chosen: ThresholdPoint) -> float:
    """Return the threshold to set: halfway between the least sure label that is kept and the surest that is not.

    Args:
        certain: how sure each label is, not a number where there is none, shape (n_texts,)
        chosen: a point of their curve
    """
    below = certain[certain < chosen.threshold]
    return float((below.max() + chosen.threshold) / 2) if below.size else 0.0


def held_out(
    said: Labels, certain: NDArray[np.float64], gold: Labels, groups: Labels, least_coverage: float
) -> float | None:
    """Return the macro F1 of labels at thresholds that were each chosen on the other videos; None where that cannot be.

    A threshold is best on the very rows it was chosen on; this is what to expect elsewhere.

    Args:
        said: as `curve` takes it
        certain: as `curve` takes it
        gold: as `curve` takes it
        groups: as `curve` takes it
        least_coverage: as `proposed` takes it
    """
    heard_in = np.unique(groups[gold != ""]).tolist()
    if len(heard_in) < 2:
        return None
    few = Bootstrap(1, 0.95, 0)
    kept = np.zeros(said.size, dtype=bool)
    for group in heard_in:
        others = groups != group
        best = proposed(curve(said[others], certain[others], gold[others], groups[others], few), least_coverage)
        if best is None:
            return None
        kept |= (groups == group) & (said != "") & (certain >= best.threshold)
    heard = kept & (gold != "")
    if not heard.any():
        return None
    counted = scores.confusions(gold[heard], said[heard], groups[heard], tables.SENTIMENTS)
    return float(scores.overall(counted.sum(axis=0))["macro_f1"])


def _point(
    level: float, kept: NDArray[np.bool_], said: Labels, gold: Labels, of: tuple[Labels, Bootstrap]
) -> ThresholdPoint:
    groups, bootstrap = of
    heard = kept & (gold != "")
    coverage = float(kept.mean())
    if not heard.any():
        return ThresholdPoint(level, coverage, 0, None, None, None)
    counted = scores.confusions(gold[heard], said[heard], groups[heard], tables.SENTIMENTS)
    found = scores.summary(counted, tables.SENTIMENTS, bootstrap)["macro_f1"]
    return ThresholdPoint(level, coverage, int(heard.sum()), found["value"], found["low"], found["high"])
