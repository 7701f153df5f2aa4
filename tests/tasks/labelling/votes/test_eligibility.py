"""Eligibility: durations and words at their limits."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import Config
from tasks.labelling.votes import eligibility
from tasks.text import words
from tasks.text.words import STOP_WORDS, content_words, has_content_words

FOUR = "table chair lamp window"


@pytest.mark.parametrize(
    ("duration_s", "text", "reason"),
    [
        (2.0, FOUR, None),
        (5.3 - 3.3, FOUR, None),
        (1.999, FOUR, "too short"),
        (30.0, FOUR, None),
        (30.001, FOUR, "too long"),
        (3.0, "table chair lamp", "too few words"),
        (3.0, "it is what they were doing there again", "too few words"),
        (3.0, "table , chair ... lamp !", "too few words"),
    ],
)
def test_limits(settings: Config, duration_s: float, text: str, reason: str | None) -> None:
    assert eligibility.reason(duration_s, text, settings.eligibility) == reason


def test_words_are_counted_as_the_source_does() -> None:
    assert words.tokens("I don't care, gonna go") == ["I", "do", "n't", "care", ",", "gon", "na", "go"]
    assert words.content_words("And I am not there, I think") == ["And", "I", "I", "think"]
    assert words.without_stop_words("I don't care!") == "I n't care !"
    assert words.content_words("") == []


_TORN = (
    "cannot",
    "CANNOT",
    "cannot.",
    "gonna",
    "Gimme",
    "lemme",
    "d'ye",
    "more'n",
    "'tis",
    "don't",
    "can't",
    "whaddya",
)
_SIGNED = (
    "'tis",
    "it's,",
    "(you're)",
    "'don't'",
    "cannot!",
    "(the",
    "not?!",
    "don’t",
    "“the”",
    "a's",
    "'s",
    "-the-",
    "the.",
    "n't",
)
_WORDS = (*sorted(STOP_WORDS), *_TORN, *_SIGNED, "co-op", "...", "U.S.", "x", "wooden", "table")


@given(st.lists(st.sampled_from(_WORDS) | st.text(max_size=8), max_size=12), st.integers(0, 8))
@hypothesis.settings(deadline=None)
def test_the_fast_count_of_content_words_equals_the_exact_count(words: list[str], at_least: int) -> None:
    for separator in (" ", "\n", "'", ", "):
        text = separator.join(words)
        assert has_content_words(text, at_least) == (len(content_words(text)) >= at_least)
