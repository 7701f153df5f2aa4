"""Parse one caption file of any encoding and format into spoken spans and, on request, words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.captions import (
    clean,
    json3,
    limits,
    overlaps,
    repair,
    repetitions,
    speaker_names,
    srt,
    substation,
    truncation,
    turns,
    vtt,
    xml_file,
)
from tasks.captions.cue import CaptionLine, CaptionWord, Cue, SpokenSpan, UnusedCue
from tasks.captions.encoding import decode

NUL = "NUL in the text"

READERS = {
    "vtt": vtt.read,
    "srt": srt.read,
    "json3": json3.read,
    **dict.fromkeys(("ass", "ssa"), substation.read),
    **dict.fromkeys(("ttml", "dfxp", "tt", "xml", "srv1", "srv2", "srv3"), xml_file.read),
}
"""Format → its parser; `tasks.core.caption_formats` has the formats in order of preference."""
_START = 4_096
_BY_LINE = ("vtt", "srt", "ass", "ssa")
"""Formats of lines, which can be cut off anywhere; JSON and XML are complete if they can be parsed."""


@dataclass(frozen=True)
class ParsedCaptions:
    """The content of a caption file.

    Args:
        spoken: in order of time, without overlaps
        unused: cues that could not be used, by number
        lines: the words of every used cue, and of those that are only a tag, in order of time; empty unless requested
        timed: whether words have their own times; else they share their cue's
    """

    spoken: tuple[SpokenSpan, ...]
    unused: tuple[UnusedCue, ...]
    lines: tuple[CaptionLine, ...]
    timed: bool


def format_of(content: bytes, name: str) -> str:
    """Return the format of a caption file, one of `READERS`: by its extension, else by its first characters.

    Args:
        content: the file
        name: its name, which may have no extension, or another

    Raises:
        Rejected: if the content is not text
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix in READERS:
        return suffix
    start = decode(content[:_START]).lstrip("\ufeff \t\r\n")[:200]
    beginnings = {"WEBVTT": "vtt", "{": "json3", "<": "xml", "[": "ass"}
    # SubRip begins with a number or a time
    return next(
        (caption_format for beginning, caption_format in beginnings.items() if start.startswith(beginning)), "srt"
    )


def read(
    content: bytes, caption_format: str, duration_s: float | None, max_overrun_s: float, *, by_word: bool
) -> ParsedCaptions:
    """Parse captions: every word once, within the sound.

    Args:
        content: the caption file
        caption_format: one of `READERS`
        duration_s: duration of the sound; None: unknown, nothing is cut at the end
        max_overrun_s: a cue that ends up to this much after the sound is cut there
        by_word: whether to return words and their times

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    limits.demand_bytes(content)
    text = decode(content)
    limits.demand_lines(text)
    parsed, malformed = READERS[caption_format](text)
    limits.demand_words(parsed, len(malformed))
    if duration_s is None:
        text, duration_s = text + "\n", max((cue.end_ms + 1 for cue in parsed), default=0) / 1000
    undamaged, damaged = _without_nul(parsed)
    ordered, reversed_cues = repair.in_order(undamaged)
    single, repeated = overlaps.without_repeats(ordered)
    cues = speaker_names.as_voices(single)
    words = repetitions.without_repetitions(cues, by_word=by_word)
    if words.unrolled is None:
        spans = [_span_of_cue(cue) for cue in words.cues]
    else:
        spans = [_span_of_line(line) for line in words.unrolled]
    # truncation is checked before the repairs below: they may shorten or drop the last cue of the file
    worded, wordless = _with_words(spans)
    complete, cut_off = worded, list[UnusedCue]()
    if caption_format in _BY_LINE:
        complete, cut_off = truncation.without_truncated(worded, text, duration_s)
    in_order, no_length = repair.in_order(complete)
    kept, past_end = _within_sound(in_order, duration_s, max_overrun_s)
    unused = [*malformed, *damaged, *reversed_cues, *repeated, *wordless, *cut_off, *no_length, *past_end]
    lines: tuple[CaptionLine, ...] = ()
    if by_word:
        tags = {cue.number for cue in wordless if cue.reason == clean.ONLY_TAG}
        with_tags = [*kept, *(span for span in spans if span.number in tags)]
        lines = _lines_within(words.lines(), with_tags, timed=words.timed)
    return ParsedCaptions(tuple(kept), tuple(sorted(unused, key=lambda cue: cue.number)), lines, words.timed)


def _without_nul(cues: Sequence[Cue]) -> tuple[list[Cue], list[UnusedCue]]:
    """Split off cues that contain NUL: a transfer or a disk lost some of their letters."""
    kept, damaged = list[Cue](), list[UnusedCue]()
    for cue in cues:
        if "\0" in (text := " ".join(cue.lines)):
            damaged.append(UnusedCue(cue.number, NUL, text.replace("\0", r"\0")))
        else:
            kept.append(cue)
    return kept, damaged


def _within_sound(
    spans: Sequence[SpokenSpan], duration_s: float, max_overrun_s: float
) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    """Resolve overlaps, and limit spans to the sound."""
    duration_ms, overrun_ms = math.floor(duration_s * 1000), round(max_overrun_s * 1000)
    separate = overlaps.apart(spans)
    if separate and overlaps.stay_on_screen(spans):
        # the last line, too, has its time on the screen, which may continue after the sound
        overrun_ms = max(overrun_ms, separate[-1].end_ms - duration_ms)
    return repair.inside(separate, duration_ms, overrun_ms)


def _span_of_cue(cue: Cue) -> SpokenSpan:
    return SpokenSpan(cue.number, cue.start_ms, cue.end_ms, clean.spoken_text(cue.lines))


def _span_of_line(line: CaptionLine) -> SpokenSpan:
    text = clean.spoken_text([" ".join(word.text for word in line.words)])
    return SpokenSpan(line.number, line.words[0].start_ms, line.words[-1].end_ms, text)


def _lines_within(lines: Sequence[CaptionLine], spans: Sequence[SpokenSpan], *, timed: bool) -> tuple[CaptionLine, ...]:
    """Return the lines of these spans, in order of time; words are limited to spans that were shortened."""
    words = {line.number: line.words for line in lines}
    ordered = sorted(spans, key=lambda span: (span.start_ms, span.number))
    if timed:
        return tuple(CaptionLine(s.number, tuple(_limited(word, s) for word in words[s.number])) for s in ordered)
    return tuple(CaptionLine(s.number, turns.share(words[s.number], s.start_ms, s.end_ms)) for s in ordered)


def _limited(word: CaptionWord, span: SpokenSpan) -> CaptionWord:
    return word._replace(start_ms=min(word.start_ms, span.end_ms), end_ms=min(word.end_ms, span.end_ms))


def _with_words(spans: Sequence[SpokenSpan]) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    reasons = [clean.wordless_reason(span.text) for span in spans]
    kept = [span for span, reason in zip(spans, reasons, strict=True) if reason is None]
    unused = [UnusedCue(span.number, why, span.text) for span, why in zip(spans, reasons, strict=True) if why]
    return kept, unused
