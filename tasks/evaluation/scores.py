"""Classification scores from confusion matrices, with intervals from a bootstrap over groups.

All scores are computed from one confusion matrix per group (video, speaker …): resampling whole groups is then a matrix
product, and 2,000 resamples take milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels

Matrices = NDArray[np.float64]
Score = Callable[[Matrices], Mapping[str, NDArray[np.float64]]]
NAMES = ("accuracy", "uar", "macro_f1", "weighted_f1")
PRESENT_ABOVE: Mapping[str, float] = {"03": 0.3, "05": 0.5}
"""Predicted intensities above which an emotion counts as present, by the ending of their scores' names: the two
thresholds of the source of `ser-bench`."""
SEVERAL_VALUES = "several values"
MEASURES: Mapping[str, tuple[str, ...]] = {
    "classes": NAMES,
    "labels": ("micro_f1", "macro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
    SEVERAL_VALUES: ("mse", "mae", "correlation", "micro_f1_03", "macro_f1_03", "micro_f1_05", "macro_f1_05"),
}
"""Scores that every baseline has, too: of classes, labels, one value, several values."""

_DRAWN_AT_ONCE = 100


@dataclass(frozen=True)
class Bootstrap:
    """Settings of a bootstrap interval.

    Args:
        resamples: number of resamples of whole groups
        confidence: two-sided, 0 to 1
        seed: of the resampling
    """

    resamples: int
    confidence: float
    seed: int

    def weights(self, n_groups: int) -> Matrices:
        """Return how often each resample draws each group, shape (resamples, n_groups).

        Args:
            n_groups: number of groups to draw from, and of draws
        """
        rng, chances = np.random.default_rng(self.seed), np.full(n_groups, 1 / n_groups)
        weights = np.empty((self.resamples, n_groups))
        # in parts: the draws are integers, which take the same memory again
        for start in range(0, self.resamples, _DRAWN_AT_ONCE):
            part = weights[start : start + _DRAWN_AT_ONCE]
            part[:] = rng.multinomial(n_groups, chances, size=len(part))
        return weights

    def bounds(self, values: NDArray[np.float64]) -> tuple[float, float]:
        """Return the percentile interval.

        Args:
            values: a score of each resample, shape (n,)
        """
        tails = (1 - self.confidence) / 2
        low, high = np.quantile(values, [tails, 1 - tails])
        return float(low), float(high)


def kind_of(task: str, n_outputs: int) -> str:
    """Return which of `MEASURES` an experiment has.

    Args:
        task: `classes`, `labels` or `values`
        n_outputs: number of classes, labels or values
    """
    return SEVERAL_VALUES if task == "values" and n_outputs > 1 else task


def headline_measure(task: str, reader: str, protocol: str, n_outputs: int) -> str:
    """Return the name of an experiment's headline score: weighted F1 on MELD's own split, as in its publications.

    Several values have the squared error: most intensities are 0, and the absolute error is smallest for a constant 0.

    Args:
        task: `classes`, `labels` or `values`
        reader: of the corpus
        protocol: its name
        n_outputs: number of classes, labels or values
    """
    if task == "classes" and reader == "meld" and protocol == "official":
        return "weighted_f1"
    headlines = {"classes": "uar", "labels": "macro_f1", "values": "mae", SEVERAL_VALUES: "mse"}
    return headlines[kind_of(task, n_outputs)]


def confusions(actual: Labels, predicted: Labels, groups: Labels, classes: Sequence[str]) -> Matrices:
    """Count each group's confusion matrix.

    Args:
        actual: true classes, shape (n_rows,)
        predicted: predicted classes, shape (n_rows,)
        groups: group of every row, shape (n_rows,)
        classes: the order of rows (actual) and columns (predicted)

    Returns:
        counts, shape (n_groups, n_classes, n_classes), groups sorted
    """
    code = {label: number for number, label in enumerate(classes)}
    names, group_codes = np.unique(groups, return_inverse=True)
    counts = np.zeros((names.size, len(classes), len(classes)))
    rows = np.array([code[label] for label in actual], dtype=int)
    columns = np.array([code[label] for label in predicted], dtype=int)
    np.add.at(counts, (group_codes, rows, columns), 1.0)
    return counts


def per_class(matrices: Matrices) -> dict[str, NDArray[np.float64]]:
    """Return precision, recall and F1 of every class, 0 where undefined, as in scikit-learn.

    Args:
        matrices: confusion matrices, shape (…, n_classes, n_classes)

    Returns:
        `precision`, `recall`, `f1` and `support` (number of actual rows), each of shape (…, n_classes)
    """
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    support, calls = matrices.sum(axis=-1), matrices.sum(axis=-2)
    return {
        "precision": ratio(hits, calls),
        "recall": ratio(hits, support),
        "f1": ratio(2 * hits, support + calls),
        "support": support,
    }


def overall(matrices: Matrices, n_real: int | None = None) -> dict[str, NDArray[np.float64]]:
    """Return accuracy, UAR, macro F1 and weighted F1.

    UAR averages recall over the classes that occur; macro F1 averages over the classes that occur or are predicted.

    Args:
        matrices: confusion matrices, shape (…, n_classes, n_classes)
        n_real: number of real classes; the columns after them mean no answer, which is always wrong. None: all columns

    Returns:
        `NAMES` to arrays of shape (…)
    """
    by_class = per_class(matrices)
    support = by_class["support"]
    occurs, used = support > 0, (support + matrices.sum(axis=-2)) > 0
    used[..., n_real or used.shape[-1] :] = False
    return {
        "accuracy": ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum(axis=(-2, -1))),
        "uar": ratio((by_class["recall"] * occurs).sum(axis=-1), occurs.sum(axis=-1)),
        "macro_f1": ratio((by_class["f1"] * used).sum(axis=-1), used.sum(axis=-1)),
        "weighted_f1": ratio((by_class["f1"] * support).sum(axis=-1), support.sum(axis=-1)),
    }


def summary(
    matrices: Matrices, classes: Sequence[str], bootstrap: Bootstrap, n_real: int | None = None
) -> dict[str, Any]:
    """Return every score with its interval, ready for JSON.

    Args:
        matrices: one confusion matrix per group, shape (n_groups, n_classes, n_classes); or, for an average over
            repetitions, shape (n_repetitions, n_groups, n_classes, n_classes)
        classes: the order of the classes
        bootstrap: settings of the intervals, which are null with a single group
        n_real: as for `overall`

    Returns:
        `n`, the scores of `NAMES` as `{value, low, high}`, `per_class`, and `confusion` summed over groups
        (averaged over repetitions)
    """
    repeated = matrices if matrices.ndim == 4 else matrices[None]
    pooled = repeated.sum(axis=1)
    by_class = {name: values.mean(axis=0) for name, values in per_class(pooled).items()}
    return {
        "n": round(float(pooled[0].sum())),
        **intervals(repeated, bootstrap, score=partial(overall, n_real=n_real)),
        "per_class": {
            label: {
                "precision": float(by_class["precision"][i]),
                "recall": float(by_class["recall"][i]),
                "f1": float(by_class["f1"][i]),
                "support": round(float(by_class["support"][i])),
            }
            for i, label in enumerate(classes)
        },
        "confusion": [[round(count) for count in row] for row in pooled.mean(axis=0).tolist()],
    }


def intervals(
    mine: Matrices,
    bootstrap: Bootstrap,
    *,
    other: Matrices | None = None,
    per_fold: bool = False,
    score: Score = overall,
) -> dict[str, dict[str, float | None]]:
    """Return each score with the interval of a bootstrap over units, or its difference to another system's.

    Args:
        mine: what scores are computed from, such as confusion matrices, shape (n_runs, n_units, …)
        bootstrap: settings of the intervals, which are null with a single unit
        other: the same of the other system on the same units, same shape up to n_runs
        per_fold: whether units are folds, whose scores are averaged, or groups, which are scored together
        score: computes the scores of an array of shape (n, n_runs, …), such as `overall`

    Returns:
        name of each score to `{value, low, high}`
    """
    n_units = mine.shape[1]

    def averaged(weights: Matrices | None) -> dict[str, NDArray[np.float64]]:
        of_mine = _averaged(mine, weights, score, per_fold)
        if other is None:
            return of_mine
        # paired: both systems are scored on the same resamples, so that the units' difficulty cancels out
        of_other = _averaged(other, weights, score, per_fold)
        return {name: values - of_other[name] for name, values in of_mine.items()}

    resampled = averaged(bootstrap.weights(n_units)) if n_units > 1 else {}
    bounds = {name: bootstrap.bounds(values) for name, values in resampled.items()}
    estimates: dict[str, dict[str, float | None]] = {}
    for name, values in averaged(None).items():
        low, high = bounds.get(name, (None, None))
        estimates[name] = {"value": float(values[0]), "low": low, "high": high}
    return estimates


def _averaged(side: Matrices, weights: Matrices | None, score: Score, per_fold: bool) -> dict[str, NDArray[np.float64]]:
    """Return each score's mean over runs in every resample, shape (n_resamples,); without weights, of all units."""
    if per_fold:
        of_units = {name: values.mean(axis=0) for name, values in score(side).items()}
        shares = None if weights is None else weights / weights.sum(axis=1, keepdims=True)
        return {
            name: values.mean(keepdims=True) if shares is None else shares @ values for name, values in of_units.items()
        }
    sums = side.sum(axis=1)[None] if weights is None else np.tensordot(weights, side, axes=(1, 1))
    return {name: values.mean(axis=1) for name, values in score(sums).items()}


def ratio(above: NDArray[np.float64], below: NDArray[Any]) -> NDArray[np.float64]:
    """Return quotients, 0 where the divisor is not above 0.

    Args:
        above: dividends
        below: divisors, same shape
    """
    quotients: NDArray[np.float64] = np.divide(above, below, out=np.zeros(np.shape(above)), where=np.asarray(below) > 0)
    return quotients
