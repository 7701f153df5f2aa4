"""Inter-rater agreement: percent agreement, Fleiss' kappa, Krippendorff's alpha, and each listener against the others.

Intervals resample whole videos, since rows of one video are not independent. All three measures are functions of sums
over rows, so that a bootstrap resample is a matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores
from tasks.evaluation.splits import Labels
from tasks.labelling.people.rating_sheets import Ratings
from tasks.labelling.people.ratings import majority

NAMES = ("percent", "kappa", "alpha")
_Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A measure of agreement and its interval; None where undefined, the bounds also with a single video."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """Agreement of listeners.

    Attributes:
        estimates: `NAMES` to value and interval. `percent`: share of equal pairs of ratings in a row, row average;
            `kappa`: Fleiss'; `alpha`: Krippendorff's, nominal
        pairs: macro F1 of one listener against another
        against_majority: macro F1 of each listener against the majority, which includes their own rating
        leave_one_out: macro F1 of each listener against the majority of the others, on rows where the others do not
            tie; without such rows a listener is left out. The human ceiling for a classifier
        ties: rows whose most frequent ratings tie
    """

    estimates: Mapping[str, Estimate]
    pairs: Mapping[tuple[str, str], float]
    against_majority: Mapping[str, float]
    leave_one_out: Mapping[str, float]
    ties: int

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha; None where undefined."""
        return self.estimates["alpha"].value


def agreement(ratings: Sequence[Ratings], videos: Labels, bootstrap: scores.Bootstrap) -> Agreement:
    """Measure the agreement of listeners.

    Args:
        ratings: listener to label, per row
        videos: video of every row, shape (n_rows,)
        bootstrap: settings of the intervals
    """
    names = sorted({name for row in ratings for name in row})
    majorities = [majority(row) for row in ratings]
    with_others = {name: _against_the_others(ratings, name) for name in names}
    return Agreement(
        estimates=measures(ratings, videos, bootstrap),
        pairs={
            (first, second): _macro_f1([(row[first], row[second]) for row in ratings if first in row and second in row])
            for first, second in combinations(names, 2)
        },
        against_majority={
            name: _macro_f1([(m, row[name]) for row, m in zip(ratings, majorities, strict=True) if m and name in row])
            for name in names
        },
        leave_one_out={name: _macro_f1(pairs) for name, pairs in with_others.items() if pairs},
        ties=majorities.count(None),
    )


def measures(ratings: Sequence[Ratings], videos: Labels, bootstrap: scores.Bootstrap) -> dict[str, Estimate]:
    """Return the measures of `NAMES` with intervals over videos; rows with fewer than two ratings do not count.

    Resamples in which a measure is undefined (all ratings equal) are left out of its interval.

    Args:
        ratings: listener to label, per row
        videos: video of every row, shape (n_rows,)
        bootstrap: settings of the intervals
    """
    counts = _counts(ratings)
    paired = counts.sum(axis=1) >= 2
    names, codes = np.unique(np.asarray(videos)[paired], return_inverse=True)
    sums = np.zeros((names.size, 2 + 2 * counts.shape[1]))
    np.add.at(sums, codes, _summands(counts[paired]))
    point = _measured(sums.sum(axis=0))
    resampled = _measured(bootstrap.weights(names.size) @ sums) if names.size > 1 else {}
    estimates = {}
    for name in NAMES:
        value = float(point[name])
        defined = resampled[name][np.isfinite(resampled[name])] if name in resampled else np.zeros(0)
        low, high = bootstrap.bounds(defined) if defined.size and np.isfinite(value) else (None, None)
        estimates[name] = Estimate(value if np.isfinite(value) else None, low, high)
    return estimates


def cohens_kappa(pairs: Sequence[tuple[str, str]], videos: Labels, bootstrap: scores.Bootstrap) -> Estimate:
    """Return Cohen's kappa of two raters (1960) with its interval over videos; undefined if both use one same class.

    Args:
        pairs: labels of a clip by the two
        videos: video of every clip, shape (n_clips,)
        bootstrap: settings of the interval
    """
    labels = sorted({label for pair in pairs for label in pair})
    places = {label: k for k, label in enumerate(labels)}
    names, codes = np.unique(np.asarray(videos), return_inverse=True)
    counts = np.zeros((names.size, len(labels), len(labels)))
    for code, (first, second) in zip(codes.tolist(), pairs, strict=True):
        counts[code, places[first], places[second]] += 1
    value = float(_kappa(counts.sum(axis=0))) if pairs else float("nan")
    if not np.isfinite(value):
        return Estimate(None, None, None)
    if names.size < 2:
        return Estimate(value, None, None)
    resampled = _kappa(np.tensordot(bootstrap.weights(names.size), counts, axes=1))
    low, high = bootstrap.bounds(resampled[np.isfinite(resampled)])
    return Estimate(value, low, high)


def _kappa(counts: _Sums) -> _Sums:
    """Return Cohen's kappa of tables of counts, shape (…, n_labels, n_labels); NaN: undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / counts.sum(axis=(-2, -1), keepdims=True)
        equal = np.trace(shares, axis1=-2, axis2=-1)
        by_chance = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
        kappa: _Sums = np.where(by_chance < 1, (equal - by_chance) / (1 - by_chance), np.nan)
    return kappa


def _macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return macro F1 of (true, predicted) labels over the labels that occur; symmetric in the two."""
    actual, predicted = (np.array([pair[side] for pair in pairs], dtype=str) for side in (0, 1))
    matrices = scores.confusions(actual, predicted, np.zeros(len(pairs), dtype=str), tables.SENTIMENTS)
    return float(scores.overall(matrices.sum(axis=0))["macro_f1"])


def _counts(ratings: Sequence[Ratings]) -> _Sums:
    """Count each row's ratings by label, over the labels that occur, shape (n_rows, n_labels)."""
    labels = sorted({label for row in ratings for label in row.values()})
    counts = [[list(row.values()).count(label) for label in labels] for row in ratings]
    return np.array(counts, dtype=float).reshape(len(ratings), len(labels))


def _summands(counts: _Sums) -> _Sums:
    """Return what each row with two or more ratings adds to the sums that the measures are computed from.

    Returns:
        per row: 1, share of equal pairs, ratings by label, coincidences of each label with itself; shape
        (n_rows, 2 + 2 · n_labels)
    """
    raters = counts.sum(axis=1, keepdims=True)
    equal = ((counts**2).sum(axis=1, keepdims=True) - raters) / (raters * (raters - 1))
    # coincidences (Krippendorff): a row of m ratings gives each of its ordered pairs the weight 1 / (m - 1)
    alike = counts * (counts - 1) / (raters - 1)
    return np.hstack([np.ones_like(raters), equal, counts, alike])


def _measured(sums: _Sums) -> dict[str, _Sums]:
    """Return the measures from sums over rows of shape (…, 2 + 2 · n_labels), each of shape (…); NaN: undefined.

    Fleiss' kappa (1971, "Measuring nominal scale agreement among many raters"), with equal weight for every row and
    labels weighed by their share of all ratings, also where rows differ in their number of ratings. Krippendorff's
    alpha for nominal data (2011, "Computing Krippendorff's Alpha-Reliability",
    https://repository.upenn.edu/asc_papers/43).
    """
    width = (sums.shape[-1] - 2) // 2
    rows, equal = sums[..., 0], sums[..., 1]
    totals, alike = sums[..., 2 : 2 + width], sums[..., 2 + width :]
    n = totals.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = equal / rows
        by_chance = ((totals / n[..., None]) ** 2).sum(axis=-1)
        varied = (totals > 0).sum(axis=-1) > 1
        kappa = np.where(varied, (percent - by_chance) / (1 - by_chance), np.nan)
        disagreed = n - alike.sum(axis=-1)
        alpha = np.where(varied, 1 - (n - 1) * disagreed / (n**2 - (totals**2).sum(axis=-1)), np.nan)
    return {"percent": percent, "kappa": kappa, "alpha": alpha}


def _against_the_others(ratings: Sequence[Ratings], name: str) -> list[tuple[str, str]]:
    """Return (majority of the others, the listener's rating) of the rows that have both."""
    pairs = []
    for row in ratings:
        rest = majority({other: label for other, label in row.items() if other != name})
        if name in row and rest is not None:
            pairs.append((rest, row[name]))
    return pairs
