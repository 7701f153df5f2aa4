"""Overlapping spans of a recording, found by a sweep over their starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.sides import Pairs, Rows

_MIN_OVERLAP_S = 0.1
"""Shorter overlaps are ignored: times are rounded, and consecutive captions overlap slightly."""


def overlapping(recording: Rows, start_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> Pairs:
    """Return the pairs of rows that share more than `_MIN_OVERLAP_S` of a recording.

    Args:
        recording: number of the recording, below 0 for none, shape (n_rows,)
        start_s: start within the recording in seconds, NaN for none, shape (n_rows,)
        end_s: end within the recording in seconds, shape (n_rows,)

    Returns:
        row numbers, the smaller first, sorted, shape (n_pairs, 2)
    """
    placed = np.flatnonzero((recording >= 0) & ~np.isnan(start_s) & ~np.isnan(end_s))
    order = placed[np.lexsort((placed, start_s[placed], recording[placed]))]
    pairs, active, current = [], list[int](), -1
    for row in order.tolist():
        if recording[row] != current:
            active, current = [], recording[row]
        active = [other for other in active if end_s[other] > start_s[row] + _MIN_OVERLAP_S]
        pairs += [
            (min(row, other), max(row, other))
            for other in active
            if min(end_s[row], end_s[other]) - start_s[row] > _MIN_OVERLAP_S
        ]
        active.append(row)
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
