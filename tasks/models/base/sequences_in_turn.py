"""Several blocks of sequences as one: the steps of one block, then those of the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.joined_sequences import Steps


class InTurn:
    """Blocks as one sequence per row, one after the other; a block that a row lacks has no steps.

    A step has the columns of all blocks, of which only its own are filled, and a column per block that is 1 in its
    steps: a network can treat each block in its own way.

    Args:
        blocks: of the same rows
    """

    def __init__(self, blocks: Sequence[Sequences]) -> None:
        self._blocks = tuple(blocks)
        self.widths = tuple(block.steps.shape[1] for block in self._blocks)
        self.n_features = sum(self.widths) + len(self.widths)
        self.lengths: Rows = np.sum([block.lengths for block in self._blocks], axis=0)

    def __len__(self) -> int:
        return len(self._blocks[0])

    def __getitem__(self, row: int) -> Steps:
        steps = np.zeros((int(self.lengths[row]), self.n_features), dtype=np.float32)
        begin = column = 0
        for number, (block, width) in enumerate(zip(self._blocks, self.widths, strict=True)):
            end = begin + int(block.lengths[row])
            steps[begin:end, column : column + width] = block[row]
            steps[begin:end, sum(self.widths) + number] = 1
            begin, column = end, column + width
        return steps
