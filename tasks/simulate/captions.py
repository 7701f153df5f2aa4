"""Captions of a recording: manual WebVTT and SubRip, and rolling WebVTT as YouTube generates it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tasks.simulate.interviews import LAUGHTER
from tasks.simulate.sound import Utterance

_HEADER = "WEBVTT\nKind: captions\nLanguage: en\n"
_PLACE = " align:start position:0%"
_BLANK = " "
_REPEAT_S = 0.010
_SCREEN = 42
"""Characters per line of manual captions."""
_ROLL = 70
"""Characters per rolling line; most sentences fit."""


@dataclass(frozen=True)
class _Rolled:
    words: tuple[str, ...]
    starts_s: tuple[float, ...]
    end_s: float


def manual_vtt(utterances: Iterable[Utterance]) -> str:
    """Return WebVTT with one cue per utterance.

    Args:
        utterances: in order
    """
    cues = (
        f"{_clock(line.start_s)} --> {_clock(line.end_s)}\n{escape(_wrapped(line.text), quote=False)}\n"
        for line in utterances
    )
    return "\n".join((_HEADER, *cues))


def manual_srt(utterances: Iterable[Utterance]) -> str:
    """Return SubRip with one cue per utterance.

    Args:
        utterances: in order
    """
    return "\n".join(
        f"{number}\n{_clock(line.start_s, ',')} --> {_clock(line.end_s, ',')}\n{_wrapped(line.text)}\n"
        for number, line in enumerate(utterances, start=1)
    )


def automatic_vtt(utterances: Sequence[Utterance]) -> str:
    """Return rolling WebVTT as YouTube generates it: lower case, without punctuation.

    Each line has a cue that repeats the line before and times each word, and lasts until the next line begins; then a
    cue of 10 ms shows it alone.

    Args:
        utterances: in order
    """
    lines = [rolled for utterance in utterances for rolled in _rolled(utterance)]
    cues: list[str] = []
    above = _BLANK
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        start_s, end_s = line.starts_s[0], following.starts_s[0] if following else line.end_s
        plain = escape(" ".join(line.words), quote=False)
        cues.append(_cue(start_s, end_s - _REPEAT_S, above, _tagged(line)))
        cues.append(_cue(end_s - _REPEAT_S, end_s, plain, _BLANK))
        above = plain
    return "\n".join((_HEADER, *cues))


def laughter_vtt(utterances: Iterable[Utterance]) -> str:
    """Return WebVTT without words: laughter instead of each utterance.

    Args:
        utterances: in order
    """
    cues = (f"{_clock(line.start_s)} --> {_clock(line.end_s)}\n{LAUGHTER}\n" for line in utterances)
    return "\n".join((_HEADER, *cues))


def _cue(start_s: float, end_s: float, above: str, below: str) -> str:
    return f"{_clock(start_s)} --> {_clock(end_s)}{_PLACE}\n{above}\n{below}\n"


def _tagged(line: _Rolled) -> str:
    first, *others = (escape(word, quote=False) for word in line.words)
    return first + "".join(
        f"<{_clock(start_s)}><c> {word}</c>" for word, start_s in zip(others, line.starts_s[1:], strict=True)
    )


def _rolled(utterance: Utterance) -> list[_Rolled]:
    """Cut an utterance into rolling lines: at its comma if it is too long for one."""
    words = utterance.text.split()
    recognised = [word if word == LAUGHTER else _recognised(word) for word in words]
    comma = next((i + 1 for i, word in enumerate(words) if word.endswith(",")), 0)
    cuts = [0, comma, len(words)] if comma and len(" ".join(recognised)) > _ROLL else [0, len(words)]
    ends_s = [*(utterance.words_s[cut] for cut in cuts[1:-1]), utterance.end_s]
    return [
        _Rolled(tuple(recognised[first:last]), utterance.words_s[first:last], end_s)
        for first, last, end_s in zip(cuts, cuts[1:], ends_s, strict=False)
    ]


def _recognised(word: str) -> str:
    bare = word.strip(".,?!")
    return bare if bare == "I" or bare.startswith("I'") else bare.lower()


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _SCREEN))


def _clock(time_s: float, comma: str = ".") -> str:
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{comma}{milliseconds:03}"
