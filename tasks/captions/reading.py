"""One caption file, whatever its encoding, format and faults, as what was said and when: by cue and by word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.captions import clean, repair, rolling, srt, turns, vtt
from tasks.captions.cue import Cue, Line, Lost, Spoken, Word
from tasks.captions.encoding import decode

CUT_OFF = "cut off"

_READERS = {"vtt": vtt.read, "srt": srt.read}
_UNCOVERED = 0.1
"""A file that stops in the middle of a line was cut off if more than this part of the sound follows its last cue."""


@dataclass(frozen=True)
class Reading:
    """What was said, in order of time and without overlaps; and the cues that could not be used.

    `lines` holds the words of every cue that was kept, and those that are only a tag, in order of time, if words were
    asked for; `timed` tells whether words carry times of their own, or share their cue's.
    """

    spoken: tuple[Spoken, ...]
    lost: tuple[Lost, ...]
    lines: tuple[Line, ...]
    timed: bool


def read(content: bytes, caption_format: str, duration_s: float, max_overrun_s: float, *, by_word: bool) -> Reading:
    """Read captions: every word once, inside the sound.

    Args:
        content: the caption file
        caption_format: "vtt" or "srt"
        duration_s: of the sound
        max_overrun_s: how far after the sound a cue may end and be cut there
        by_word: whether words and their times are asked for

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    text = decode(content)
    parsed, malformed = _READERS[caption_format](text)
    cues, backwards = repair.in_order(parsed)
    rolls = rolling.is_rolling(cues)
    unrolled = rolling.unroll(cues) if rolls else []
    said = [_said(line) for line in unrolled] if rolls else _as_they_stand(cues)
    worded, wordless = _with_words(said)
    complete, cut_off = worded, list[Lost]()
    if worded and not text.endswith(("\n", "\r")):
        complete, cut_off = _without_half_sentence(worded, duration_s)
    ordered, no_length = repair.in_order(complete)
    within, past_end = repair.inside(ordered, math.floor(duration_s * 1000), round(max_overrun_s * 1000))
    kept, overlapping = repair.apart(within)
    lost = [*malformed, *backwards, *wordless, *cut_off, *no_length, *past_end, *overlapping]
    timed = rolling.is_timed(cues)
    lines: tuple[Line, ...] = ()
    if by_word:
        tags = {one.number for one in wordless if one.reason == clean.ONLY_TAG}
        spans = [*kept, *(one for one in said if one.number in tags)]
        lines = _within(unrolled if rolls else turns.words(cues), spans, timed=timed)
    return Reading(tuple(kept), tuple(sorted(lost, key=lambda one: one.number)), lines, timed)


def _as_they_stand(cues: Sequence[Cue]) -> list[Spoken]:
    return [Spoken(cue.number, cue.start_ms, cue.end_ms, clean.spoken(cue.lines)) for cue in cues]


def _said(line: Line) -> Spoken:
    text = clean.spoken([" ".join(word.text for word in line.words)])
    return Spoken(line.number, line.words[0].start_ms, line.words[-1].end_ms, text)


def _within(lines: Sequence[Line], spans: Sequence[Spoken], *, timed: bool) -> tuple[Line, ...]:
    """Return the lines of these spans, in order of time; where a span was cut, its words lie within what is left."""
    words = {line.number: line.words for line in lines}
    ordered = sorted(spans, key=lambda one: (one.start_ms, one.number))
    if timed:
        return tuple(Line(one.number, tuple(_cut(word, one) for word in words[one.number])) for one in ordered)
    return tuple(Line(one.number, turns.shared(words[one.number], one.start_ms, one.end_ms)) for one in ordered)


def _cut(word: Word, span: Spoken) -> Word:
    return replace(word, start_ms=min(word.start_ms, span.end_ms), end_ms=min(word.end_ms, span.end_ms))


def _with_words(spoken: Sequence[Spoken]) -> tuple[list[Spoken], list[Lost]]:
    reasons = [clean.wordless(one.text) for one in spoken]
    kept = [one for one, reason in zip(spoken, reasons, strict=True) if reason is None]
    lost = [Lost(one.number, reason, one.text) for one, reason in zip(spoken, reasons, strict=True) if reason]
    return kept, lost


def _without_half_sentence(spoken: Sequence[Spoken], duration_s: float) -> tuple[list[Spoken], list[Lost]]:
    last = max(spoken, key=lambda one: one.number)
    if last.end_ms / 1000 > (1 - _UNCOVERED) * duration_s:
        return list(spoken), []
    return [one for one in spoken if one is not last], [Lost(last.number, CUT_OFF, last.text)]
