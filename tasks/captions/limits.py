"""Limits of caption files: what exceeds them is no captions, and could take minutes to read."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.captions.cue import Cue
from tasks.captions.encoding import UNREADABLE
from tasks.core.caption_formats import MAX_BYTES
from tasks.core.errors import Rejected

MAX_LINES, MAX_CUES, MAX_WORDS = 300_000, 100_000, 1_000_000
"""Twelve hours of automatic captions have 180,000 lines, 45,000 cues and, since lines are repeated, 400,000 words."""


def demand_bytes(content: bytes) -> None:
    """Check the size of a file.

    Args:
        content: a caption file

    Raises:
        Rejected: if it is larger than any captions
    """
    _demand(len(content), MAX_BYTES, "bytes")


def demand_lines(text: str) -> None:
    """Check the number of lines of a file.

    Args:
        text: a decoded caption file

    Raises:
        Rejected: if it has more than any captions
    """
    _demand(max(text.count("\n"), text.count("\r")), MAX_LINES, "lines")


def demand_words(cues: Sequence[Cue], n_unused: int) -> None:
    """Check the number of cues and words.

    Args:
        cues: of a file
        n_unused: the number of other cues

    Raises:
        Rejected: if it has more than any captions
    """
    _demand(len(cues) + n_unused, MAX_CUES, "cues")
    # two words and the sign between them have three characters at least
    if sum(len(line) + 1 for cue in cues for line in cue.lines) > 2 * MAX_WORDS:
        _demand(sum(len(line.split()) for cue in cues for line in cue.lines), MAX_WORDS, "words")


def _demand(count: int, most: int, what: str) -> None:
    if count > most:
        raise Rejected(UNREADABLE, f"{count} {what}, allowed are {most}")
