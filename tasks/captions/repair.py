"""Repair the times of cues: order, and the end of the sound. What has no certain repair is dropped with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tasks.captions import clean
from tasks.captions.cue import Cue, SpokenSpan, UnusedCue

NEGATIVE = "negative length"
NO_LENGTH = "no length"
PAST_END = "past the end of the sound"
REPEATED = "repeated"

Timed = TypeVar("Timed", Cue, SpokenSpan)


def in_order(spans: Sequence[Timed]) -> tuple[list[Timed], list[UnusedCue]]:
    """Sort spans by time; drop those without positive length: either of their times may be wrong."""
    kept = sorted((s for s in spans if s.end_ms > s.start_ms), key=lambda s: (s.start_ms, s.end_ms, s.number))
    unused = [
        UnusedCue(
            span.number, NO_LENGTH if span.end_ms == span.start_ms else NEGATIVE, f"{_times(span)}: {_text(span)}"
        )
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
            detail = f"{_times(span)}, the sound lasts {_clock(duration_ms)}: {span.text}"
            unused.append(UnusedCue(span.number, PAST_END, detail))
        else:
            kept.append(span._replace(end_ms=duration_ms) if span.end_ms > duration_ms else span)
    return kept, unused


def _times(span: Cue | SpokenSpan) -> str:
    return f"{_clock(span.start_ms)} to {_clock(span.end_ms)}"


def _text(span: Cue | SpokenSpan) -> str:
    return clean.spoken_text(span.lines) if isinstance(span, Cue) else span.text


def _clock(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f} s"
