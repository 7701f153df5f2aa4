"""How well several listeners agree: percent, Fleiss' kappa, Krippendorff's alpha, and each one beside the others.

Intervals resample whole videos, as everywhere: rows of one video are not independent. All three figures are functions
of sums over rows, so that a resample is a matrix product.
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
from tasks.labelling.people.ratings import Ratings, majority

NAMES = ("percent", "kappa", "alpha")
_Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A measure of agreement and its interval; None where it is not defined, or with one video alone."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """How well listeners agree.

    Attributes:
        figures: `NAMES` to value and interval. `percent`: the share of pairs of votes on one row that are the same,
            averaged over rows; `kappa`: Fleiss'; `alpha`: Krippendorff's, nominal
        pairs: macro F1 of one listener against another
        against_majority: macro F1 of each listener against the majority, of which their own vote is a part
        leave_one_out: macro F1 of each listener against the majority of the others, who do not tie; who shares no
            such row with others is left out. What a person reaches: the ceiling of a classifier
        ties: rows whose most frequent votes tie
    """

    figures: Mapping[str, Estimate]
    pairs: Mapping[tuple[str, str], float]
    against_majority: Mapping[str, float]
    leave_one_out: Mapping[str, float]
    ties: int

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha; None where it is not defined."""
        return self.figures["alpha"].value


def agreement(votes: Sequence[Ratings], videos: Labels, bootstrap: scores.Bootstrap) -> Agreement:
    """Measure how well the listeners of some rows agree.

    Args:
        votes: listener to vote, per row
        videos: the video of every row, shape (n_rows,)
        bootstrap: how the intervals are made
    """
    names = sorted({name for row in votes for name in row})
    majorities = [majority(row) for row in votes]
    others = {name: _beside_the_others(votes, name) for name in names}
    return Agreement(
        figures=figures(votes, videos, bootstrap),
        pairs={
            (one, other): macro_f1([(row[one], row[other]) for row in votes if one in row and other in row])
            for one, other in combinations(names, 2)
        },
        against_majority={
            name: macro_f1([(m, row[name]) for row, m in zip(votes, majorities, strict=True) if m and name in row])
            for name in names
        },
        leave_one_out={name: macro_f1(pairs) for name, pairs in others.items() if pairs},
        ties=sum(one is None for one in majorities),
    )


def figures(votes: Sequence[Ratings], videos: Labels, bootstrap: scores.Bootstrap) -> dict[str, Estimate]:
    """Return the measures of `NAMES` with their intervals over videos; rows of fewer than two votes count in none.

    Resamples in which a measure is not defined (nobody differs in anything) are left out of its interval.

    Args:
        votes: listener to vote, per row
        videos: the video of every row, shape (n_rows,)
        bootstrap: how the intervals are made
    """
    counts = _counts(votes)
    paired = counts.sum(axis=1) >= 2
    names, codes = np.unique(np.asarray(videos)[paired], return_inverse=True)
    sums = np.zeros((names.size, 2 + 2 * counts.shape[1]))
    np.add.at(sums, codes, _summands(counts[paired]))
    point = _measured(sums.sum(axis=0))
    resampled = _measured(bootstrap.weights(names.size) @ sums) if names.size > 1 else {}
    found = {}
    for name in NAMES:
        value = float(point[name])
        defined = resampled[name][np.isfinite(resampled[name])] if name in resampled else np.zeros(0)
        low, high = bootstrap.bounds(defined) if defined.size and np.isfinite(value) else (None, None)
        found[name] = Estimate(value if np.isfinite(value) else None, low, high)
    return found


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return macro F1 of (true, given) labels over the labels that occur; symmetric in the two."""
    actual, given = (np.array([pair[side] for pair in pairs], dtype=str) for side in (0, 1))
    counted = scores.confusions(actual, given, np.zeros(len(pairs), dtype=str), tables.SENTIMENTS)
    return float(scores.overall(counted.sum(axis=0))["macro_f1"])


def _counts(votes: Sequence[Ratings]) -> _Sums:
    """Count each row's votes by the labels that occur, shape (n_rows, n_labels)."""
    labels = sorted({vote for row in votes for vote in row.values()})
    counts = [[list(row.values()).count(label) for label in labels] for row in votes]
    return np.array(counts, dtype=float).reshape(len(votes), len(labels))


def _summands(counts: _Sums) -> _Sums:
    """Return what each row of two votes or more adds to the sums that all measures are made of.

    Returns:
        one, the share of equal pairs, the votes by label, the coincidences of each label with itself; shape
        (n_rows, 2 + 2 · n_labels)
    """
    raters = counts.sum(axis=1, keepdims=True)
    equal = ((counts**2).sum(axis=1, keepdims=True) - raters) / (raters * (raters - 1))
    # coincidences (Krippendorff): a row of m votes gives each of its ordered pairs the weight 1 / (m - 1)
    alike = counts * (counts - 1) / (raters - 1)
    return np.hstack([np.ones_like(raters), equal, counts, alike])


def _measured(sums: _Sums) -> dict[str, _Sums]:
    """Return the measures from sums over rows of shape (…, 2 + 2 · n_labels), each of shape (…); NaN: not defined.

    Kappa is Fleiss' (1971, "Measuring nominal scale agreement among many raters"), with rows weighing the same and
    labels by their share of all votes where rows differ in how many voted. Alpha is Krippendorff's (2011, "Computing
    Krippendorff's Alpha-Reliability", https://repository.upenn.edu/asc_papers/43) for nominal data.
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


def _beside_the_others(votes: Sequence[Ratings], name: str) -> list[tuple[str, str]]:
    """Return (the others' majority, the listener's vote) of the rows where both are."""
    found = []
    for row in votes:
        rest = majority({one: vote for one, vote in row.items() if one != name})
        if name in row and rest is not None:
            found.append((rest, row[name]))
    return found
