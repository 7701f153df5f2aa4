"""Items of a listener: practice, the queue, and hidden repetitions of some of its segments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.annotate.rated_segments import Segment
from tasks.annotate.store_schema import Counts

_PER_REPEAT, _MOST_REPEATS = 10, 10
_MIN_GAP = 5
"""Least number of items from a segment to its repetition."""


@dataclass(frozen=True)
class Item:
    """A segment to listen to, and what its label counts as."""

    segment: Segment
    counts: Counts

    @property
    def key(self) -> str:
        """A hash for URLs; a repetition has another one than its segment, so that the page does not reveal it."""
        key = self.segment.id.key
        return hashlib.sha256(f"again {key}".encode()).hexdigest()[:20] if self.counts is Counts.REPETITION else key


def usual_repeats(n: int) -> int:
    """Return the default number of repetitions in a queue.

    Args:
        n: number of its segments
    """
    return min(n // _PER_REPEAT, _MOST_REPEATS)


def with_repeats(queue: Sequence[Segment], n_repeats: int) -> list[Item]:
    """Return the items of a queue, with repetitions of segments at equal distances, a quarter of the queue later.

    Args:
        queue: the segments
        n_repeats: number of repetitions; there are fewer in a short queue
    """
    gap = max(_MIN_GAP, len(queue) // 4)
    n_places = max(len(queue) - gap, 0)
    n_repeats = min(n_repeats, n_places)
    repeated_before = {(2 * k + 1) * n_places // (2 * n_repeats) + gap for k in range(n_repeats)}
    items = []
    for place, segment in enumerate(queue):
        if place in repeated_before:
            items.append(Item(queue[place - gap], Counts.REPETITION))
        items.append(Item(segment, Counts.RATING))
    return items
