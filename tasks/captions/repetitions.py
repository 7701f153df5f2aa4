"""Remove the repetitions of captions that show words several times: rolling, growing and highlighted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.captions import growing, highlighted, overlaps, rolling, turns
from tasks.captions.cue import CaptionLine, Cue
from tasks.captions.merged_cues import MergedCues


@dataclass(frozen=True)
class SingleWords:
    """Captions in which every word is once.

    Args:
        cues: in order of time; of rolling captions as in the file
        unrolled: the lines of rolling captions; None: the captions do not roll
        merged: the times of words of cues that were merged
        timed: whether words have their own times
    """

    cues: Sequence[Cue]
    unrolled: Sequence[CaptionLine] | None
    merged: MergedCues | None
    timed: bool

    def lines(self) -> list[CaptionLine]:
        """Return the words of every cue or rolling line."""
        if self.unrolled is not None:
            return list(self.unrolled)
        lines = turns.words(self.cues)
        return self.merged.with_word_times(lines) if self.merged else lines


def without_repetitions(cues: Sequence[Cue], *, by_word: bool) -> SingleWords:
    """Remove repetitions.

    Args:
        cues: of one file, sorted by time
        by_word: whether words are needed; else a rolling line may be one word
    """
    timed = rolling.is_timed(cues)
    merged = None if timed else highlighted.merge(cues) or growing.merge(cues)
    if merged is None and rolling.is_rolling(cues):
        unrolled = overlaps.join_simultaneous_lines(rolling.unroll(cues, by_word=by_word))
        return SingleWords(cues, unrolled, None, timed)
    joined = overlaps.join_simultaneous(merged.cues if merged else cues)
    return SingleWords(joined, None, merged, merged is not None and merged.timed)
