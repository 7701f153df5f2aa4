"""Voters: bounded, signed as a reader expects, and what they are said to be."""

from __future__ import annotations

import math

import pytest

from tasks import voters

TEXTS = (
    "I love this wonderful day",
    "I hate this awful day",
    "The table stands in the room",
    "",
    "[Laughing] well done",
)


@pytest.mark.parametrize("name", list(voters.VOTERS))
def test_sign_and_range(name: str) -> None:
    votes = [voters.load(name)(text) for text in TEXTS]
    assert votes[0] > 0 > votes[1]
    assert votes[2] == votes[3] == 0
    assert all(-1 <= vote <= 1 for vote in votes)
    assert voters.VOTERS[name].LICENCE


def test_textblob_without_the_blob_gives_the_blobs_number() -> None:
    from textblob import TextBlob

    texts = (*TEXTS, "not very good at all", "It was really, really bad!", "so-so")
    assert [voters.load("textblob")(text) for text in texts] == [TextBlob(t).sentiment.polarity for t in texts]


def test_afinn_is_its_own_sum_bounded() -> None:
    from afinn import Afinn

    for text in TEXTS:
        total = Afinn().score(text)
        assert voters.load("afinn")(text) == pytest.approx(total / math.sqrt(total**2 + 15))
