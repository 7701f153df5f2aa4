"""Group the lines of a caption file by time lines; numbers that count cues are no words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tasks.captions import clean
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.time_lines import is_time_line, parse

MALFORMED = "malformed cue"
UNTIMED = "no time line"

_MOST_DIGITS = 9


class TimedBlock(NamedTuple):
    """A time line and the lines below it, up to the next cue.

    Args:
        number: counts the file's time lines from 1; of the lines before the first time line: 0
        time_line: as in the file; empty before the first time line
        lines: also blank ones; without the next cue's label
        label: the number above the time line, if there is one
        next_label: the number above the next time line, if there is one
        is_last: whether no time line follows
    """

    number: int
    time_line: str
    lines: tuple[str, ...]
    label: int | None
    next_label: int | None
    is_last: bool


def blocks(lines: Sequence[str], n_before: int = 0) -> Iterator[TimedBlock]:
    """Split a file at its time lines.

    A number above a time line is the label of a cue if it continues the count, or if a blank line separates it from
    the words above, or if no time line lacks a number; else it is a word.

    Args:
        lines: of the file, or of a part of it
        n_before: the number of time lines in the parts before
    """
    places = [place for place, line in enumerate(lines) if is_time_line(line)]
    all_labelled = all(place > 0 and lines[place - 1].strip().isdecimal() for place in places)
    label: int | None = None
    for number, (place, following) in enumerate(pairwise([-1, *places, len(lines)]), n_before):
        body = list(lines[place + 1 : following])
        is_last = following == len(lines)
        next_label = None if is_last else _pop_label(body, label, is_first=place < 0, all_labelled=all_labelled)
        time_line = lines[place] if place >= 0 else ""
        yield TimedBlock(number, time_line, tuple(body), label, next_label, is_last)
        label = next_label


def cue_of(block: TimedBlock, lines: Sequence[str], *, most: int = 59) -> Cue | UnusedCue:
    """Return a block's cue, or, if its time line is malformed, an unused cue with its words.

    Args:
        block: with a time line
        lines: the block's lines that are its text
        most: the most seconds, or minutes beside hours, that a time may have
    """
    times = parse(block.time_line, most=most)
    if times is None:
        words = clean.spoken_text(lines)
        return UnusedCue(block.number, MALFORMED, f"{block.time_line}: {words}" if words else block.time_line)
    shown = [times.text, *lines] if times.text else lines
    return Cue(block.number, times.start_ms, times.end_ms, clean.screen_lines(shown))


def untimed(block: TimedBlock, lines: Sequence[str]) -> list[UnusedCue]:
    """Return text without a time line as an unused cue, with the number of the cue before; none if it has no words.

    Args:
        block: in which the lines are
        lines: the text
    """
    text = clean.spoken_text(lines)
    return [UnusedCue(block.number, UNTIMED, text)] if clean.has_words(text) else []


def _pop_label(body: list[str], label: int | None, *, is_first: bool, all_labelled: bool) -> int | None:
    """Remove the label of the next cue from the end of a block, and return it.

    Args:
        body: lines of the block
        label: of the block itself
        is_first: whether no time line is above
        all_labelled: whether a number is right above every time line
    """
    place = len(body) - 1
    while place >= 0 and not body[place].strip():
        place -= 1
    if place < 0 or not (digits := body[place].strip()).isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    next_label = int(digits)
    counts_on = label is not None and next_label == label + 1
    is_adjacent = place == len(body) - 1
    is_apart = place > 0 and not body[place - 1].strip()
    is_alone = is_first and not any(line.strip() for line in body[:place])
    if counts_on or is_alone or (is_adjacent and (all_labelled or is_first or is_apart)):
        del body[place:]
        return next_label
    return None
