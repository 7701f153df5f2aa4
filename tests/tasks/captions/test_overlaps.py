"""Overlaps of cues: no word is lost, and spans do not overlap."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import overlaps, repair
from tasks.captions.cue import CaptionLine, CaptionWord, Cue, SpokenSpan

TEXTS = st.sampled_from(["[Music]", "a b", "twenty letters, or some more", "<i>so</i>"])


def test_repeated_cues_are_dropped_also_with_another_between_them() -> None:
    cues = [Cue(1, 0, 9, ("a",)), Cue(2, 0, 9, ("b",)), Cue(3, 0, 9, ("<i>a</i>",)), Cue(4, 0, 8, ("a",))]
    kept, lost = overlaps.without_repeats(cues)
    assert [cue.number for cue in kept] == [1, 2, 4]
    assert [(cue.number, cue.reason, cue.detail) for cue in lost] == [(3, "repeated", "a")]


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 1_000), TEXTS), max_size=12))
def test_every_word_remains_and_spans_are_apart(drawn: list[tuple[int, int, str]]) -> None:
    cues, _ = repair.in_order([Cue(k, start, start + length, (text,)) for k, (start, length, text) in enumerate(drawn)])
    joined = [cue for cue in overlaps.join_simultaneous(cues) if cue.lines != ("[Music]",)]
    assert sorted(line for cue in joined for line in cue.lines) == sorted(
        text for *_, text in drawn if text != "[Music]"
    )
    spans = overlaps.apart([SpokenSpan(cue.number, cue.start_ms, cue.end_ms, "") for cue in joined])
    assert all(span.start_ms < span.end_ms for span in spans)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(spans))


def test_lines_that_start_together_are_joined_and_their_words_keep_their_times() -> None:
    first = CaptionLine(1, (CaptionWord("yes", 0, 500), CaptionWord("sir", 500, 1_500)))
    second = CaptionLine(2, (CaptionWord("no", 0, 800), CaptionWord("sir", 800, 2_000)))
    third = CaptionLine(3, (CaptionWord("so", 1_900, 2_500),))
    joined, alone = overlaps.join_simultaneous_lines([first, second, third])
    assert [(word.text, word.start_ms, word.end_ms) for word in joined.words] == [
        ("yes", 0, 500), ("sir", 500, 500), ("no", 500, 800), ("sir", 800, 2_000),
    ]  # fmt: skip
    assert alone == third
