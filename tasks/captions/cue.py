"""Records that the steps of caption parsing exchange; times are whole milliseconds, as in the files.

Those that files have many of are tuples: a frozen data class takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Cue(NamedTuple):
    """One cue of the file; `number` counts the file's time lines from 1."""

    number: int
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


class SpokenSpan(NamedTuple):
    """Spoken text, without markup, and its span; `number` is that of its first cue."""

    number: int
    start_ms: int
    end_ms: int
    text: str


class CaptionWord(NamedTuple):
    """A word and its span; `opens_turn`: a mark before it signals another speaker."""

    text: str
    start_ms: int
    end_ms: int
    opens_turn: bool = False


class CaptionLine(NamedTuple):
    """Words that were displayed together; `number` is that of their cue."""

    number: int
    words: tuple[CaptionWord, ...]


@dataclass(frozen=True)
class UnusedCue:
    """A cue that could not be used, and why."""

    number: int
    reason: str
    detail: str
