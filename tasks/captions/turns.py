"""Who speaks: the marks by which captions say that another speaker begins, and the words of a cue between them.

The marks are chevrons (`>> Yes.`), a dash at the beginning of a line, and a voice (`<v Fred>`) other than that before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from tasks.captions import clean
from tasks.captions.cue import Cue, Line, Word

_CHEVRONS = re.compile(r">{2,}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]*)>", re.IGNORECASE)
_MARK = ">>"


def opens(text: str, *, first: bool) -> bool:
    """Tell whether a word bears the mark of another speaker.

    Args:
        text: the word, markup gone
        first: whether it is the first of its line, where a dash is such a mark
    """
    return bool(_CHEVRONS.search(text)) or (first and clean.undashed(text) not in (text, ""))


def words(cues: Sequence[Cue]) -> list[Line]:
    """Return the words of captions that do not roll, and which of them open a turn.

    Args:
        cues: sorted by time

    Returns:
        a line per cue; its words share the cue's span by their letters
    """
    voice = None
    lines = []
    for cue in cues:
        marked, voice = _marked(cue, voice)
        lines.append(Line(cue.number, shared(tuple(_words(marked)), cue.start_ms, cue.end_ms)))
    return lines


def shared(words: Sequence[Word], start_ms: int, end_ms: int) -> tuple[Word, ...]:
    """Let words share a span by their letters."""
    ends = list(accumulate(len(word.text) + 1 for word in words))
    times_ms = [start_ms, *(start_ms + round(end / ends[-1] * (end_ms - start_ms)) for end in ends)]
    spans_ms = zip(words, pairwise(times_ms), strict=True)
    return tuple(replace(word, start_ms=start, end_ms=end) for word, (start, end) in spans_ms)


def _marked(cue: Cue, voice: str | None) -> tuple[str, str | None]:
    """Return a cue's text with every mark of a turn as chevrons, and who speaks at its end."""
    lines = []
    for line in cue.lines:
        pieces = _VOICE.split(line)
        told = [pieces[0]]
        for name, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            told.append(piece if name == voice else f" {_MARK} {piece}")
            voice = name
        plain = _CHEVRONS.sub(f" {_MARK} ", clean.plain("".join(told)))
        rest = clean.undashed(plain)
        lines.append(plain if rest == plain else f"{_MARK} {rest}")
    return " ".join(lines), voice


def _words(marked: str) -> Iterator[Word]:
    opens_turn = False
    for piece in marked.split():
        if piece != _MARK:
            yield Word(piece, 0, 0, opens_turn)
        opens_turn = piece == _MARK
