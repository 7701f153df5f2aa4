"""Parse SubStation Alpha, .ass and .ssa (pysubs2)."""

from __future__ import annotations

import re

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.captions.line_breaks import lines_of
from tasks.captions.timed_blocks import MALFORMED
from tasks.core.errors import Rejected

_DRAWING = re.compile(r"\\p(\d+)")
"""The text after `\\p1` is a drawing, until `\\p0`."""
_BREAK = re.compile(r"\\[nN]")
_FIELDS = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
"""Order of an event's fields if no line `Format:` states it; the text is always the last."""


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse SubStation Alpha. Comments and drawings are skipped. A cue's number counts the lines `Dialogue:`.

    Args:
        text: a decoded .ass or .ssa file

    Returns:
        cues, and those without a usable time

    Raises:
        Rejected: if the text has no section `[Events]`
    """
    cues, unused = list[Cue](), list[UnusedCue]()
    number, fields, section = 0, _FIELDS, ""
    has_events = False
    for line in lines_of(text):
        if line.startswith("[") and line.rstrip().endswith("]"):
            section = line.strip().lower()
            has_events = has_events or section == "[events]"
        if section != "[events]":
            continue
        kind, _, values = line.partition(":")
        if kind.strip() == "Format":
            fields = [field.strip().lower() for field in values.split(",")]
        elif kind.strip() == "Dialogue":
            number += 1
            cue = _cue(number, dict(zip(fields, values.split(",", len(fields) - 1), strict=False)))
            if cue is None:
                unused.append(UnusedCue(number, MALFORMED, line.strip()))
            elif cue.lines:
                cues.append(cue)
    if not has_events:
        raise Rejected(UNREADABLE, f"an .ass file has a section [Events]; this one begins {text[:40]!r}")
    return cues, unused


def _cue(number: int, fields: dict[str, str]) -> Cue | None:
    """Return a cue without lines for a drawing; None if a field is missing or a time is malformed."""
    from pysubs2 import Pysubs2Error, SSAFile

    if not {"start", "end", "text"} <= fields.keys():
        return None
    # one line at a time, and only its times: pysubs2 gives up a file at its first malformed value
    line = f"[Events]\nDialogue: 0,{fields['start'].strip()},{fields['end'].strip()},,,0,0,0,,"
    try:
        (event,) = SSAFile.from_string(line, format_="ass").events
    except (Pysubs2Error, ValueError):
        return None
    if event.start < 0 or event.end < 0:
        return None
    text = _without_overrides(fields["text"])
    is_drawing = not text.strip() and _DRAWING.search(fields["text"])
    lines = _BREAK.split(text.replace(r"\h", " "))
    return Cue(number, event.start, event.end, () if is_drawing else tuple(lines))


def _without_overrides(text: str) -> str:
    """Remove override blocks `{…}` and drawings in linear time; pysubs2 needs time in the square of the length."""
    kept, place, draws = list[str](), 0, False
    while (start := text.find("{", place)) >= 0 and (end := text.find("}", start)) >= 0:
        if not draws:
            kept.append(text[place:start])
        if modes := _DRAWING.findall(text, start, end):
            draws = modes[-1].strip("0") != ""
        place = end + 1
    return "".join([*kept, "" if draws else text[place:]])
