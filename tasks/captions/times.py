"""Times of cues in structured formats: range checks, missing ends, and marks before words with their own times."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.timed_blocks import MALFORMED

_LATEST_MS = 10_000 * 3_600_000


@dataclass(frozen=True)
class OpenCue:
    """A cue as structured formats state it; without an end (None), it lasts until the next one begins."""

    number: int
    start_ms: int | None
    end_ms: int | None
    lines: tuple[str, ...]


def milliseconds(number: object, unit_ms: float = 1.0) -> int | None:
    """Return a time in ms, or None if it is no number between 0 and 10,000 hours.

    Args:
        number: a number, or its text
        unit_ms: its unit in ms

    Example:
        >>> milliseconds("1.5", 1000), milliseconds(-1), milliseconds("9" * 500), milliseconds("nan")
        (1500, None, None, None)
    """
    if not isinstance(number, (int, float, str)):
        return None
    try:
        time_ms = float(number) * unit_ms
    except (ValueError, OverflowError):
        return None
    return round(time_ms) if math.isfinite(time_ms) and 0 <= time_ms <= _LATEST_MS else None


def marked(words: Iterable[tuple[str, int]]) -> str:
    """Return a line in which a mark before each word states its time, as in YouTube's WebVTT.

    Args:
        words: texts, with the spaces before them, and their starts in ms

    Example:
        >>> marked([("so", 1_000), (" yes", 1_500)])
        '<00:00:01.000>so<00:00:01.500> yes'
    """
    return "".join(f"<{_clock(start_ms)}>{text}" if text.strip() else text for text, start_ms in words)


def closed(cues: Sequence[OpenCue], *, until_next: bool = False) -> tuple[list[Cue], list[UnusedCue]]:
    """Return cues with both times, and those that have no usable ones.

    Args:
        cues: in the file's order
        until_next: whether each cue ends where the next begins, since its words have times of their own
    """
    starts_ms = sorted({cue.start_ms for cue in cues if cue.start_ms is not None})
    kept, unused = list[Cue](), list[UnusedCue]()
    for cue in cues:
        start_ms, end_ms = cue.start_ms, cue.end_ms
        if start_ms is not None and (end_ms is None or until_next):
            following = starts_ms[place] if (place := bisect_right(starts_ms, start_ms)) < len(starts_ms) else end_ms
            end_ms = following if end_ms is None or following is None else min(end_ms, following)
        if start_ms is None or end_ms is None:
            unused.append(UnusedCue(cue.number, MALFORMED, f"no usable time: {' '.join(cue.lines)}"))
        else:
            kept.append(Cue(cue.number, start_ms, end_ms, cue.lines))
    return kept, unused


def _clock(time_ms: int) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
