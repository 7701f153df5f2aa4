"""Vote columns: conversion between maps and numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tasks.labelling.votes import vote_columns

NAMES = ("vader", "tags", "afinn")
VOTES = np.array([[0.5, np.nan, -0.25], [np.nan, np.nan, np.nan], [0.0, 0.5, -1.0]])


def test_a_voter_that_abstains_is_not_in_the_map() -> None:
    maps = vote_columns.to_maps(VOTES, NAMES)
    assert maps.type == vote_columns.VOTES
    assert maps.to_pylist() == [
        [("vader", 0.5), ("afinn", -0.25)],
        [],
        [("vader", 0.0), ("tags", 0.5), ("afinn", -1.0)],
    ]


def test_maps_become_the_same_numbers_in_the_order_asked_for() -> None:
    column = pa.chunked_array([vote_columns.to_maps(VOTES[:1], NAMES), vote_columns.to_maps(VOTES[1:], NAMES)])
    np.testing.assert_array_equal(vote_columns.to_matrix(column, NAMES), VOTES)
    np.testing.assert_array_equal(
        vote_columns.to_matrix(column.slice(1), ("afinn", "none", "vader")), VOTES[1:, [2, 1, 0]] * [1, np.nan, 1]
    )


@pytest.mark.parametrize(
    "column", [pa.chunked_array([], vote_columns.VOTES), pa.chunked_array([vote_columns.to_maps(VOTES[:0], NAMES)])]
)
def test_no_texts_are_no_rows(column: pa.ChunkedArray) -> None:
    assert vote_columns.to_matrix(column, NAMES).shape == (0, 3)
