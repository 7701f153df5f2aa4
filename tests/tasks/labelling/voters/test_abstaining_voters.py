"""Voters that abstain where they know nothing: emphasis, and NRC's emotion words."""

from __future__ import annotations

import math

import pytest

from tasks.labelling.base import registry


def sign(name: str, text: str) -> int | None:
    (polarity,) = registry.load(name).cast([text]).polarities
    return None if math.isnan(polarity) else round(math.copysign(polarity != 0, polarity))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We made it to the top!", 1),
        ("We did not make it to the top!", None),
        ("We don’t know him!", None),
        ("That was a terrible idea!", None),
        ("What is that?!", None),
        ("hahaha look at that", 1),
        ("It is soooo far", 1),
        ("It is so far", None),
        ("Ugh, the same again", -1),
        ("noooo he left", -1),
        ("ugh haha", None),
        ("Wow, argh", None),
        ("Yay! We won!", 1),
        ("THIS IS THE TABLE", None),
        ("They moved the table.", None),
        ("", None),
    ],
)
def test_emphasis(text: str, expected: int | None) -> None:
    assert sign("emphasis", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A wonderful celebration full of joy", 1),
        ("The murder was a horrible crime", -1),
        ("She found the table", None),
        ("A happy table", None),
        ("No celebration and no joy in that wonderful place", -1),
        ("", None),
    ],
)
def test_nrc_votes_on_clear_emotion_words(text: str, expected: int | None) -> None:
    pytest.importorskip("nrclex", reason="needs the extra `lexicons`")
    assert sign("nrc", text) == expected
