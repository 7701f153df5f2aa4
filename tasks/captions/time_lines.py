"""Parse time lines of SubRip and WebVTT, as strictly as needed to be certain of the times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

ARROW = "-->"

_TIME = r"(?:(\d{1,4})\s?:\s?)?(\d{1,3})\s?:\s?(\d{1,2})(?:\s?[.,]\s?(\d{1,9}))?"
_ONE_TIME = re.compile(_TIME)
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?=\s|$)(?P<text>.*)")
_PLAIN_TIME = r"((?:[0-9]{2}:)?[0-9]{2}:[0-9]{2})[.,]([0-9]{3})"
_PLAIN_TIMES = re.compile(rf"{_PLAIN_TIME} --> {_PLAIN_TIME}(?: [a-z]+:[^\s:>]+)*")
"""The usual form of both formats, which is parsed faster."""
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*:")
"""WebVTT's cue settings (`align:start`), SubRip's coordinates (`X1:40`)."""
_SHAFTS, _HEADS = r"=~\-‐‑‒–—―−", r">»›→⇒⟹⟶➔➜➞➡"
_OTHER_ARROW = re.compile(
    rf"\s*{_TIME}\s*(?P<arrow>(?:[\s{_SHAFTS}{_HEADS}]|&(?:amp;){{0,3}}gt;){{1,12}}?)\s*{_TIME}"
    rf"(?P<text>(?:\s+{_PLACE.pattern}\S*)*)\s*"
)
_ARROWS = re.compile(rf"[{_HEADS}]|gt;|[{_SHAFTS}]\s?[{_SHAFTS}]|[–—]")
"""A sign that symbols between two times are an arrow; a single hyphen may be that of opening hours, `9:00 - 17:00`."""
_COLON_FRACTION = re.compile(r"(\d{1,2}\s?:\s?\d{1,2}\s?:\s?\d{1,2})\s?[:;]\s?(\d{3})(?!\d)")
"""Milliseconds behind a colon; frames have two digits."""


class TimeLine(NamedTuple):
    """Start and end in ms, and text that follows them on their line, if any."""

    start_ms: int
    end_ms: int
    text: str


def is_time_line(line: str) -> bool:
    """Tell whether a line states the times of a cue, perhaps wrongly: it has an arrow, or nothing but two times."""
    return ARROW in line or (line.lstrip()[:1].isdigit() and _other_arrow(line) is not None)


def parse(line: str, *, most: int = 59) -> TimeLine | None:
    """Return the times of a time line, or None if it is malformed.

    Hours and fractions may be missing. A fraction is decimal (`1,5` is 1,500 ms), as pysubs2 reads it; some players
    read 1,005 ms. In whole seconds, start and end may be the same second: the cue then lasts for that second.

    Args:
        line: the line
        most: the most seconds, or minutes beside hours, that a time may have

    Example:
        >>> parse("00:00:20 --> 00:00:24"), parse("00:20,5 --> 1:00:24.25 line:0"), parse("00:00:20:12 --> 00:00:24:00")
        (TimeLine(start_ms=20000, end_ms=24000, text=''), TimeLine(start_ms=20500, end_ms=3624250, text=''), None)
    """
    if match := _PLAIN_TIMES.fullmatch(line):
        return _plain(match, most)
    if len(_COLON_FRACTION.findall(line)) == 2:
        line = _COLON_FRACTION.sub(r"\1,\2", line)
    if match := _TIMES.match(line):
        start, end = match.groups()[:4], match.groups()[4:8]
    elif match := _other_arrow(line):
        start, end = match.groups()[:4], match.groups()[5:9]
    else:
        return None
    text = match["text"]
    if ARROW in text or _is_beyond(start, most) or _is_beyond(end, most):
        return None
    start_ms, end_ms = _milliseconds(start), _milliseconds(end)
    if start_ms == end_ms and start[3] is None and end[3] is None:
        end_ms += 1_000
    text = "" if all(map(_PLACE.match, text.split())) else text.strip()
    return None if text and not text[0].isalpha() else TimeLine(start_ms, end_ms, text)


def _plain(match: re.Match[str], most: int) -> TimeLine | None:
    start, start_fraction, end, end_fraction = match.groups()
    start_s, end_s = _seconds(start, most), _seconds(end, most)
    if start_s is None or end_s is None:
        return None
    return TimeLine(start_s * 1_000 + int(start_fraction), end_s * 1_000 + int(end_fraction), "")


def _seconds(clock: str, most: int) -> int | None:
    """Return `HH:MM:SS` or `MM:SS` in seconds, None if it is beyond the clock; one number of all digits is fastest."""
    minutes, seconds = divmod(int(clock.replace(":", "")), 100)
    hours, rest = divmod(minutes, 100)
    # without hours, there may be more minutes than an hour has
    is_beyond = seconds > most or (rest > most and len(clock) > len("MM:SS"))
    return None if is_beyond else (hours * 60 + rest) * 60 + seconds


def _other_arrow(line: str) -> re.Match[str] | None:
    match = _OTHER_ARROW.fullmatch(line)
    return match if match and _ARROWS.search(match["arrow"]) else None


def _is_beyond(time: Sequence[str], most: int) -> bool:
    hours, minutes, seconds, _ = time
    # without hours, there may be more minutes than an hour has
    return int(seconds) > most or (hours is not None and int(minutes) > most)


def parse_time(text: str) -> int | None:
    """Return a time such as `00:01:02.500` in ms, or None if it is malformed.

    Args:
        text: the time and nothing else
    """
    match = _ONE_TIME.fullmatch(text)
    return _milliseconds(match.groups()) if match else None


def _milliseconds(time: Sequence[str]) -> int:
    hours, minutes, seconds, fraction = time
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1_000 + round(float(f"0.{fraction or 0}") * 1_000)
