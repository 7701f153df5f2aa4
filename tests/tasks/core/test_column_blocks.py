"""Blocks of columns cover a matrix, and none of several has a single column."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.column_blocks import column_blocks


@pytest.mark.parametrize("n_columns", [1, 2, 16, 17, 33, 136])
def test_blocks_cover_all_columns_and_are_of_about_equal_size(n_columns: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(50, n_columns))
    blocks = column_blocks(matrix)
    assert (np.concatenate(blocks, axis=1) == matrix).all()
    widths = {block.shape[1] for block in blocks}
    assert max(widths) - min(widths) <= 1 and max(widths) <= 16
    # the moments are those of the whole matrix, to the last bit
    assert np.concatenate([block.std(axis=0) for block in blocks]).tobytes() == matrix.std(axis=0).tobytes()
