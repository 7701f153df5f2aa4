"""Resolve overlaps of cues without losing words: a cue ends where the next one starts.

Captions overlap because a line stays on the screen while the next is spoken: interfaces of sites give a line's time on
the screen, long titles stay over several cues, and two speakers may share the screen. When the words of a cue end is
then unknown, but its start is right, and its words come before those of the next cue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise, zip_longest
from typing import Generic, TypeVar

from tasks.captions import clean
from tasks.captions.cue import CaptionLine, Cue, SpokenSpan, UnusedCue
from tasks.captions.repair import REPEATED

_FASTEST_MS = 25
"""Nobody speaks a letter or digit in less time; twice as fast as fast speech."""
_MOSTLY = 0.5

Shown = TypeVar("Shown")


def without_repeats(cues: Sequence[Cue]) -> tuple[list[Cue], list[UnusedCue]]:
    """Drop cues that repeat an earlier one: same words, same times.

    Args:
        cues: in order of time
    """
    kept, repeated = list[Cue](), list[UnusedCue]()
    for _, group in groupby(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        first, *others = group
        kept.append(first)
        shown = {_displayed(first)} if others else set()
        for cue in others:
            if _displayed(cue) in shown:
                repeated.append(UnusedCue(cue.number, REPEATED, clean.spoken_text(cue.lines)))
            else:
                kept.append(cue)
                shown.add(_displayed(cue))
    return kept, repeated


def _displayed(cue: Cue) -> str:
    return " ".join(clean.displayed(line) for line in cue.lines)


def join_simultaneous(cues: Sequence[Cue]) -> list[Cue]:
    """Join cues that start together, as lines of one cue, in the file's order.

    Cues start together if the words of the first one cannot be spoken before the second one starts. Cues without
    words, such as `[Music]`, stay alone.

    Args:
        cues: in order of time
    """
    if not any(after.start_ms < before.end_ms for before, after in pairwise(cues)):
        return list(cues)
    timed = [_Timed(cue, cue.number, cue.start_ms, cue.end_ms) for cue in cues]
    joined = [_join_cues(group) for group in _together(timed, lambda cue: clean.spoken_text(cue.lines))]
    return sorted(joined, key=lambda cue: (cue.start_ms, cue.end_ms, cue.number))


def join_simultaneous_lines(lines: Sequence[CaptionLine]) -> list[CaptionLine]:
    """Join lines whose words have their own times, in the same way.

    Args:
        lines: each with a word
    """
    timed = [_Timed(line, line.number, line.words[0].start_ms, line.words[-1].end_ms) for line in lines]
    ordered = sorted(timed, key=lambda line: (line.start_ms, line.number))
    if not any(after.start_ms < before.end_ms for before, after in pairwise(ordered)):
        return list(lines)
    return [_join_lines(group) for group in _together(ordered, lambda line: " ".join(word.text for word in line.words))]


@dataclass(frozen=True)
class _Timed(Generic[Shown]):
    shown: Shown
    number: int
    start_ms: int
    end_ms: int


def _together(timed: Sequence[_Timed[Shown]], text_of: Callable[[Shown], str]) -> list[list[Shown]]:
    """Group what starts together; each group in the file's order."""
    groups: list[list[_Timed[Shown]]] = []
    alone: list[list[Shown]] = []
    least_ms, end_ms = 0, 0
    for item in timed:
        text = text_of(item.shown)
        if clean.wordless_reason(text):
            alone.append([item.shown])
            continue
        if groups and item.start_ms < end_ms and item.start_ms - groups[-1][0].start_ms < least_ms:
            groups[-1].append(item)
        else:
            groups.append([item])
            least_ms, end_ms = 1, 0
        least_ms += _FASTEST_MS * sum(map(str.isalnum, text))
        end_ms = max(end_ms, item.end_ms)
    for group in groups:
        group.sort(key=lambda item: (item.start_ms, item.number))
    return [*([item.shown for item in group] for group in groups), *alone]


def _join_cues(cues: Sequence[Cue]) -> Cue:
    lines = tuple(line for cue in cues for line in cue.lines)
    return cues[0]._replace(end_ms=max(cue.end_ms for cue in cues), lines=lines)


def _join_lines(lines: Sequence[CaptionLine]) -> CaptionLine:
    if len(lines) == 1:
        return lines[0]
    words = [word for line in lines for word in line.words]
    # the lines' times overlap: each word lasts until the next begins
    starts_ms = list(accumulate((word.start_ms for word in words), max))
    ends_ms = [*starts_ms[1:], max(starts_ms[-1], *(word.end_ms for word in words))]
    times_ms = zip(words, starts_ms, ends_ms, strict=True)
    return CaptionLine(lines[0].number, tuple(word._replace(start_ms=s, end_ms=e) for word, s, e in times_ms))


def apart(spans: Sequence[SpokenSpan]) -> list[SpokenSpan]:
    """End spans where the next one starts.

    Args:
        spans: in order of time; no two of them start together
    """
    return [
        span._replace(end_ms=following.start_ms) if following and following.start_ms < span.end_ms else span
        for span, following in zip_longest(spans, spans[1:])
    ]


def stay_on_screen(spans: Sequence[SpokenSpan]) -> bool:
    """Tell whether most spans last longer than their words: they overlap the next one.

    Args:
        spans: in order of time
    """
    pairs = list(pairwise(spans))
    return sum(after.start_ms < before.end_ms for before, after in pairs) > _MOSTLY * len(pairs)
