"""Soft labels: predicted class distributions against the distribution of several people's ratings.

- **Jensen–Shannon distance**, base 2: the root of the Jensen–Shannon divergence (Lin 1991, IEEE Trans. Inf. Theory 37;
  Endres & Schindelin 2003 for the root), 0 for equal distributions, 1 for those with no class in common; row average.
- **Expected calibration error** (Naeini et al. 2015, AAAI; Guo et al. 2017, ICML): rows are binned by the probability
  of their predicted class; the mean over rows of the gap between that probability and the share of people who chose
  the class. With one person per row this is the ordinary error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels

N_BINS = 10
NAMES = ("jensen_shannon", "calibration_error")
_Reals = NDArray[np.float64]


def jensen_shannon(first: _Reals, second: _Reals) -> _Reals:
    """Return the Jensen–Shannon distance, base 2, of every two distributions, shape (n_rows,).

    Args:
        first: distributions, shape (n_rows, n_classes)
        second: the same shape

    Example:
        >>> jensen_shannon(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])).tolist()
        [1.0, 0.0]
    """
    middle = (first + second) / 2
    divergence = (_entropy(middle) - (_entropy(first) + _entropy(second)) / 2).clip(0.0, 1.0)
    distance: _Reals = np.sqrt(divergence)
    return distance


def summary(predicted: _Reals, rated: _Reals, groups: Labels, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return n and both measures with intervals over groups, ready for JSON.

    Args:
        predicted: probabilities, shape (n_rows, n_classes)
        rated: shares of the ratings, same shape
        groups: video or article of every row, shape (n_rows,)
        bootstrap: settings of the intervals, which are null with a single group
    """
    names, codes = np.unique(groups, return_inverse=True)
    sums = np.zeros((names.size, 2 + 3 * N_BINS))
    np.add.at(sums, codes, _summands(predicted, rated))
    return {"n": len(predicted), **scores.intervals(sums[None], bootstrap, score=_measured)}


def _summands(predicted: _Reals, rated: _Reals) -> _Reals:
    """Return per row: 1, distance, and by bin: 1, probability and agreement; shape (n_rows, 2 + 3 · N_BINS)."""
    rows = np.arange(len(predicted))
    chosen = predicted.argmax(axis=1)
    sure, agreed = predicted[rows, chosen], rated[rows, chosen]
    # the first bin ends at 1 / N_BINS, inclusive, as in the publications
    bins = np.clip(np.ceil(sure * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    by_bin = np.zeros((len(predicted), N_BINS, 3))
    by_bin[rows, bins] = np.stack([np.ones(len(predicted)), sure, agreed], axis=1)
    distances = jensen_shannon(predicted, rated)
    return np.hstack([np.ones((len(predicted), 1)), distances[:, None], by_bin.reshape(len(predicted), -1)])


def _measured(sums: _Reals) -> dict[str, _Reals]:
    n, by_bin = sums[..., 0], sums[..., 2:].reshape(*sums.shape[:-1], N_BINS, 3)
    gaps = np.abs(by_bin[..., 1] - by_bin[..., 2]).sum(axis=-1)
    return {"jensen_shannon": scores.ratio(sums[..., 1], n), "calibration_error": scores.ratio(gaps, n)}


def _entropy(distributions: _Reals) -> _Reals:
    logs = np.log2(distributions, out=np.zeros_like(distributions), where=distributions > 0)
    entropy: _Reals = -(distributions * logs).sum(axis=1)
    return entropy
