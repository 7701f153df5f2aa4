"""Sequences of feature vectors, one per row, of different lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Row numbers, shape (n_rows,)."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of vectors of different lengths, read from disk as they are asked for where `steps` is a memory map.

    Args:
        steps: the steps of all sequences, one after the other, shape (n_steps_in_all, n_features), float32
        starts: where each row's sequence begins, shape (n_rows,)
        lengths: how many steps it has, shape (n_rows,): 1 or more; 0, for models that can do without, where a row has
            nothing here
    """

    steps: NDArray[np.float32]
    starts: Rows
    lengths: Rows

    def __len__(self) -> int:
        return int(self.starts.size)

    def __getitem__(self, row: int) -> NDArray[np.float32]:
        start = int(self.starts[row])
        return np.asarray(self.steps[start : start + int(self.lengths[row])], dtype=np.float32)

    def rows(self, rows: Rows) -> Sequences:
        """Return the sequences of some rows, without copying them."""
        return Sequences(self.steps, self.starts[rows], self.lengths[rows])
