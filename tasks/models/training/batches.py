"""Which rows are trained on together, and in which order: a function of the seed and the epoch, of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows

CHUNK = 50
"""Batches that are sorted by length among themselves: enough for little padding, few enough to stay well mixed."""

Batch = Mapping[str, NDArray[Any]]
"""A network's named arguments, each with one entry per row first."""


class RowSource(Protocol):
    """Rows as a network takes them, read when they are asked for.

    Attributes:
        lengths: steps or tokens of each row, shape (n_rows,); None where all rows are alike
    """

    lengths: Rows | None

    def __len__(self) -> int:
        """Return how many rows there are."""

    def batch(self, rows: Rows) -> Batch:
        """Return some rows as the network's named arguments."""


def shuffled(n_rows: int, batch_size: int, lengths: Rows | None, seed: int, epoch: int) -> list[Rows]:
    """Return the batches of an epoch; rows of similar length stand together.

    Rows are shuffled, sorted by length within chunks of `CHUNK` batches, cut, and the batches shuffled.

    Args:
        n_rows: of the training part
        batch_size: rows per batch; the last may be smaller
        lengths: of the rows, shape (n_rows,); None: nothing is sorted
        seed: of the run
        epoch: from 0
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(n_rows)
    if lengths is None:
        return _cut(order, batch_size)
    chunk = CHUNK * batch_size
    chunks = [order[start : start + chunk] for start in range(0, n_rows, chunk)]
    batches = _cut(np.concatenate([one[np.argsort(lengths[one], kind="stable")] for one in chunks]), batch_size)
    return [batches[k] for k in rng.permutation(len(batches))]


def in_order(n_rows: int, batch_size: int, lengths: Rows | None) -> list[Rows]:
    """Return all rows once, in batches of similar length: for scores, which are put back in place afterwards."""
    order = np.arange(n_rows) if lengths is None else np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, n_rows, batch_size)]


def share(batches: list[Rows], rank: int, n_ranks: int) -> list[Rows]:
    """Return one process's batches of an epoch: all get as many, some twice where they don't go round."""
    n_each = -(-len(batches) // n_ranks)
    return [batches[(k * n_ranks + rank) % len(batches)] for k in range(n_each)]


def padded(sequences: list[NDArray[Any]], fill: float, dtype: Any) -> NDArray[Any]:
    """Return sequences side by side, filled up to the longest, shape (n_rows, n_longest, …)."""
    longest = max(len(one) for one in sequences)
    found = np.full((len(sequences), longest, *sequences[0].shape[1:]), fill, dtype=dtype)
    for row, one in enumerate(sequences):
        found[row, : len(one)] = one
    return found


def _cut(order: Rows, batch_size: int) -> list[Rows]:
    cuts = list(range(0, order.size, batch_size))
    if len(cuts) > 1 and order.size - cuts[-1] == 1:
        # a single row has no variance, and batch normalisation refuses it: it joins the batch before
        cuts.pop()
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], order.size], strict=True)]
