"""Blocks of one modality, step by step side by side, whatever their rates and whoever lacks one."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.features.base.sequences import Sequences
from tasks.models.base.joined_sequences import Joined, resampled


def sequences(*rows: list[list[float]], n_features: int) -> Sequences:
    steps = np.array([step for row in rows for step in row], dtype=np.float32).reshape(-1, n_features)
    lengths = np.array([len(row) for row in rows])
    return Sequences(steps, np.cumsum([0, *lengths[:-1]]), lengths)


SLOW = sequences([[1.0], [2.0]], [[3.0]], [], [], n_features=1)
FAST = sequences([[10.0, 0.0], [20.0, 0.0], [30.0, 4.0], [50.0, 4.0]], [], [[7.0, 8.0]], [], n_features=2)


def test_the_first_block_counts_the_steps() -> None:
    both = Joined([SLOW, FAST], [np.array([0.5]), np.array([-1.0, -2.0])])
    assert (len(both), both.n_features, both.lengths.tolist()) == (4, 3, [2, 1, 1, 0])
    # of four fast steps two by two are averaged
    np.testing.assert_array_equal(both[0], [[1, 15, 0], [2, 40, 4]])
    # who lacks a block has its mean in its place
    np.testing.assert_array_equal(both[1], [[3, -1, -2]])
    np.testing.assert_array_equal(both[2], [[0.5, 7, 8]])
    assert both[3].shape == (0, 3)
    assert both[0].dtype == both[2].dtype == np.float32


def test_a_slow_block_is_repeated_beside_a_fast_one() -> None:
    both = Joined([FAST, SLOW], [np.zeros(2), np.zeros(1)])
    np.testing.assert_array_equal(both[0][:, 2], [1, 1, 2, 2])


def test_a_block_alone_is_as_it_was() -> None:
    np.testing.assert_array_equal(Joined([FAST], [np.zeros(2)])[0], FAST[0])


@pytest.mark.parametrize("n", [1, 3, 5, 7, 12])
def test_as_many_steps_as_asked_for_over_the_same_time(n: int) -> None:
    steps = np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    result = resampled(steps, n)
    assert result.shape == (n, 1)
    assert (np.diff(result[:, 0]) >= 0).all()
    assert result.mean() == pytest.approx(0.5, abs=0.13)
