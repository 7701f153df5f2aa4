"""Live captions whose lines grow: every word once, at the time at which it first appears."""

from __future__ import annotations

import pytest

from tasks.captions import growing
from tasks.captions.cue import Cue
from tasks.captions.merged_cues import MergedCues


def cues(*shown: str, pauses: tuple[int, ...] = ()) -> list[Cue]:
    """Return a cue of a second per text, lines separated by |, with pauses of a second before some."""
    clock_ms, made = 0, []
    for number, text in enumerate(shown, 1):
        clock_ms += 1_000 * (number in pauses)
        made.append(Cue(number, clock_ms, clock_ms := clock_ms + 1_000, tuple(text.split("|"))))
    return made


def merged(*shown: str, pauses: tuple[int, ...] = ()) -> MergedCues:
    result = growing.merge(cues(*shown, pauses=pauses))
    assert result is not None
    return result


def texts(result: MergedCues) -> list[tuple[int, int, str]]:
    return [(cue.start_ms, cue.end_ms, " ".join(cue.lines)) for cue in result.cues]


def test_a_word_starts_with_the_cue_in_which_it_appears() -> None:
    result = merged("I", "I really", "I really love it.", "The", "The food is", "The food is bad.", pauses=(4,))
    assert texts(result) == [(0, 3_000, "I really love it."), (4_000, 7_000, "The food is bad.")]
    assert result.timed
    assert result.word_times == {
        1: ((0, 1_000), (1_000, 2_000), (2_000, 2_500), (2_500, 3_000)),
        4: ((4_000, 5_000), (5_000, 5_500), (5_500, 6_000), (6_000, 7_000)),
    }


def test_corrections_of_words_case_and_punctuation() -> None:
    result = merged("i", "i rely", "I really love", "I really love this plaice", "I really love, this place.", "So")
    assert texts(result) == [(0, 5_000, "I really love, this place."), (5_000, 6_000, "So")]
    assert [start for start, _ in result.word_times[1]] == [0, 1_000, 2_000, 3_000, 3_500]


def test_a_word_is_inserted_and_a_word_is_withdrawn() -> None:
    result = merged(
        "we", "we saw", "we saw the cat", "we never saw the cat", "we never saw the", "we never saw the dog"
    )
    assert texts(result) == [(0, 6_000, "we never saw the dog")]


def test_a_line_that_is_typed() -> None:
    result = merged("I", "I r", "I rea", "I really", "I really do", "No")
    assert texts(result) == [(0, 5_000, "I really do"), (5_000, 6_000, "No")]


def test_lines_that_grow_and_scroll() -> None:
    result = merged(
        "I", "I really", "I really love", "I really love|this", "I really love|this place", "this place|and",
        "this place|and the food", "this place|and the food is", "and the food is|bad",
    )  # fmt: skip
    assert texts(result) == [
        (0, 3_000, "I really love"), (3_000, 5_000, "this place"), (5_000, 8_000, "and the food is"),
        (8_000, 9_000, "bad"),
    ]  # fmt: skip


def test_a_line_that_is_wrapped_anew() -> None:
    result = merged("so we", "so we all went", "so we all|went home", "so we all|went home and slept")
    assert texts(result) == [(0, 4_000, "so we all went home and slept")]


def test_the_same_line_after_a_pause_is_spoken_again() -> None:
    result = merged("Oh", "Oh no", "Oh no", "Yes", "Yes it", "Yes it is", "Yes it is", pauses=(3,))
    assert [text for _, _, text in texts(result)] == ["Oh no", "Oh no", "Yes it is"]


def test_one_line_that_grows_among_others() -> None:
    others = [f"{word} is here." for word in ("Ann", "Bob", "Cas", "Dan", "Eve", "Fay", "Gus", "Hal")]
    result = merged(*others, "So", "So then", "So then we", "So then we left", "Good.")
    assert [text for _, _, text in texts(result)] == [*others, "So then we left", "Good."]
    assert not result.timed


@pytest.mark.parametrize(
    "shown",
    [
        ("No.", "No, no.", "No, no, no!", "No, no, no, no!", *"abcdefghijk"),
        ("Yes.", "Yes. I do.", *"abcdefghijk", "We", "We did.", "So"),
        ("one", "one|two", "two|three", "three|four", "four|five"),
        ("Yeah.", "Yeah.", "So?"),
        (),
    ],
)
def test_other_captions_do_not_grow(shown: tuple[str, ...]) -> None:
    assert growing.merge(cues(*shown)) is None
