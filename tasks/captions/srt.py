"""Parse SubRip: cues in its own form with pysrt, unusual ones by our own rules.

pysrt reads a missing or odd time as 0, and text without a time line as text of the cue before. So the file is split
into blocks here, and pysrt reads those whose time line is exactly SubRip's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.captions import clean, vtt
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.captions.line_breaks import lines_of
from tasks.captions.timed_blocks import TimedBlock, blocks, cue_of, untimed
from tasks.core.errors import Rejected

_OWN_FORM = re.compile(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", re.ASCII)
_MOST = 99
"""Seconds and minutes may exceed 59, as in other readers."""


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse SubRip. Blank lines within a cue, none between cues, and missing or wrong numbers are accepted.

    Args:
        text: a decoded .srt file; WebVTT under this name is read as such

    Returns:
        cues; and, with their words, those whose time line is malformed and text that has no time line

    Raises:
        Rejected: if the text has no time line
    """
    lines = lines_of(text)
    if vtt.has_header(lines):
        return vtt.read(text)
    cues, unused = list[Cue](), list[UnusedCue]()
    for block in blocks(lines):
        shown, lost = _split_untimed(block)
        if block.time_line:
            cue = _cue(block, shown)
            if isinstance(cue, Cue):
                cues.append(cue)
            else:
                unused.append(cue)
        if lost:
            unused += untimed(block, lost)
    if not cues and not any(cue.number for cue in unused):
        raise Rejected(UNREADABLE, f"a .srt file has lines such as 00:00:01,000 --> 00:00:02,000; found {text[:40]!r}")
    return cues, unused


def _cue(block: TimedBlock, lines: Sequence[str]) -> Cue | UnusedCue:
    if not _OWN_FORM.fullmatch(block.time_line):
        return cue_of(block, lines, most=_MOST)
    import pysrt

    item = pysrt.SubRipItem.from_lines([block.time_line, *lines, ""])
    return Cue(block.number, item.start.ordinal, item.end.ordinal, clean.screen_lines(item.text.split("\n")[:-1]))


def _split_untimed(block: TimedBlock) -> tuple[list[str], list[str]]:
    """Return the lines of a block's cue, and those of cues below it that have a number but no time line."""
    if not block.time_line:
        first = next((place for place, line in enumerate(block.lines) if line.strip()), 0)
        # the number of a cue whose time line is missing
        return [], list(block.lines[first + 1 if "".join(block.lines[first : first + 1]).strip().isdecimal() else 0 :])
    shown, lost = list[str](), list[str]()
    label, after_blank = block.label, False
    # a number is missing: text below a blank line is that of a cue that has lost its number and its time line
    skips = label is not None and block.next_label is not None and block.next_label > label + 1
    for place, line in enumerate(block.lines):
        if after_blank and label is not None and line.strip() == str(label + 1) and _is_label(block, place, shown):
            label += 1
            lost.append("")
        elif line.strip():
            is_lost = lost or (skips and after_blank and shown)
            (lost if is_lost else shown).append(line)
        after_blank = not line.strip()
    return shown, lost


def _is_label(block: TimedBlock, place: int, shown: Sequence[str]) -> bool:
    """Tell whether text follows a number, or, below text, the end of the file."""
    below = [line.strip() for line in block.lines[place + 1 :]]
    return bool(below and below[0]) or (block.is_last and bool(shown) and not any(below))
