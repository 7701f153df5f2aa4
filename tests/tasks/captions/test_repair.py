"""Repair of cue times: certain repairs are made, other cues are dropped with a reason."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import repair
from tasks.captions.cue import SpokenSpan


def spans(*times: tuple[int, int]) -> list[SpokenSpan]:
    return [SpokenSpan(number, start, end, f"text {number}") for number, (start, end) in enumerate(times, 1)]


def times(kept: list[SpokenSpan]) -> list[tuple[int, int]]:
    return [(span.start_ms, span.end_ms) for span in kept]


def test_cues_out_of_order_are_sorted() -> None:
    kept, lost = repair.in_order(spans((5, 9), (1, 4)))
    assert times(kept) == [(1, 4), (5, 9)]
    assert lost == []


def test_cues_that_end_before_they_start_are_dropped() -> None:
    kept, lost = repair.in_order(spans((5, 2), (3, 3), (1, 2)))
    assert times(kept) == [(1, 2)]
    assert [(span.number, span.reason) for span in lost] == [(1, "negative length"), (2, "no length")]


def test_a_little_past_the_end_is_cut_and_more_is_dropped() -> None:
    kept, lost = repair.inside(spans((0, 900), (900, 1_400), (900, 1_501), (1_000, 1_100)), 1_000, 500)
    assert times(kept) == [(0, 900), (900, 1_000)]
    assert [(span.number, span.reason) for span in lost] == [(3, repair.PAST_END), (4, repair.PAST_END)]
    assert "lasts 1.000 s" in lost[0].detail


def test_a_small_overlap_is_cut() -> None:
    kept, lost = repair.apart(spans((0, 1_100), (1_000, 2_000)))
    assert times(kept) == [(0, 1_000), (1_000, 2_000)]
    assert lost == []


def test_a_large_overlap_is_dropped() -> None:
    kept, lost = repair.apart(spans((0, 1_100), (400, 2_000)))
    assert times(kept) == [(400, 2_000)]
    assert [(span.number, span.reason) for span in lost] == [(1, "overlapping")]


def test_text_that_stays_on_the_screen_does_not_drop_the_other_cues() -> None:
    kept, lost = repair.apart(spans((0, 9_000), (1_000, 2_000), (3_000, 4_000)))
    assert times(kept) == [(1_000, 2_000), (3_000, 4_000)]
    assert [span.number for span in lost] == [1]


def test_two_voices_at_once_are_both_dropped() -> None:
    kept, lost = repair.apart(spans((0, 1_000), (0, 1_000), (1_000, 2_000)))
    assert times(kept) == [(1_000, 2_000)]
    assert {span.number for span in lost} == {1, 2}


def test_a_repeated_cue_is_dropped() -> None:
    first = SpokenSpan(1, 0, 1_000, "hello")
    kept, lost = repair.apart([first, SpokenSpan(2, 0, 1_000, "hello")])
    assert kept == [first]
    assert [(other.number, other.reason) for other in lost] == [(2, "repeated")]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_kept_spans_are_ordered_disjoint_and_inside_and_none_vanishes(drawn: list[tuple[int, int]]) -> None:
    given_spans = spans(*drawn)
    ordered, backwards = repair.in_order(given_spans)
    within, past = repair.inside(ordered, 30, 3)
    kept, lost = repair.apart(within)
    assert sorted(span.number for span in [*kept, *backwards, *past, *lost]) == [span.number for span in given_spans]
    assert all(0 <= span.start_ms < span.end_ms <= 30 for span in kept)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(kept))
