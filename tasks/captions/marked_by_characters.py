"""Underline words that captions mark by characters or capitals, one after another, in place of tags.

Some programs mark the spoken word as `I [really] love it`, `I *really* love it` or `I REALLY love it`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from tasks.captions import clean
from tasks.captions.cue import Cue

_MARKS = re.compile(r"[\[\](){}*_|«»‹›→▶~]")
_VOICE = re.compile(r"\s*<v [^<>]*>")
_FEWEST_PLACES = 2
"""In one cue alone, a mark is an emphasis."""


def underlined(cues: Sequence[Cue]) -> list[Cue]:
    """Return the cues; in those that repeat a sentence with another marked word, `<u>` replaces the marks.

    Args:
        cues: sorted by time
    """
    plain = list[Cue]()
    for _, group in groupby(cues, key=_letters):
        run = list(group)
        plain += _underlined(run) if len(run) > 1 and len({cue.lines for cue in run}) > 1 else run
    return plain


def _letters(cue: Cue) -> tuple[str, ...]:
    return tuple(_MARKS.sub("", clean.displayed(line)).casefold() for line in cue.lines)


def _underlined(run: Sequence[Cue]) -> list[Cue]:
    """Underline the marked words of cues that differ in nothing else."""
    words = [list(_words(cue)) for cue in run]
    shape = [len(line) for line in words[0]]
    has_tags = any("<" in word for cue_words in words for line in cue_words for word in line)
    if has_tags or any([len(line) for line in cue_words] != shape for cue_words in words):
        return list(run)
    # the same word of all cues: without its mark it is shorter, or has fewer capitals
    plain = [
        [
            min(forms, key=lambda form: (len(form), sum(map(str.isupper, form)), form))
            for forms in zip(*line, strict=True)
        ]
        for line in zip(*words, strict=True)
    ]
    marked = [
        {(row, k) for row, line in enumerate(cue_words) for k, word in enumerate(line) if word != plain[row][k]}
        for cue_words in words
    ]
    most = sum(shape) / 2
    places = {frozenset(cue_places) for cue_places in marked if cue_places}
    if len(places) < _FEWEST_PLACES or any(len(cue_places) > most for cue_places in marked):
        return list(run)
    return [cue._replace(lines=tuple(_lines(cue, plain, places))) for cue, places in zip(run, marked, strict=True)]


def _words(cue: Cue) -> Iterator[list[str]]:
    for line in cue.lines:
        yield _VOICE.sub("", line, count=1).split()


def _lines(cue: Cue, plain: Sequence[Sequence[str]], marked: set[tuple[int, int]]) -> Iterator[str]:
    for row, line in enumerate(cue.lines):
        voice = _VOICE.match(line)
        shown = (f"<u>{word}</u>" if (row, k) in marked else word for k, word in enumerate(plain[row]))
        yield f"{voice[0] if voice else ''}{' '.join(shown)}"
