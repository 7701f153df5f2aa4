"""What the steps of reading captions hand to each other; times are whole milliseconds, as in the files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cue:
    """One cue as the file has it; `number` counts the file's time lines from 1."""

    number: int
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Spoken:
    """What was said in a span, markup gone; `number` is that of the cue it came in."""

    number: int
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Word:
    """A word and its own time span; `opens_turn`: a mark before it says that another speaker begins."""

    text: str
    start_ms: int
    end_ms: int
    opens_turn: bool = False


@dataclass(frozen=True)
class Line:
    """The words that came up together; `number` is that of their cue."""

    number: int
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Lost:
    """A cue that could not be used, and why."""

    number: int
    reason: str
    detail: str
