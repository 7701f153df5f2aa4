"""Parse WebVTT, as a file or as segments of a stream that were joined.

We do not use webvtt-py: it skips text without a time line, and cues with unusual times, without reporting them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tasks.captions import joined_segments
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.encoding import UNREADABLE
from tasks.captions.joined_segments import CLOCK_MAP, StreamSegment, is_clock_map
from tasks.captions.line_breaks import lines_of
from tasks.captions.time_lines import is_time_line
from tasks.captions.timed_blocks import TimedBlock, blocks, cue_of, untimed
from tasks.core.errors import Rejected

_HEADER = re.compile("WEBVTT(?:[ \t].*)?$")
_GLUED_HEADER = re.compile("(?<=[^\\s\ufeff])(?=\ufeff*WEBVTT[ \t]*[\r\n])")
_COMMENT = re.compile(r"(?:NOTE|STYLE|REGION|WEBVTT)(?:\s|$)|(?:Style|Region|Kind|Language):|X-TIMESTAMP-MAP|::cue")
_MOST_WORDS = 2
"""An identifier with more words may be text whose time line is missing."""


def has_header(lines: Sequence[str]) -> bool:
    """Tell whether the first line that is not blank is WebVTT's."""
    return _HEADER.match(next((line for line in lines if line.strip()), "").strip()) is not None


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse WebVTT. Headers, notes, styles, regions, identifiers and cue settings are skipped.

    Args:
        text: a decoded .vtt file; without a header, its time lines show what it is

    Returns:
        cues; and, with their words, those whose time line is malformed, text that has no time line, and cues that
        the segments of a stream repeat

    Raises:
        Rejected: if the text has neither header nor time line
    """
    if text.count("WEBVTT") > 1:
        text = _GLUED_HEADER.sub("\n", text)
    lines = lines_of(text)
    segments, unused = list[StreamSegment](), list[UnusedCue]()
    n_before = 0
    is_whole = text.count("WEBVTT") == text.startswith("WEBVTT") and CLOCK_MAP not in text
    for segment_lines in [lines] if is_whole else _segments(lines):
        cues = list[Cue]()
        for block in blocks(segment_lines, n_before):
            n_before = block.number
            shown, lost = _shown_and_lost(block)
            if block.time_line:
                cue = cue_of(block, shown)
                if isinstance(cue, Cue):
                    cues.append(cue)
                else:
                    unused.append(cue)
            for paragraph in lost:
                unused += untimed(block, paragraph)
        segments.append(StreamSegment(cues, next(filter(is_clock_map, segment_lines), "")))
    if not n_before and not has_header(lines):
        raise Rejected(UNREADABLE, f"a .vtt file starts with WEBVTT, this one with {text[:40]!r}")
    cues, repeated = joined_segments.join(segments)
    return cues, [*unused, *repeated]


def _segments(lines: Sequence[str]) -> Iterator[list[str]]:
    """Split a file at headers, and at clock maps below cues (their headers may have been removed)."""
    start, has_cues = 0, False
    for place, line in enumerate(lines):
        is_header = line.startswith("WEBVTT") and _HEADER.match(line) is not None
        if is_header:
            is_header = place == 0 or line.rstrip() == "WEBVTT" or not lines[place - 1]
        if is_header or (has_cues and is_clock_map(line)):
            if place > start:
                yield list(lines[start:place])
            start, has_cues = place, False
        has_cues = has_cues or is_time_line(line)
    yield list(lines[start:])


def _shown_and_lost(block: TimedBlock) -> tuple[list[str], list[list[str]]]:
    """Return the lines of a block's cue, and paragraphs without a time line, which a player does not show."""
    # fast path: text right below the time line, and a blank line at its end only
    if block.time_line and block.lines.count("") == 1 and len(block.lines) > 1 and not block.lines[-1]:
        return list(block.lines[:-1]), []
    paragraphs = list(_paragraphs(block))
    _pop_identifier(block, paragraphs)
    shown = list[str]()
    # text below a blank line is the cue's if the cue has no other, unless it is numbered as a cue of its own
    is_next = bool(paragraphs) and len(paragraphs[0]) > 1 and _counts_on(paragraphs[0], block)
    if block.time_line and paragraphs and (block.lines[0] or not is_next):
        shown = paragraphs.pop(0)
    return shown, [lines[1:] if _counts_on(lines, block) else lines for lines in paragraphs]


def _counts_on(lines: Sequence[str], block: TimedBlock) -> bool:
    """Tell whether lines begin with the number of a cue that has no time line."""
    number = lines[0].strip()
    return number.isdecimal() and (
        number == str((block.label or 0) + 1) or (block.label is not None and len(lines) > 1)
    )


def _paragraphs(block: TimedBlock) -> Iterator[list[str]]:
    """Yield lines between blank lines; without comments, styles and headers, which are no text of a cue."""
    start = 0
    for place, line in enumerate([*block.lines, ""]):
        # a line of spaces is not blank: rolling captions display it
        if line:
            continue
        is_text_of_cue = start == 0 and block.time_line
        if place > start and (is_text_of_cue or not _COMMENT.match(block.lines[start])):
            yield list(block.lines[start:place])
        start = place + 1


def _pop_identifier(block: TimedBlock, paragraphs: list[list[str]]) -> None:
    """Remove the identifier of the next cue from the end of the paragraphs."""
    if block.is_last or block.next_label is not None or not paragraphs or not block.lines[-1]:
        return
    is_only = bool(block.time_line) and len(paragraphs) == 1
    # text right below the time line has no identifier; below a blank line it may be the cue's text
    if is_only and block.lines[0]:
        return
    if paragraphs[-1][-1] == block.lines[-1] and len(block.lines[-1].split()) <= (1 if is_only else _MOST_WORDS):
        paragraphs[-1].pop()
        if not paragraphs[-1]:
            paragraphs.pop()
