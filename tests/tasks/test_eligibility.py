"""Eligibility: durations and words at their limits."""

from __future__ import annotations

import pytest

from tasks import eligibility, words
from tasks.config import Config

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
