"""Puts spans in order and inside the sound, where what is right is certain; what is not is lost, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TypeVar

from tasks.captions.cue import Cue, Lost, Spoken

NEGATIVE = "negative length"
NO_LENGTH = "no length"
PAST_END = "past the end of the sound"
OVERLAPPING = "overlapping"
REPEATED = "repeated"

_LEAST_LEFT = 0.5
"""A span that runs into the next is cut there if at least this part of it remains."""

Span = TypeVar("Span", Cue, Spoken)


def in_order(spans: Sequence[Span]) -> tuple[list[Span], list[Lost]]:
    """Sort spans by time; lose those that end before they start, since nothing says which of their times is wrong."""
    kept = sorted((s for s in spans if s.end_ms > s.start_ms), key=lambda s: (s.start_ms, s.end_ms, s.number))
    lost = [
        Lost(s.number, NO_LENGTH if s.end_ms == s.start_ms else NEGATIVE, f"{_clock(s.start_ms)} to {_clock(s.end_ms)}")
        for s in spans
        if s.end_ms <= s.start_ms
    ]
    return kept, lost


def inside(spans: Sequence[Spoken], duration_ms: int, max_overrun_ms: int) -> tuple[list[Spoken], list[Lost]]:
    """Cut what ends a little after the sound; lose what ends long after it, or starts there.

    Args:
        spans: what was said
        duration_ms: of the sound
        max_overrun_ms: how far after the sound a span may end and be cut
    """
    kept, lost = [], []
    for span in spans:
        if span.start_ms >= duration_ms or span.end_ms > duration_ms + max_overrun_ms:
            detail = f"{_clock(span.start_ms)} to {_clock(span.end_ms)}, the sound lasts {_clock(duration_ms)}"
            lost.append(Lost(span.number, PAST_END, detail))
        else:
            kept.append(replace(span, end_ms=min(span.end_ms, duration_ms)))
    return kept, lost


def apart(spans: Sequence[Spoken]) -> tuple[list[Spoken], list[Lost]]:
    """Undo overlaps: a span that runs a little into the next ends where that begins.

    A span that encloses another (a sign that stays on the screen, two voices at once), or would lose most of its
    length, is lost: its words cannot be told from the other's. A span that repeats the one before it is lost too.

    Args:
        spans: sorted by time
    """
    single, repeated = _without_repeats(spans)
    kept, lost = _without_enclosing(single)
    trimmed = []
    for span, following in zip_longest(kept, kept[1:]):
        end_ms = min(span.end_ms, following.start_ms) if following else span.end_ms
        if end_ms - span.start_ms < _LEAST_LEFT * (span.end_ms - span.start_ms):
            lost.append(_overlapping(span))
        else:
            trimmed.append(replace(span, end_ms=end_ms))
    return trimmed, [*repeated, *lost]


def _without_repeats(spans: Sequence[Spoken]) -> tuple[list[Spoken], list[Lost]]:
    kept, lost = list[Spoken](), list[Lost]()
    for span in spans:
        if kept and replace(span, number=kept[-1].number) == kept[-1]:
            lost.append(Lost(span.number, REPEATED, span.text))
        else:
            kept.append(span)
    return kept, lost


def _without_enclosing(spans: Sequence[Spoken]) -> tuple[list[Spoken], list[Lost]]:
    kept, lost = list[Spoken](), list[Lost]()
    same = Counter((span.start_ms, span.end_ms) for span in spans)
    earliest_end_ms = float("inf")
    # backwards, the shorter of two that start together first: whatever has been seen starts no earlier
    for span in sorted(spans, key=lambda s: (s.start_ms, -s.end_ms), reverse=True):
        if earliest_end_ms <= span.end_ms or same[span.start_ms, span.end_ms] > 1:
            lost.append(_overlapping(span))
        else:
            kept.append(span)
        earliest_end_ms = min(earliest_end_ms, span.end_ms)
    return kept[::-1], lost[::-1]


def _overlapping(span: Spoken) -> Lost:
    return Lost(span.number, OVERLAPPING, f"{_clock(span.start_ms)} to {_clock(span.end_ms)}: {span.text}")


def _clock(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f} s"
