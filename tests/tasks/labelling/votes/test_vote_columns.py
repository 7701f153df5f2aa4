"""Vote columns: conversion between maps and numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.core import tables
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


def test_probabilities_become_maps_and_the_same_numbers_again() -> None:
    chances = np.full((3, 3, 3), np.nan)
    chances[0, 1], chances[2, 0], chances[2, 2] = (0.2, 0.3, 0.5), (1.0, 0.0, 0.0), (0.0, 0.25, 0.75)
    maps = vote_columns.to_chance_maps(chances, NAMES)
    assert maps.type == vote_columns.CHANCES
    assert maps.to_pylist()[:2] == [[("tags", {"negative": 0.2, "neutral": 0.3, "positive": 0.5})], []]
    column = pa.chunked_array([maps[:1], maps[1:]])
    np.testing.assert_array_equal(vote_columns.to_chances(column, NAMES), chances)
    np.testing.assert_array_equal(vote_columns.to_chances(column, ("afinn",)), chances[:, 2:])


def test_a_table_of_an_earlier_version_has_no_probabilities(tmp_path: Path) -> None:
    older = tables.VOTES.remove(tables.VOTES.get_field_index("probabilities"))
    row = {"utterance_id": "interviews/a", "votes": [("vader", 0.5)], "score": 0.5, "sentiment": "positive"}
    tables.write(tables.from_rows([row], older), tmp_path / "votes.parquet", older)
    votes = tables.read(tmp_path / "votes.parquet", tables.VOTES)
    assert np.isnan(vote_columns.to_chances(votes["probabilities"], NAMES)).all()
    assert vote_columns.to_matrix(votes["votes"], NAMES)[0, 0] == 0.5
