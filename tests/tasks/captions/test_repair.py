"""What is certain is repaired; what is not is lost, with a reason."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import repair
from tasks.captions.cue import SpokenSpan


def spans(*times: tuple[int, int]) -> list[SpokenSpan]:
    return [SpokenSpan(number, start, end, f"text {number}") for number, (start, end) in enumerate(times, 1)]


def times(found: list[SpokenSpan]) -> list[tuple[int, int]]:
    return [(one.start_ms, one.end_ms) for one in found]


def test_cues_out_of_order_are_sorted() -> None:
    kept, lost = repair.in_order(spans((5, 9), (1, 4)))
    assert times(kept) == [(1, 4), (5, 9)]
    assert lost == []


def test_cues_that_end_before_they_start_are_lost() -> None:
    kept, lost = repair.in_order(spans((5, 2), (3, 3), (1, 2)))
    assert times(kept) == [(1, 2)]
    assert [(one.number, one.reason) for one in lost] == [(1, "negative length"), (2, "no length")]


def test_a_little_past_the_end_is_cut_and_more_is_lost() -> None:
    kept, lost = repair.inside(spans((0, 900), (900, 1_400), (900, 1_501), (1_000, 1_100)), 1_000, 500)
    assert times(kept) == [(0, 900), (900, 1_000)]
    assert [(one.number, one.reason) for one in lost] == [(3, repair.PAST_END), (4, repair.PAST_END)]
    assert "lasts 1.000 s" in lost[0].detail


def test_a_small_overlap_is_cut() -> None:
    kept, lost = repair.apart(spans((0, 1_100), (1_000, 2_000)))
    assert times(kept) == [(0, 1_000), (1_000, 2_000)]
    assert lost == []


def test_a_large_overlap_is_lost() -> None:
    kept, lost = repair.apart(spans((0, 1_100), (400, 2_000)))
    assert times(kept) == [(400, 2_000)]
    assert [(one.number, one.reason) for one in lost] == [(1, "overlapping")]


def test_a_sign_that_stays_on_the_screen_does_not_take_the_others_with_it() -> None:
    kept, lost = repair.apart(spans((0, 9_000), (1_000, 2_000), (3_000, 4_000)))
    assert times(kept) == [(1_000, 2_000), (3_000, 4_000)]
    assert [one.number for one in lost] == [1]


def test_two_voices_at_once_are_both_lost() -> None:
    kept, lost = repair.apart(spans((0, 1_000), (0, 1_000), (1_000, 2_000)))
    assert times(kept) == [(1_000, 2_000)]
    assert {one.number for one in lost} == {1, 2}


def test_the_same_cue_again_is_lost() -> None:
    one = SpokenSpan(1, 0, 1_000, "hello")
    kept, lost = repair.apart([one, SpokenSpan(2, 0, 1_000, "hello")])
    assert kept == [one]
    assert [(other.number, other.reason) for other in lost] == [(2, "repeated")]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_what_is_kept_is_in_order_apart_and_inside_and_nothing_vanishes(found: list[tuple[int, int]]) -> None:
    given_spans = spans(*found)
    ordered, backwards = repair.in_order(given_spans)
    within, past = repair.inside(ordered, 30, 3)
    kept, lost = repair.apart(within)
    assert sorted(one.number for one in [*kept, *backwards, *past, *lost]) == [one.number for one in given_spans]
    assert all(0 <= one.start_ms < one.end_ms <= 30 for one in kept)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(kept))
