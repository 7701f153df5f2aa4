"""Blocks one after the other, with a column that says which."""

from __future__ import annotations

import numpy as np

from tasks.features.base.sequences import Sequences
from tasks.models.base.sequences_in_turn import InTurn


def sequences(*rows: list[list[float]]) -> Sequences:
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    steps = np.array([step for row in rows for step in row], dtype=np.float32)
    return Sequences(steps, np.cumsum(lengths) - lengths, lengths)


def test_steps_of_the_second_block_follow_those_of_the_first() -> None:
    wide = sequences([[1.0, 2.0], [3.0, 4.0]], [], [[5.0, 6.0]])
    narrow = sequences([[7.0]], [[8.0], [9.0]], [])
    joined = InTurn([wide, narrow])
    assert (len(joined), joined.widths, joined.n_features, joined.lengths.tolist()) == (3, (2, 1), 5, [3, 2, 1])
    assert joined[0].tolist() == [[1, 2, 0, 1, 0], [3, 4, 0, 1, 0], [0, 0, 7, 0, 1]]
    assert joined[1].tolist() == [[0, 0, 8, 0, 1], [0, 0, 9, 0, 1]]
    assert joined[2].tolist() == [[5, 6, 0, 1, 0]]


def test_a_row_without_any_block_has_no_steps() -> None:
    joined = InTurn([sequences([[1.0]], []), sequences([[2.0]], [])])
    assert joined[1].shape == (0, 4)
