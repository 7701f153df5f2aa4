"""Batches of rows: which rows are trained on together, and in which order, by seed and epoch only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows

CHUNK = 50
"""Batches sorted by length together: enough for little padding, few enough to stay well shuffled."""

Batch = Mapping[str, NDArray[Any]]
"""A network's named arguments, with rows as their first axis."""


class RowSource(Protocol):
    """Rows as a network takes them, read on demand.

    Attributes:
        lengths: steps or tokens of each row, shape (n_rows,); None where all rows have the same length
    """

    lengths: Rows | None

    def __len__(self) -> int:
        """Return the number of rows."""

    def batch(self, rows: Rows) -> Batch:
        """Return some rows as the network's named arguments.

        Args:
            rows: their positions, int64
        """


def documents_of(examples: RowSource) -> Rows | None:
    """Return the document of each row, shape (n_rows,), where rows share documents that are best read once; else None.

    Args:
        examples: rows, perhaps with an attribute `documents`
    """
    documents: Rows | None = getattr(examples, "documents", None)
    return documents


def shuffled(
    n_rows: int, batch_size: int, lengths: Rows | None, seed: int, epoch: int, *, documents: Rows | None = None
) -> list[Rows]:
    """Return the batches of an epoch, each of rows of similar length.

    Rows are shuffled, sorted by length within chunks of `CHUNK` batches, cut, and the batches shuffled. Where rows
    share documents, whole documents are shuffled, and batches have `batch_size` rows on average.

    Args:
        n_rows: of the training part
        batch_size: rows per batch; the last may be smaller
        lengths: of the rows, shape (n_rows,); None: do not sort
        seed: of the run
        epoch: from 0
        documents: of the rows, shape (n_rows,); None: no row shares one
    """
    if documents is not None:
        members = _members(documents)
        lengths_of_documents = None if lengths is None else np.array([lengths[rows].max() for rows in members])
        size = _documents_per_batch(members, batch_size)
        cuts = shuffled(len(members), size, lengths_of_documents, seed, epoch)
        return [np.concatenate([members[document] for document in batch]) for batch in cuts]
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(n_rows)
    if lengths is None:
        return _cut(order, batch_size)
    chunk_rows = CHUNK * batch_size
    chunks = [order[start : start + chunk_rows] for start in range(0, n_rows, chunk_rows)]
    batches = _cut(np.concatenate([chunk[np.argsort(lengths[chunk], kind="stable")] for chunk in chunks]), batch_size)
    return [batches[k] for k in rng.permutation(len(batches))]


def in_order(n_rows: int, batch_size: int, lengths: Rows | None, documents: Rows | None = None) -> list[Rows]:
    """Return all rows once, in batches of similar length, for scoring.

    Args:
        n_rows: rows
        batch_size: rows per batch
        lengths: of the rows, shape (n_rows,)
        documents: of the rows, shape (n_rows,), whose rows stay together; None: no row shares one
    """
    if documents is not None:
        members = _members(documents)
        lengths_of_documents = None if lengths is None else np.array([lengths[rows].max() for rows in members])
        cuts = in_order(len(members), _documents_per_batch(members, batch_size), lengths_of_documents)
        return [np.concatenate([members[document] for document in batch]) for batch in cuts]
    order = np.arange(n_rows) if lengths is None else np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, n_rows, batch_size)]


def share(batches: list[Rows], rank: int, n_ranks: int) -> list[Rows]:
    """Return one process's batches of an epoch: all get the same number, some batches twice if need be.

    Args:
        batches: of the epoch
        rank: of the process, from 0
        n_ranks: processes
    """
    per_rank = -(-len(batches) // n_ranks)
    return [batches[(k * n_ranks + rank) % len(batches)] for k in range(per_rank)]


def padded(sequences: list[NDArray[Any]], fill: float, dtype: Any) -> NDArray[Any]:
    """Return sequences as one array, padded to the longest.

    Args:
        sequences: arrays of shape (n_steps, …)
        fill: padding value
        dtype: of the result

    Returns:
        shape (n_rows, n_longest, …)
    """
    longest = max(map(len, sequences))
    array = np.full((len(sequences), longest, *sequences[0].shape[1:]), fill, dtype=dtype)
    for row, sequence in enumerate(sequences):
        array[row, : len(sequence)] = sequence
    return array


def _members(documents: Rows) -> list[Rows]:
    """Return the rows of each document."""
    order = np.argsort(documents, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(documents[order])) + 1)


def _documents_per_batch(members: list[Rows], batch_size: int) -> int:
    """Return the documents that have a batch of rows on average: a fixed number, since schedules count batches."""
    n_rows = sum(rows.size for rows in members)
    return max(1, round(batch_size * len(members) / n_rows))


def _cut(order: Rows, batch_size: int) -> list[Rows]:
    cuts = list(range(0, order.size, batch_size))
    if batch_size > 1 and len(cuts) > 1 and order.size - cuts[-1] == 1:
        # a single row has no variance, and batch normalisation refuses it: it joins the previous batch
        cuts.pop()
    return [order[start:end] for start, end in zip(cuts, [*cuts[1:], order.size], strict=True)]
