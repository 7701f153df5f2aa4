"""Parse SubRip (pysrt)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.captions.vtt import ARROW, LINE_BREAK, MALFORMED
from tasks.core.errors import Rejected

# hours of more than four digits are an error of the file, and Python does not convert thousands of digits
_TIME = r"\d{1,4}:\d{1,2}:\d{1,2}[,.]\d{1,3}"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?!\d)")


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse SubRip. Blank lines within a cue, none between cues, and missing or wrong numbers are accepted.

    Args:
        text: a decoded .srt file

    Returns:
        cues, and those whose time line is malformed

    Raises:
        Rejected: if the text has no time line
    """
    import pysrt
    from pysrt.srtexc import Error

    cues, unused = [], []
    for number, block in enumerate(_blocks(LINE_BREAK.split(text)), start=1):
        # pysrt reads missing or odd times as 0
        if not _TIMES.match(block[0]):
            unused.append(UnusedCue(number, MALFORMED, block[0]))
            continue
        try:
            item = pysrt.SubRipItem.from_lines([*block, ""])
        except Error:
            # such as a second arrow, or a third colon
            unused.append(UnusedCue(number, MALFORMED, block[0]))
            continue
        cues.append(Cue(number, item.start.ordinal, item.end.ordinal, tuple(item.text.splitlines())))
    if not cues and not unused:
        raise Rejected(UNREADABLE, f"a .srt file has lines such as 00:00:01,000 --> 00:00:02,000; found {text[:40]!r}")
    return cues, unused


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Split lines into cues at their time lines; a number right above a time line belongs to the cue below."""
    starts = [number for number, line in enumerate(lines) if ARROW in line]
    for start, following in zip_longest(starts, starts[1:]):
        body = lines[start + 1 : following]
        if following is not None and body and body[-1].strip().isdecimal():
            body.pop()
        yield [lines[start], *(line for line in body if line.strip())]
