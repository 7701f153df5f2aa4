"""Cues that were merged because they show the same words again, and the times of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.captions.cue import CaptionLine, Cue

Times = tuple[tuple[int, int], ...]
"""Start and end of every word of a cue, in ms."""


@dataclass(frozen=True)
class MergedCues:
    """Cues without repetitions.

    Args:
        cues: in order of time
        word_times: number of a cue → the times of its words
        timed: whether most words have times
    """

    cues: Sequence[Cue]
    word_times: Mapping[int, Times]
    timed: bool

    def with_word_times(self, lines: Sequence[CaptionLine]) -> list[CaptionLine]:
        """Return lines whose words have their own times if these are certain."""
        return [self._timed(line) for line in lines] if self.timed else list(lines)

    def _timed(self, line: CaptionLine) -> CaptionLine:
        times_ms = self.word_times.get(line.number, ())
        # cues that start together were joined since: they have more words
        if len(times_ms) != len(line.words):
            return line
        words = zip(line.words, times_ms, strict=True)
        return line._replace(words=tuple(word._replace(start_ms=start, end_ms=end) for word, (start, end) in words))


def until_next(starts_ms: Sequence[int], end_ms: int) -> Times:
    """Return the times of words that last until the next one starts.

    Args:
        starts_ms: of the words
        end_ms: of the last word
    """
    return tuple(zip(starts_ms, [*starts_ms[1:], end_ms], strict=True))
