"""Repair the times of cues: order, end of the sound, overlaps. What has no certain repair is dropped with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TypeVar

from tasks.captions.cue import Cue, SpokenSpan, UnusedCue

NEGATIVE = "negative length"
NO_LENGTH = "no length"
PAST_END = "past the end of the sound"
OVERLAPPING = "overlapping"
REPEATED = "repeated"

_LEAST_LEFT = 0.5
"""A span that overlaps the next is shortened if at least this share of it remains."""

Timed = TypeVar("Timed", Cue, SpokenSpan)


def in_order(spans: Sequence[Timed]) -> tuple[list[Timed], list[UnusedCue]]:
    """Sort spans by time; drop those without positive length: either of their times may be wrong."""
    kept = sorted((s for s in spans if s.end_ms > s.start_ms), key=lambda s: (s.start_ms, s.end_ms, s.number))
    unused = [
        UnusedCue(span.number, NO_LENGTH if span.end_ms == span.start_ms else NEGATIVE, _times(span))
        for span in spans
        if span.end_ms <= span.start_ms
    ]
    return kept, unused


def inside(
    spans: Sequence[SpokenSpan], duration_ms: int, max_overrun_ms: int
) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    """Shorten spans that end a little after the sound; drop those that end long after it, or start there.

    Args:
        spans: of one file
        duration_ms: duration of the sound
        max_overrun_ms: how long after the sound a span may end to be shortened
    """
    kept, unused = [], []
    for span in spans:
        if span.start_ms >= duration_ms or span.end_ms > duration_ms + max_overrun_ms:
            detail = f"{_times(span)}, the sound lasts {_clock(duration_ms)}"
            unused.append(UnusedCue(span.number, PAST_END, detail))
        else:
            kept.append(replace(span, end_ms=min(span.end_ms, duration_ms)))
    return kept, unused


def apart(spans: Sequence[SpokenSpan]) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    """Resolve overlaps: a span that overlaps the next a little ends where that begins.

    Dropped are spans that enclose another (text that stays on the screen, two voices at once) or would lose most of
    their length, because their words cannot be separated from the other's; and those that repeat the one before.

    Args:
        spans: sorted by time
    """
    single, repeated = _without_repeats(spans)
    kept, unused = _without_enclosing(single)
    trimmed = []
    for span, following in zip_longest(kept, kept[1:]):
        end_ms = min(span.end_ms, following.start_ms) if following else span.end_ms
        if end_ms - span.start_ms < _LEAST_LEFT * (span.end_ms - span.start_ms):
            unused.append(_overlapping(span))
        else:
            trimmed.append(replace(span, end_ms=end_ms))
    return trimmed, [*repeated, *unused]


def _without_repeats(spans: Sequence[SpokenSpan]) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    kept, unused = list[SpokenSpan](), list[UnusedCue]()
    for span in spans:
        if kept and replace(span, number=kept[-1].number) == kept[-1]:
            unused.append(UnusedCue(span.number, REPEATED, span.text))
        else:
            kept.append(span)
    return kept, unused


def _without_enclosing(spans: Sequence[SpokenSpan]) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    kept, unused = list[SpokenSpan](), list[UnusedCue]()
    same = Counter((span.start_ms, span.end_ms) for span in spans)
    earliest_end_ms = float("inf")
    # backwards, the shorter of two that start together first: all spans before this one in the loop start no earlier
    for span in sorted(spans, key=lambda s: (s.start_ms, -s.end_ms), reverse=True):
        if earliest_end_ms <= span.end_ms or same[span.start_ms, span.end_ms] > 1:
            unused.append(_overlapping(span))
        else:
            kept.append(span)
        earliest_end_ms = min(earliest_end_ms, span.end_ms)
    return kept[::-1], unused[::-1]


def _overlapping(span: SpokenSpan) -> UnusedCue:
    return UnusedCue(span.number, OVERLAPPING, f"{_times(span)}: {span.text}")


def _times(span: Cue | SpokenSpan) -> str:
    return f"{_clock(span.start_ms)} to {_clock(span.end_ms)}"


def _clock(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f} s"
