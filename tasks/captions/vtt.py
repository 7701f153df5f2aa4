"""Parse WebVTT (webvtt-py)."""

from __future__ import annotations

import re

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.core.errors import Rejected

MALFORMED = "malformed cue"
ARROW = "-->"
LINE_BREAK = re.compile(r"\r\n|\r|\n")
_COMMA = re.compile(r"(?<=\d),(?=\d{3}\b)")


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse WebVTT. Notes, styles, regions, identifiers and cue settings are skipped; decimal commas are accepted.

    Args:
        text: a decoded .vtt file

    Returns:
        cues, and those whose time line is malformed

    Raises:
        Rejected: if the text is not WebVTT
    """
    import webvtt
    from webvtt.errors import MalformedCaptionError, MalformedFileError

    lines = [_COMMA.sub(".", line) if ARROW in line else line for line in LINE_BREAK.split(text.lstrip())]
    try:
        parsed = iter(webvtt.from_string("\n".join(lines)).captions)
    except (MalformedFileError, MalformedCaptionError):
        raise Rejected(UNREADABLE, f"a .vtt file starts with WEBVTT, this one with {text[:40]!r}") from None
    cues, unused = [], []
    for number, line in enumerate((line for line in lines if ARROW in line), start=1):
        # the parser skips bad time lines silently: parse each time line separately to find them
        if webvtt.from_string(f"WEBVTT\n\n{line}").captions and (cue := next(parsed, None)):
            start_ms, end_ms = cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds()
            cues.append(Cue(number, start_ms, end_ms, tuple(cue.lines)))
        else:
            unused.append(UnusedCue(number, MALFORMED, line))
    return cues, unused
