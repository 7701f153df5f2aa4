"""Eligibility: durations and words at their limits."""

from __future__ import annotations

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError
from tasks.labelling.votes import eligibility
from tasks.media.voices.speaker_tables import NAME
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


def spoken(*rows: tuple[str, str | None, str | None, float]) -> pa.Table:
    """Utterances by group, speaker, name in the captions and duration."""
    made = [
        {"utterance_id": f"weak/{group}/{k}", "corpus": "weak", "group": group, "speaker": speaker, "text": FOUR,
         "start_s": 0.0, "end_s": duration_s}
        for k, (group, speaker, _, duration_s) in enumerate(rows)
    ]  # fmt: skip
    names = pa.array([name for _, _, name, _ in rows], pa.string())
    return tables.from_rows(made, tables.UTTERANCES).append_column(NAME, names)


GUEST_AND_HOST = spoken(
    ("a", "guest", "Joy", 4.0), ("a", "host", None, 5.0), ("a", "guest", "Joy", 3.0), ("a", None, None, 9.0),
    ("b", "host", None, 3.0), ("b", "other", "bob", 2.5), ("b", "host", None, 1.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("speakers", "reasons"),
    [
        ("all", [None, None, None, "unknown speaker", None, None, "too short"]),
        (
            "most",
            [None, "another speaker", None, "unknown speaker", None, "another speaker", "too short"],
        ),
        (
            "JOY",
            [None, "another speaker", None, "unknown speaker", "another speaker", "another speaker", "too short"],
        ),
    ],
)
def test_speakers(settings: Config, speakers: str, reasons: list[str | None]) -> None:
    chosen = settings.eligibility.model_copy(update={"speakers": speakers})
    assert eligibility.left_out(GUEST_AND_HOST, chosen) == reasons


def test_speakers_that_are_not_told_apart(settings: Config) -> None:
    chosen = settings.eligibility.model_copy(update={"speakers": "most"})
    with pytest.raises(ConfigError, match=r"eligibility\.speakers: 'most' needs speakers.*speakers\.when: always"):
        eligibility.left_out(GUEST_AND_HOST.drop_columns([NAME]), chosen)
