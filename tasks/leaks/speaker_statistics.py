"""Features normalised with a test speaker's own statistics, detected from the feature values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.column_blocks import column_blocks
from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.leaks.sides import FoldRows, Rows

CHECK = "speaker statistics"
_MIN_ROWS = 3
_TOLERANCE = 1e-3


def check(
    features: Sequence[NDArray[np.floating]], speaker: Rows, names: Sequence[str], splits: Sequence[FoldRows]
) -> Finding:
    """Find test speakers whose features all have mean 0, which only subtracting their own mean achieves.

    Args:
        features: the blocks of the classifier's input, shape (n_rows, n_features) each
        speaker: number of every row's speaker, -1 for none, shape (n_rows,)
        names: the speakers' names
        splits: the folds
    """
    tested = np.unique(np.concatenate([speaker[split.test] for split in splits]))
    tested = tested[tested >= 0]
    scale = np.concatenate([_deviations(block) for block in features]) if tested.size else np.zeros(0)
    varying = scale > 0
    own, checked = [], 0
    for number in tested.tolist():
        rows = np.flatnonzero(speaker == number)
        if rows.size < _MIN_ROWS or not varying.any():
            continue
        checked += 1
        mean = np.concatenate([block[rows].mean(axis=0, dtype=np.float64) for block in features])
        if (np.abs(mean[varying]) / scale[varying]).max() < _TOLERANCE:
            own.append(names[number])
    what = f"{len(own)} of {checked} test speakers have features of mean 0: their own test rows were used to normalise"
    # with a single speaker any standardisation gives mean 0, which proves nothing
    n = len(own) if checked > 1 else 0
    return Finding(CHECK, "violation", n, checked, what, tuple(own[:MOST_EXAMPLES]))


def _deviations(block: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the standard deviation of every feature, shape (n_features,)."""
    return np.concatenate([columns.astype(np.float64).std(axis=0) for columns in column_blocks(block)])
