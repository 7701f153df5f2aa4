"""Pairs of rows in the same bucket, found by sorting instead of comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.sides import Pairs

MOST_IN_A_BUCKET = 60
"""In larger buckets a shared key is weak evidence, and the pairs would be too many: rows are then paired with their
neighbours only."""


def buckets(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Yield the row numbers of every bucket with two rows or more.

    Args:
        keys: key of every row, shape (n_rows,) or (n_rows, n_parts)
    """
    columns = keys.reshape(keys.shape[0], -1)
    order = np.lexsort(columns.T[::-1])
    same = (columns[order[1:]] == columns[order[:-1]]).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield order[start : end + 1]


def within(row_groups: Iterator[NDArray[np.int64]]) -> Pairs:
    """Return the pairs of rows inside buckets, the smaller row first, shape (n_pairs, 2).

    Args:
        row_groups: row numbers of each bucket, from `buckets`
    """
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for rows in row_groups:
        members = np.sort(rows)
        if members.size <= MOST_IN_A_BUCKET:
            a, b = np.triu_indices(members.size, 1)
        else:
            a = np.arange(members.size - 1)
            b = a + 1
        pairs.append(np.stack([members[a], members[b]], axis=1))
    return np.concatenate(pairs)
