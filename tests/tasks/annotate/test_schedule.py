"""Repetitions in a queue: their number, their distance, and keys that do not reveal them."""

from __future__ import annotations

import pytest

from tasks.annotate import schedule
from tasks.annotate.store_schema import Counts

from .conftest import segment


def test_the_usual_number() -> None:
    assert [schedule.usual_repeats(n) for n in (0, 9, 10, 60, 100, 1000)] == [0, 0, 1, 6, 10, 10]


@pytest.mark.parametrize(("n", "n_repeats"), [(30, 3), (100, 10), (20, 2), (7, 2), (100, 1), (12, 100)])
def test_repetitions_come_later_and_the_queue_keeps_its_order(n: int, n_repeats: int) -> None:
    queue = [segment(number) for number in range(n)]
    items = schedule.with_repeats(queue, n_repeats)
    assert [item.segment for item in items if item.counts is Counts.RATING] == queue
    repeated = [item for item in items if item.counts is Counts.REPETITION]
    assert len(repeated) == min(n_repeats, n - max(5, n // 4))
    assert len({item.key for item in items}) == len(items)
    for item in repeated:
        first = next(place for place, other in enumerate(items) if other.segment == item.segment)
        assert items.index(item) - first >= 5
        assert item.key != item.segment.id.key


def test_a_short_queue_has_no_repetitions() -> None:
    assert len(schedule.with_repeats([segment(number) for number in range(5)], 3)) == 5
    assert schedule.with_repeats([], 3) == []
