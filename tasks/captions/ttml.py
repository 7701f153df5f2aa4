"""Read TTML, also called DFXP: `<p>` with times in any of its notations, relative to those of the elements around it.

pysubs2 reads TTML, too, but neither frames, ticks and `dur` nor older namespaces, and no file with one odd time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.elements import attribute, local_name
from tasks.captions.times import OpenCue, closed, marked, milliseconds

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d{1,9})?)(?::(\d{1,4})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(h|ms|m|s|f|t)?")
_UNITS_MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_CONTAINERS = ("body", "div", "p", "span")
_FRAMES_PER_S = 30.0


@dataclass(frozen=True)
class ClockRates:
    """Frames and ticks per second, which the root element states."""

    frames_per_s: float = _FRAMES_PER_S
    ticks_per_s: float = 1.0


@dataclass(frozen=True)
class TimedElement:
    """A `<p>`, or one of its parts, with its span in ms; None: not stated by it or by an element around it."""

    start_ms: int | None
    end_ms: int | None
    element: Element


TimedText = tuple[TimedElement, str]


def read(root: Element) -> tuple[list[Cue], list[UnusedCue]]:
    """Read the cues of TTML. A cue's number counts the `<p>` elements.

    Args:
        root: the element `<tt>`

    Returns:
        cues, and those without a usable time
    """
    rates = _rates(root)
    body = next((element for element in root.iter() if local_name(element) == "body"), root)
    paragraphs = list(_paragraphs(body, TimedElement(None, None, body), rates))
    texts = [list(_texts(paragraph, rates)) for paragraph in paragraphs]
    timed = any(_has_timed_words(*pair) for pair in zip(paragraphs, texts, strict=True))
    cues = list[OpenCue]()
    for number, (paragraph, parts) in enumerate(zip(paragraphs, texts, strict=True), start=1):
        cues += _cues(number, paragraph, parts, timed=timed)
    return closed(cues)


def time_ms(text: str, rates: ClockRates) -> int | None:
    """Return a time expression in ms, or None if it is none.

    Args:
        text: such as 00:01:02.500, 00:01:02:12 (frames), 62.5s or 625000000t (ticks)
        rates: frames and ticks per second

    Example:
        >>> time_ms("00:00:01:15", ClockRates()), time_ms("2.5s", ClockRates()), time_ms("soon", ClockRates())
        (1500, 2500, None)
    """
    if match := _OFFSET.fullmatch(text.strip()):
        units_ms = {**_UNITS_MS, "f": 1000 / rates.frames_per_s, "t": 1000 / rates.ticks_per_s}
        return milliseconds(match[1], units_ms[match[2] or "s"])
    if match := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds, frames = (float((part or "0").replace(",", ".")) for part in match.groups())
        return milliseconds((hours * 60 + minutes) * 60 + seconds + frames / rates.frames_per_s, 1000)
    return None


def _rates(root: Element) -> ClockRates:
    frames = _positive(attribute(root, "frameRate"))
    ticks = _positive(attribute(root, "tickRate"))
    factor = re.fullmatch(r"\s*(\d{1,9})[\s:]+(\d{1,9})\s*", attribute(root, "frameRateMultiplier") or "")
    multiplier = float(factor[1]) / float(factor[2]) if factor and float(factor[1]) and float(factor[2]) else 1.0
    return ClockRates((frames or _FRAMES_PER_S) * multiplier, ticks or (frames * multiplier if frames else 1.0))


def _positive(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,12}", text.strip()) and float(text) else None


def _paragraphs(element: Element, around: TimedElement, rates: ClockRates) -> Iterator[TimedElement]:
    # the depth is limited when the file is parsed
    place = _placed(element, around, rates)
    if local_name(element) == "p":
        yield place
        return
    for child in element:
        if local_name(child) in _CONTAINERS:
            yield from _paragraphs(child, place, rates)


def _placed(element: Element, around: TimedElement, rates: ClockRates) -> TimedElement:
    """Return an element's span; its times are relative to the start of the element around it."""
    base_ms = around.start_ms or 0
    begin, end, length = (attribute(element, name) for name in ("begin", "end", "dur"))
    start_ms, end_ms = around.start_ms, around.end_ms
    if begin is not None:
        offset_ms = time_ms(begin, rates)
        start_ms = None if offset_ms is None else base_ms + offset_ms
    if end is not None and (offset_ms := time_ms(end, rates)) is not None:
        end_ms = base_ms + offset_ms
    elif length is not None and start_ms is not None and (length_ms := time_ms(length, rates)) is not None:
        end_ms = start_ms + length_ms
    return TimedElement(start_ms, end_ms, element)


def _has_own_time(paragraph: TimedElement) -> bool:
    return attribute(paragraph.element, "begin") is not None


def _has_timed_words(paragraph: TimedElement, texts: Sequence[TimedText]) -> bool:
    return _has_own_time(paragraph) and any(part.start_ms != paragraph.start_ms for part, _ in texts)


def _cues(number: int, paragraph: TimedElement, texts: Sequence[TimedText], *, timed: bool) -> Iterator[OpenCue]:
    """Yield a paragraph as a cue; if only its parts have times, each of them."""
    start_ms = paragraph.start_ms
    if not _has_own_time(paragraph) and any(part.start_ms != start_ms for part, _ in texts):
        for part, text in texts:
            if text.strip():
                yield OpenCue(number, part.start_ms, part.end_ms, _lines(text))
        return
    line = "".join(text for _, text in texts)
    if timed and start_ms is not None:
        line = marked((text, start_ms if part.start_ms is None else part.start_ms) for part, text in texts)
    yield OpenCue(number, start_ms, paragraph.end_ms, _lines(line))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in (" ".join(part.split()) for part in text.split("\n")) if line)


def _texts(around: TimedElement, rates: ClockRates) -> Iterator[TimedText]:
    """Yield the texts below an element with their times, in order; a line break is a text of its own.

    Metadata and the small text above ruby are left out.
    """
    yield around, _plain(around.element.text)
    for child in around.element:
        if (name := local_name(child)) == "br":
            yield around, "\n"
        elif name == "span" and not (attribute(child, "ruby") or "").startswith(("text", "delimiter")):
            yield from _texts(_placed(child, around, rates), rates)
        yield around, _plain(child.tail)


def _plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
