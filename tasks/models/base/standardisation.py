"""Mean, standard deviation and minimum of features over a training part; reads one row at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def moments(rows: Iterable[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, standard deviation and minimum of every feature.

    Args:
        rows: the steps of an utterance each, shape (n_steps, n_features)

    Returns:
        three arrays of shape (n_features,)
    """
    n, total, squares, least = 0, np.float64(0), np.float64(0), np.float64(np.inf)
    for steps in rows:
        values = steps.astype(np.float64)
        n += len(values)
        total = total + values.sum(axis=0)
        squares = squares + (values**2).sum(axis=0)
        least = np.minimum(least, values.min(axis=0))
    mean = np.asarray(total / n)
    # rounding can make the difference slightly negative
    scale = np.sqrt(np.maximum(squares / n - mean**2, 0))
    return mean, np.asarray(scale), np.asarray(least)
