"""Tests of the agreement between voters and of the histogram of mean votes."""

from __future__ import annotations

import pytest

from tasks.pages.weak import vote_counts


def test_agreement_in_sign() -> None:
    cast = [{"a": 0.5, "b": 0.1}, {"a": 0.0, "b": 0.0}, {"a": -0.2, "b": 0.4}, {"a": 0.0, "b": 0.3}]
    assert vote_counts.pairs(cast) == (vote_counts.VoterPair("a", "b", n=4, agree=2, n_decided=2, agree_decided=1),)


def test_every_pair_of_three_and_gaps() -> None:
    counts = vote_counts.pairs([{"c": 1.0, "a": 1.0, "b": 1.0}, {"a": -1.0, "b": -1.0}])
    assert [(pair.first, pair.second, pair.n) for pair in counts] == [("a", "b", 2), ("a", "c", 1), ("b", "c", 1)]


@pytest.mark.parametrize("cast", [[], [{}], [{"a": 1.0}], [{"a": 1.0}, {"b": 1.0}]])
def test_nothing_to_compare(cast: list[dict[str, float]]) -> None:
    assert vote_counts.pairs(cast) == ()


def test_the_histogram_counts_everything_once() -> None:
    counts = vote_counts.histogram(
        [-1.0, 0.0, 0.0, 0.049, 0.3, 1.0], ["negative", "neutral", None, None, "positive", "positive"]
    )
    middle = vote_counts.N_BINS // 2
    assert counts.counts["neutral"][middle] == 1
    assert counts.counts[vote_counts.NONE][middle] == 2
    assert (counts.counts["negative"][0], counts.counts["positive"][-1]) == (1, 1)
    assert sum(map(sum, counts.counts.values())) == 6


def test_the_histogram_of_no_votes() -> None:
    assert sum(map(sum, vote_counts.histogram([], []).counts.values())) == 0
