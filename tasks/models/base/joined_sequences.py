"""Blocks of sequences side by side, step by step, as one: what is read off the same modality at different rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows, Sequences

Steps = NDArray[np.float32]


class Joined:
    """Blocks as one sequence a row.

    The first block that a row has says how many steps there are, and the others are brought to as many. Where a row
    lacks one of them, what it is on average stands for it; where it lacks all, there are no steps.

    Args:
        blocks: of the same rows
        means: of each block's features, what stands for a block that a row lacks, shapes (n_features,)
    """

    def __init__(self, blocks: Sequence[Sequences], means: Sequence[NDArray[np.floating]]) -> None:
        self._blocks = tuple(blocks)
        self._means = [np.asarray(one, dtype=np.float32) for one in means]
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
        return np.concatenate([self._part(k, row, n) for k in range(len(self._blocks))], axis=1)

    def _part(self, number: int, row: int, n: int) -> Steps:
        block = self._blocks[number]
        if not block.lengths[row]:
            return np.tile(self._means[number], (n, 1))
        return brought_to(block[row], n)


def brought_to(steps: Steps, n: int) -> Steps:
    """Return n steps over the same time: means of runs of steps where there are more, repeated ones where fewer.

    Args:
        steps: shape (n_steps, n_features)
        n: how many to return

    Returns:
        shape (n, n_features)
    """
    return shortened(steps, n) if len(steps) > n else steps[np.arange(n) * len(steps) // n]


def shortened(steps: Steps, most: int) -> Steps:
    """Return steps, shape (n_steps, n_features), or, of more than `most`, the means of `most` runs of them."""
    if len(steps) <= most:
        return steps
    starts = np.arange(most) * len(steps) // most
    sums = np.add.reduceat(steps.astype(np.float64), starts, axis=0)
    counts = np.diff([*starts, len(steps)])
    return np.asarray(sums / counts[:, None], dtype=np.float32)
