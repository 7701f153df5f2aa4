"""Speaker turns: marks of another speaker, and the words between them.

Marks are chevrons (`>> Yes.`), a dash at the beginning of a line, and a voice (`<v Fred>`) other than the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from tasks.captions import clean
from tasks.captions.cue import CaptionLine, CaptionWord, Cue

_CHEVRONS = re.compile(r">{2,}")
_DASH = re.compile(r"[-‐‑–—―]")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]*)>", re.IGNORECASE)
_MARK = ">>"
VOICE_MARK = "\ue000"
"""Mark of another voice within a word: unlike chevrons, it takes no share of the time."""


def opens(text: str, *, first: bool) -> bool:
    """Tell whether a word has the mark of another speaker.

    Args:
        text: the word, without markup
        first: whether it is the first of its line, where a dash is a mark
    """
    return VOICE_MARK in text or bool(_CHEVRONS.search(text)) or (first and clean.without_dash(text) not in (text, ""))


def words(cues: Sequence[Cue]) -> list[CaptionLine]:
    """Return the words of captions that do not roll, and mark those that open a turn.

    Args:
        cues: sorted by time

    Returns:
        a line per cue; its words share the cue's span by their letters
    """
    voice = None
    lines = []
    for cue in cues:
        marked, voice = _marked(cue, voice)
        lines.append(CaptionLine(cue.number, share(tuple(_words(marked)), cue.start_ms, cue.end_ms)))
    return lines


def share(words: Sequence[CaptionWord], start_ms: int, end_ms: int) -> tuple[CaptionWord, ...]:
    """Divide a span among words by their letters.

    Args:
        words: in order, with any times
        start_ms: start of the span
        end_ms: end of the span
    """
    # + 1: each word has a space or pause after it, and a word without letters gets some time
    ends = list(accumulate(len(word.text) + 1 for word in words))
    times_ms = [start_ms, *(start_ms + round(end / ends[-1] * (end_ms - start_ms)) for end in ends)]
    spans_ms = zip(words, pairwise(times_ms), strict=True)
    return tuple(word._replace(start_ms=start, end_ms=end) for word, (start, end) in spans_ms)


def mark_voices(line: str, voice: str | None, mark: str) -> tuple[str, str | None]:
    """Replace voices other than the one before by a mark; return the line, and the voice at its end.

    Args:
        line: with markup
        voice: the one before the line
        mark: of another speaker
    """
    if "<v" not in line and "<V" not in line:
        return line, voice
    pieces = _VOICE.split(line)
    marked = [pieces[0]]
    for name, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        marked.append(piece if name == voice else f"{mark}{piece}")
        voice = name
    return "".join(marked), voice


def voices(lines: Sequence[str]) -> list[str]:
    """Return the names in the voices of lines, in order, with repetitions.

    Args:
        lines: with markup
    """
    return [name for line in lines if "<" in line for name in _VOICE.findall(line)]


def is_other_voice(before: Cue, after: Cue) -> bool:
    """Tell whether two cues name different speakers; their words are no repetition then, even if they are the same."""
    last, first = voices(before.lines)[-1:], voices(after.lines)[:1]
    return bool(last and first) and last != first


def _marked(cue: Cue, voice: str | None) -> tuple[str, str | None]:
    """Return a cue's text with every mark of a turn as chevrons, and the voice at its end."""
    lines = []
    for line in cue.lines:
        marked, voice = mark_voices(line, voice, f" {_MARK} ")
        shown = clean.displayed(marked)
        plain, spoken = _CHEVRONS.sub(f" {_MARK} ", shown), _CHEVRONS.sub(" ", shown)
        # which dashes are a mark is decided on the text without chevrons, as in `clean.spoken_text`
        before_text = spoken[: len(spoken) - len(clean.without_dash(spoken))]
        n_dashes = len(_DASH.findall(before_text))
        lines.append(f"{_MARK} {_DASH.sub('', plain, count=n_dashes)}" if n_dashes else plain)
    return " ".join(lines), voice


def _words(marked: str) -> Iterator[CaptionWord]:
    opens_turn = False
    for piece in marked.split():
        if piece != _MARK:
            yield CaptionWord(piece, 0, 0, opens_turn)
        opens_turn = piece == _MARK
