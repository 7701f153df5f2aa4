"""Several blocks of sequences as one: features of the same modality at different rates, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows, Sequences

Steps = NDArray[np.float32]


class Joined:
    """Blocks as one sequence per row.

    The first block that a row has sets the number of steps; the others are resampled to it. The training mean replaces
    a block that a row lacks. A row that lacks all blocks has no steps.

    Args:
        blocks: of the same rows
        means: of each block's features over the training part, shapes (n_features,)
    """

    def __init__(self, blocks: Sequence[Sequences], means: Sequence[NDArray[np.floating]]) -> None:
        self._blocks = tuple(blocks)
        self._means = [np.asarray(mean, dtype=np.float32) for mean in means]
        lengths = np.zeros_like(self._blocks[0].lengths)
        for block in self._blocks:
            lengths = np.where(lengths > 0, lengths, block.lengths)
        self.lengths: Rows = lengths
        self.n_features = sum(map(len, self._means))

    def __len__(self) -> int:
        return len(self._blocks[0])

    def __getitem__(self, row: int) -> Steps:
        n = int(self.lengths[row])
        if not n:
            return np.zeros((0, self.n_features), dtype=np.float32)
        if len(self._blocks) == 1:
            return self._blocks[0][row]
        return np.concatenate([self._steps_of(k, row, n) for k in range(len(self._blocks))], axis=1)

    def _steps_of(self, block_number: int, row: int, n: int) -> Steps:
        block = self._blocks[block_number]
        if not block.lengths[row]:
            return np.tile(self._means[block_number], (n, 1))
        return resampled(block[row], n)


def resampled(steps: Steps, n: int) -> Steps:
    """Return exactly n steps over the same time: means of runs where there are more, repeated steps where fewer.

    Args:
        steps: shape (n_steps, n_features)
        n: steps to return

    Returns:
        shape (n, n_features)
    """
    return shortened(steps, n) if len(steps) > n else steps[np.arange(n) * len(steps) // n]


def shortened(steps: Steps, most: int) -> Steps:
    """Return at most `most` steps, by averaging runs of neighbours.

    Args:
        steps: shape (n_steps, n_features)
        most: steps to return at most

    Returns:
        shape (min(n_steps, most), n_features)
    """
    if len(steps) <= most:
        return steps
    starts = np.arange(most) * len(steps) // most
    sums = np.add.reduceat(steps.astype(np.float64), starts, axis=0)
    counts = np.diff([*starts, len(steps)])
    return np.asarray(sums / counts[:, None], dtype=np.float32)
