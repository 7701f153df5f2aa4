"""Read YouTube's XML formats srv1, srv2 and srv3; in srv3, words of automatic captions have times of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.elements import local_name
from tasks.captions.times import OpenCue, closed, marked, milliseconds

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read(root: Element) -> tuple[list[Cue], list[UnusedCue]]:
    """Read the cues `<text start dur>` in seconds, or `<text t d>` and `<p t d>` in ms. A cue's number counts these.

    Args:
        root: the element `<transcript>` or `<timedtext>`

    Returns:
        cues, and those without a usable time
    """
    elements = [element for element in root.iter() if local_name(element) in ("text", "p")]
    timed = any(word.get("t") is not None for element in elements for word in element)
    cues = (_cue(number, element, timed=timed) for number, element in enumerate(elements, start=1))
    # appended line breaks are layout
    shown = [cue for cue, element in zip(cues, elements, strict=True) if cue.lines or not _is_appended(element)]
    return closed(shown, until_next=timed)


def _is_appended(element: Element) -> bool:
    return element.get("a") == "1" or element.get("append") == "1"


def _cue(number: int, element: Element, *, timed: bool) -> OpenCue:
    in_seconds = element.get("start") is not None
    unit_ms, start, length = (1000, "start", "dur") if in_seconds else (1, "t", "d")
    start_ms = milliseconds(element.get(start), unit_ms)
    length_ms = milliseconds(element.get(length), unit_ms)
    line = "".join(element.itertext())
    if timed and start_ms is not None:
        line = marked([(element.text or "", start_ms), *_words(element, start_ms)])
    end_ms = None if start_ms is None or length_ms is None else start_ms + length_ms
    return OpenCue(number, start_ms, end_ms, tuple(line.splitlines()) if line.strip() else ())


def _words(element: Element, start_ms: int) -> list[tuple[str, int]]:
    words = list[tuple[str, int]]()
    for word in element:
        text = "".join(word.itertext()) + (word.tail or "").rstrip()
        words.append((text, start_ms + (milliseconds(word.get("t", "0")) or 0)))
    return words
