"""Few columns of a matrix at a time, for computing that takes several copies of what it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLUMNS = 16


def column_blocks(matrix: NDArray[Any]) -> list[NDArray[Any]]:
    """Return views of a matrix's columns, about 16 each.

    They have nearly the same size: NumPy sums a single column in another order than one among others.

    Args:
        matrix: shape (n_rows, n_columns)
    """
    return np.array_split(matrix, max(1, -(-matrix.shape[1] // _COLUMNS)), axis=1)
