"""Words as sentences are made of them: which are said, and which only tell of a sound ([Laughter], ♪, a lone dash)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.captions import clean
from tasks.captions.cue import Line

_LETTER = re.compile(r"[^\W_]")
_HUSHED = re.compile(r"_{2,}")
"""What YouTube writes, in brackets, for a word that it does not print: it is said all the same."""


@dataclass(frozen=True)
class Token:
    """A word of the cue with this number; what is not `spoken` has a place in the text and no time of its own."""

    number: int
    text: str
    start_ms: int
    end_ms: int
    spoken: bool = True
    opens_turn: bool = False


def tokens(lines: Sequence[Line]) -> Iterator[Token]:
    """Yield the words of lines, every one once, in order.

    Args:
        lines: in order of time
    """
    for line in lines:
        texts = [clean.spoken((word.text,)) if word.opens_turn else word.text for word in line.words]
        # a tag may be several words
        said = clean.without_tags(" ".join(texts))
        place = 0
        for word, text in zip(line.words, texts, strict=True):
            spoken = bool(_LETTER.search(said[place : place + len(text)]) or _HUSHED.search(text))
            yield Token(line.number, text, word.start_ms, word.end_ms, spoken, word.opens_turn)
            place += len(text) + 1
