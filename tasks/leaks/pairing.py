"""Pairs of rows in the same bucket, found by sorting instead of comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.sides import Pairs

MOST_IN_A_BUCKET = 60
"""In larger buckets a shared key is weak evidence, and the pairs would be too many."""
_Rows = NDArray[np.int64]


def within(keys: NDArray[np.uint64]) -> Pairs:
    """Return the pairs of rows in the same bucket, the smaller row first, shape (n_pairs, 2).

    In buckets of more than `MOST_IN_A_BUCKET` rows, each row is paired with the next one only.

    Args:
        keys: key of every row, shape (n_rows,) or (n_rows, n_parts); at least one row
    """
    columns = keys.reshape(keys.shape[0], -1)
    # stable: rows of a bucket stay in ascending order
    order = np.lexsort(columns.T[::-1])
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (columns[order[1:]] != columns[order[:-1]]).any(axis=1)
    edges = np.append(np.flatnonzero(begins), order.size)
    in_a_large_one = np.repeat(np.diff(edges) > MOST_IN_A_BUCKET, np.diff(edges))
    followers = np.flatnonzero(in_a_large_one & ~begins)
    pairs = [*of_runs(order, edges), (order[followers - 1], order[followers])]
    return np.concatenate([np.stack(sides, axis=1) for sides in pairs])


def of_runs(rows: _Rows, edges: _Rows) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield the pairs of rows within runs of 2 to `MOST_IN_A_BUCKET` rows, as two arrays of equal length.

    Args:
        rows: all runs, one after the other, shape (n_rows,)
        edges: the start of each run, and the end of the last, shape (n_runs + 1,)
    """
    lengths = np.diff(edges)
    # all runs of equal length at once, as a matrix
    for length in range(2, MOST_IN_A_BUCKET + 1):
        if (of_length := lengths == length).any():
            runs = rows[edges[:-1][of_length][:, None] + np.arange(length)]
            left, right = np.triu_indices(length, 1)
            yield runs[:, left].ravel(), runs[:, right].ravel()
