"""Repair of cue times: certain repairs are made, other cues are dropped with a reason."""

from __future__ import annotations

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
    assert lost[0].detail.endswith(": text 1")


def test_a_little_past_the_end_is_cut_and_more_is_dropped() -> None:
    kept, lost = repair.inside(spans((0, 900), (900, 1_400), (900, 1_501), (1_000, 1_100)), 1_000, 500)
    assert times(kept) == [(0, 900), (900, 1_000)]
    assert [(span.number, span.reason) for span in lost] == [(3, repair.PAST_END), (4, repair.PAST_END)]
    assert lost[0].detail == "0.900 s to 1.501 s, the sound lasts 1.000 s: text 3"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_kept_spans_are_ordered_and_inside_and_none_vanishes(drawn: list[tuple[int, int]]) -> None:
    given_spans = spans(*drawn)
    ordered, backwards = repair.in_order(given_spans)
    within, past = repair.inside(ordered, 30, 3)
    assert sorted(span.number for span in [*within, *backwards, *past]) == [span.number for span in given_spans]
    assert all(0 <= span.start_ms < span.end_ms <= 30 for span in within)
