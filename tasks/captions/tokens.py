"""Words as tokens of sentences: spoken ones, and tags that describe a sound ([Laughter], ♪, a single dash)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.captions import clean
from tasks.captions.cue import CaptionLine

_LETTER = re.compile(r"[^\W_]")
_HUSHED = re.compile(r"_{2,}")
"""YouTube's replacement, in brackets, for a censored word, which is spoken nevertheless."""


@dataclass(frozen=True)
class Token:
    """A word of the cue with this number; one that is not `spoken` has a position in the text but no time."""

    number: int
    text: str
    start_ms: int
    end_ms: int
    spoken: bool = True
    opens_turn: bool = False


def tokens(lines: Sequence[CaptionLine]) -> Iterator[Token]:
    """Yield the words of lines in order.

    Args:
        lines: in order of time
    """
    for line in lines:
        texts = [clean.spoken_text((word.text,)) if word.opens_turn else word.text for word in line.words]
        # on the whole line: a tag may consist of several words
        untagged = clean.without_tags(" ".join(texts))
        place = 0
        for word, text in zip(line.words, texts, strict=True):
            spoken = bool(_LETTER.search(untagged[place : place + len(text)]) or _HUSHED.search(text))
            yield Token(line.number, text, word.start_ms, word.end_ms, spoken, word.opens_turn)
            place += len(text) + 1
