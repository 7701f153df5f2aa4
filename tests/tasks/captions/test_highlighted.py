"""Captions that mark the spoken word: every sentence once, its words at the times at which they are marked."""

from __future__ import annotations

import pytest

from tasks.captions import highlighted
from tasks.captions.cue import Cue

PLACE, FOOD = ["I", "really", "love", "this", "place."], ["The", "food", "is", "bad."]


def cues(*texts: str) -> list[Cue]:
    return [Cue(k + 1, k * 1_000, (k + 1) * 1_000, tuple(text.split("|"))) for k, text in enumerate(texts)]


def one_by_one(words: list[str], opening: str, closing: str, others: tuple[str, str] = ("", "")) -> list[str]:
    return [
        " ".join(f"{opening}{w}{closing}" if k == place else f"{others[0]}{w}{others[1]}" for k, w in enumerate(words))
        for place in range(len(words))
    ]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<u>", "</u>"),
        ("<b>", "</b>"),
        ('<font color="#00ff00">', "</font>"),
        ("<c.now>", "</c>"),
        (r"{\b1}", r"{\b0}"),
    ],
)
def test_any_markup_marks_a_word(opening: str, closing: str) -> None:
    result = highlighted.merge(cues(*one_by_one(PLACE, opening, closing), *one_by_one(FOOD, opening, closing)))
    assert result is not None
    assert [(cue.number, cue.start_ms, cue.end_ms) for cue in result.cues] == [(1, 0, 5_000), (6, 5_000, 9_000)]
    assert result.timed
    assert result.word_times[1] == tuple((k * 1_000, (k + 1) * 1_000) for k in range(5))
    assert result.word_times[6] == tuple((k * 1_000, (k + 1) * 1_000) for k in range(5, 9))


def test_other_words_may_have_markup_too() -> None:
    texts = one_by_one(PLACE, "<font color=red>", "</font>", ("<font color=white>", "</font>"))
    result = highlighted.merge(cues(*texts))
    assert result is not None
    assert result.word_times[1] == tuple((k * 1_000, (k + 1) * 1_000) for k in range(5))


def test_words_may_stay_marked() -> None:
    texts = [f"<c.p>{' '.join(PLACE[: k + 1])}</c> {' '.join(PLACE[k + 1 :])}" for k in range(5)]
    result = highlighted.merge(cues(*texts))
    assert result is not None
    assert result.word_times[1] == tuple((k * 1_000, (k + 1) * 1_000) for k in range(5))


def test_pauses_without_a_mark_and_words_without_one() -> None:
    result = highlighted.merge(cues("<u>We</u> - saw|the cat", "We - saw|the cat", "We - saw|<u>the cat</u>", "Yes."))
    assert result is not None
    assert [(cue.start_ms, cue.end_ms) for cue in result.cues] == [(0, 3_000), (3_000, 4_000)]
    assert result.word_times[1] == ((0, 1_000), (1_000, 1_500), (1_500, 2_000), (2_000, 2_500), (2_500, 3_000))


def test_a_sentence_that_is_spoken_twice_is_there_twice() -> None:
    texts = [*one_by_one(["No", "way"], "<u>", "</u>") * 2, "<u>Yes</u>", "<u>Yes</u>"]
    result = highlighted.merge(cues(*texts))
    assert result is not None
    assert [cue.start_ms for cue in result.cues] == [0, 2_000, 4_000, 5_000]


def test_marks_within_words() -> None:
    result = highlighted.merge(cues("<u>私は</u>学生です", "私は<u>学生</u>です", "私は学生<u>です</u>"))
    assert result is not None
    assert [(cue.start_ms, cue.end_ms) for cue in result.cues] == [(0, 3_000)]


def test_marks_that_a_converter_removed() -> None:
    result = highlighted.merge(cues(*[" ".join(PLACE)] * 5, *[" ".join(FOOD)] * 4))
    assert result is not None
    assert [(cue.start_ms, cue.end_ms) for cue in result.cues] == [(0, 5_000), (5_000, 9_000)]
    assert not result.timed


@pytest.mark.parametrize(
    "texts",
    [
        ("<i>Hello.</i>", "Hello.", "So we went.", "And left."),
        ("why do you", "why do you", "why do you|care", "care", "care|no", "no", "no|no way", "no way"),
        ("Yes.", "Yes.", "No.", "So.", "And then?", "Then."),
        (),
    ],
)
def test_other_captions_mark_no_words(texts: tuple[str, ...]) -> None:
    assert highlighted.merge(cues(*texts)) is None


def test_words_that_are_spoken_again_are_there_again() -> None:
    spoken = [
        Cue(n, n * 3_000, n * 3_000 + 3_000, (text,)) for n, text in enumerate(("Go on.", "Go on.", *["No."] * 3))
    ]
    assert highlighted.merge(spoken) is None
