"""Abstention: what the most certain predictions are worth if the others are left out.

El-Yaniv and Wiener (2010, JMLR 11): risk-coverage curves; Geifman et al. (2019, ICLR): the area under them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels
from tasks.models.base.estimator import Scores

COVERAGES = tuple(k / 20 for k in range(1, 21))


def measured(actual: Sequence[Labels], probabilities: Sequence[Scores], classes: Sequence[str]) -> dict[str, Any]:
    """Return the risk-coverage curve of predictions, ready for JSON; all runs together.

    Args:
        actual: classes of the rows of every run
        probabilities: calibrated, of the rows of every run, shape (n_rows, n_classes)
        classes: names of their columns

    Returns:
        `aurc`: the mean share of errors over all coverages, 0 for none; `best_aurc`: if all errors were the least
        certain; `random_aurc`: the share of errors of all rows; `points`: share of rows kept, the probability from
        which on they are, and their accuracy and UAR
    """
    given, labels = np.concatenate(list(probabilities)), np.concatenate(list(actual))
    certainty, right = given.max(axis=1), np.array(classes)[given.argmax(axis=1)] == labels
    # ties keep the order of the rows, which are sorted by id
    order = np.argsort(-certainty, kind="stable")
    n_kept = np.arange(1, order.size + 1)
    points = [_point(order[: max(1, round(coverage * order.size))], certainty, right, labels) for coverage in COVERAGES]
    return {
        "aurc": float(np.mean(np.cumsum(~right[order]) / n_kept)),
        "best_aurc": float(np.mean(np.cumsum(np.sort(~right)) / n_kept)),
        "random_aurc": float(np.mean(~right)),
        "points": points,
    }


def _point(
    kept: NDArray[np.int64], certainty: NDArray[np.float64], right: NDArray[np.bool_], labels: Labels
) -> dict[str, float]:
    recalls = [right[kept][labels[kept] == name].mean() for name in np.unique(labels[kept])]
    return {
        "coverage": kept.size / labels.size,
        "threshold": float(certainty[kept].min()),
        "accuracy": float(right[kept].mean()),
        "uar": float(np.mean(recalls)),
        "n_classes": len(recalls),
    }
