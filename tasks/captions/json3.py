"""Parse YouTube's json3; words of automatic captions have times of their own."""

from __future__ import annotations

import json
from typing import Any

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.captions.times import OpenCue, closed, marked, milliseconds
from tasks.core.errors import Rejected


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse json3. A cue's number is its position in the list of events; events without text are layout.

    Args:
        text: a decoded .json3 file

    Returns:
        cues, and those without a usable time

    Raises:
        Rejected: if the text is not json3
    """
    events = _events(text)
    timed = any("tOffsetMs" in segment for event in events for segment in _segments(event))
    cues = [_cue(number, event, timed=timed) for number, event in enumerate(events, start=1) if _has_text(event)]
    return closed(cues, until_next=timed)


def _events(text: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(UNREADABLE, f"not JSON: {error}") from None
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list):
        raise Rejected(UNREADABLE, f"a .json3 file has a list of events; this one begins {text[:40]!r}")
    return events


def _segments(event: Any) -> list[dict[str, Any]]:
    segments = event.get("segs") if isinstance(event, dict) else None
    return [segment for segment in segments if isinstance(segment, dict)] if isinstance(segments, list) else []


def _text(segment: dict[str, Any]) -> str:
    # half a surrogate pair is valid JSON, but cannot be written
    text = segment.get("utf8")
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else ""


def _has_text(event: Any) -> bool:
    # an appended line break is layout; an empty event of its own is reported as such
    segments = _segments(event)
    return bool(segments) and (not event.get("aAppend") or any(_text(segment).strip() for segment in segments))


def _cue(number: int, event: dict[str, Any], *, timed: bool) -> OpenCue:
    start_ms, length_ms = milliseconds(event.get("tStartMs", 0)), milliseconds(event.get("dDurationMs"))
    words = [(_text(segment), milliseconds(segment.get("tOffsetMs", 0)) or 0) for segment in _segments(event)]
    if timed and start_ms is not None:
        line = marked((text, start_ms + offset_ms) for text, offset_ms in words)
    else:
        line = "".join(text for text, _ in words)
    end_ms = None if start_ms is None or length_ms is None else start_ms + length_ms
    return OpenCue(number, start_ms, end_ms, tuple(line.splitlines()))
