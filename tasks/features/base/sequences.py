"""Variable-length sequences of feature vectors, one sequence per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Row numbers, shape (n_rows,)."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of different lengths in one array; read from disk on access if `steps` is a memory map.

    Args:
        steps: concatenated steps of all sequences, float32, shape (n_steps_total, n_features)
        starts: first step of each row's sequence, shape (n_rows,)
        lengths: steps of each row, shape (n_rows,); 0 marks a missing sequence, for models that accept missing ones
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
        """Return a view of some rows; nothing is copied.

        Args:
            rows: row numbers, shape (n_selected,)
        """
        return Sequences(self.steps, self.starts[rows], self.lengths[rows])
