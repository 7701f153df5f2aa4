"""Voters: range, sign, and equality with their packages."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labelling.base import registry

TEXTS = (
    "I love this wonderful day",
    "I hate this awful day",
    "The table stands in the room",
    "",
    "[Laughing] well done",
)


def vote(name: str, text: str) -> float | None:
    (polarity,) = registry.load(name).cast([text]).polarities.tolist()
    return None if math.isnan(polarity) else polarity


@pytest.mark.parametrize("name", ["vader", "textblob", "afinn"])
def test_sign_and_range(name: str) -> None:
    votes = registry.load(name).cast(TEXTS).polarities
    assert votes[0] > 0 > votes[1]
    assert votes[2] == votes[3] == 0
    assert all(-1 <= vote <= 1 for vote in votes)
    assert registry.load(name).licence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Laughing] well done", 0.5),
        ("and then [ Cheering and applause ]", 0.5),
        ("(APPLAUSE) thank you", 0.5),
        ("I said that [Sobbing] he had gone", -0.5),
        ("[audience booing]", -0.5),
        ("and guess [Laugh", 0.5),
        ("ing] well", None),
        ("[Music]", None),
        ("[Laughter] [Sobbing]", None),
        ("I laughed and then I cried", None),
        ("[Book reading]", None),
        ("[Gelächter und Applaus]", 0.5),
        ("[Sie weint]", -0.5),
        ("[Wein wird eingeschenkt]", None),
        ("[RISAS]", 0.5),
        ("[Llanto]", -0.5),
        ("(rires)", 0.5),
        ("[Huées]", -0.5),
        ("[Musique]", None),
        ("", None),
    ],
)
def test_tags_vote_on_sounds_only(text: str, expected: float | None) -> None:
    assert vote("tags", text) == expected


def test_textblob_equals_the_package() -> None:
    from textblob import TextBlob

    texts = (*TEXTS, "not very good at all", "It was really, really bad!", "so-so")
    assert registry.load("textblob").cast(texts).polarities.tolist() == [TextBlob(t).sentiment.polarity for t in texts]


@given(
    st.lists(st.sampled_from([*"-'.,", "cool stuff", "can't stand", "bad", "Badass", "x", "the"]) | st.text(max_size=6))
)
def test_afinn_equals_the_package(parts: list[str]) -> None:
    package = _package()
    for separator in ("", " ", "\n  "):
        text = separator.join(parts)
        total = package.score(text)
        assert vote("afinn", text) == pytest.approx(total / math.sqrt(total**2 + 15))


def test_every_entry_of_afinn_counts_alone_and_next_to_another() -> None:
    package = _package()
    entries = list(package.read_word_file(package.full_filename("AFINN-en-165.txt")))
    texts = [*entries, *(f"{first} {other}" for first, other in pairwise(entries))]
    totals = [package.score(text) for text in texts]
    votes = registry.load("afinn").cast(texts).polarities
    assert votes == pytest.approx([total / math.sqrt(total**2 + 15) for total in totals])
    assert sum(total != 0 for total in totals) > len(entries)


@cache
def _package() -> Any:
    from afinn import Afinn

    return Afinn()


def test_afinn_is_its_own_sum_bounded() -> None:
    from afinn import Afinn

    for text in TEXTS:
        total = Afinn().score(text)
        assert vote("afinn", text) == pytest.approx(total / math.sqrt(total**2 + 15))
