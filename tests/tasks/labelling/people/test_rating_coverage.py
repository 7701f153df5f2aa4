"""Ratings behind a score: none disappears without being counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.labelling.people import rated_utterances
from tasks.labelling.people.rating_coverage import coverage
from tests.tasks.labelling.people.test_ratings import utterances, written

SPOKEN = (("test-1", 0, 2), ("test-1", 2, 4), ("test-1", 4, 6), ("train-2", 0, 3))
ROWS = (
    "1,0,2,positive,positive\n"  # scored
    "1,2,4,positive,negative\n"  # a tie
    "1,4,6,neutral,neutral\n"  # left out
    "train-2,0,3,neutral,\n"  # scored
    "1,9,11,neutral,neutral\n"  # between utterances
    "7,0,2,neutral,neutral\n"  # no such video
    "1,30,31,,\n"  # no rating
)


@pytest.fixture
def pooled(tmp_path: Path) -> rated_utterances.PooledRatings:
    written(tmp_path, "Id,start_s,end_s,Ada,Bruno\n" + ROWS)
    return rated_utterances.pooled(tmp_path, utterances(*SPOKEN))


def test_every_row_with_a_rating_is_counted(pooled: rated_utterances.PooledRatings) -> None:
    counted = coverage(pooled, {"weak/test-1/0002": "too short", "weak/other/0001": "too short"})
    assert (counted.n_rows, counted.n_rated, counted.n_scored) == (6, 4, 2)
    assert counted.left_out == {"no majority": 1, "too short": 1}
    assert [(row.row, row.why) for row in counted.unmatched] == [
        (5, "no utterance overlaps it by half"),
        (6, "no such video"),
    ]
    assert counted.in_words() == (
        "2 of the 4 rated utterances are scored (no majority: 1, too short: 1). 2 of the 6 rows of ratings match no "
        "utterance (no utterance overlaps it by half: 1, no such video: 1)."
    )


def test_a_split_counts_its_own_videos(pooled: rated_utterances.PooledRatings) -> None:
    assert (coverage(pooled, {}, "train").n_rows, coverage(pooled, {}, "test").n_rows) == (1, 5)
    assert coverage(pooled, {}, "train").in_words() == "1 of the 1 rated utterances are scored."
