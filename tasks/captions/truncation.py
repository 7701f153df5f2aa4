"""Detect captions that were cut off in the middle of a cue, such as an interrupted download."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.captions import clean, sentences
from tasks.captions.cue import SpokenSpan, UnusedCue

CUT_OFF = "cut off"

_UNCOVERED = 0.1
"""A file that ends within a line is truncated if more than this share of the sound follows its last cue."""
_END = re.compile(r"[.!?\u2026\u061f\u3002\uff01\uff1f\u0964\u17d4\u1362♪♫♬*~][\"'”’»›」』)\]}]*$|[)\]]$")
"""The end of a sentence, of a song line or of a tag."""
_SYMBOL = re.compile(r"[\U0001f000-\U0001faff\u2190-\u2bff]\ufe0f?$")
"""An emoji or another picture at the end: no part of a word."""
_FULL_STOP = re.compile(r"[\u3002\uff0e\uff61\u17d4\u104b\u0f0d]")
"""Full stops of scripts without spaces between words."""
_FEWEST_LETTERS = 3
"""Shorter words are the beginnings of too many others."""


def without_truncated(
    spans: Sequence[SpokenSpan], text: str, duration_s: float
) -> tuple[list[SpokenSpan], list[UnusedCue]]:
    """Drop the last cue of a file if the file stops within its words or its markup.

    Many programs write no line break at the end. Only a line that stops within a sentence is cut off; in captions
    without punctuation, one that ends in a word that is nowhere else in the file and is no English word. In scripts
    without spaces and captions without full stops, nothing shows where a line was cut off: it is kept.

    Args:
        spans: cues with words, in order of time
        text: the file
        duration_s: duration of the sound

    Returns:
        the other spans, and the incomplete one
    """
    if not spans or text.endswith(("\n", "\r")):
        return list(spans), []
    last = max(spans, key=lambda span: span.number)
    covers = last.end_ms / 1000 > (1 - _UNCOVERED) * duration_s
    if covers or not _is_end_of(text, last) or _is_complete(last, spans):
        return list(spans), []
    return [span for span in spans if span is not last], [UnusedCue(last.number, CUT_OFF, last.text)]


def _is_end_of(text: str, last: SpokenSpan) -> bool:
    """Tell whether a file ends with the words of its last cue, and not with the number or time of another one."""
    line = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
    return clean.spoken_text(clean.screen_lines([line])).endswith(last.text.split()[-1])


def _is_complete(last: SpokenSpan, spans: Sequence[SpokenSpan]) -> bool:
    if _END.search(last.text) or _SYMBOL.search(last.text):
        return True
    if clean.is_unspaced(last.text[-1]):
        return not any(_FULL_STOP.search(span.text) for span in spans)
    words = [word for span in spans for word in span.text.split()]
    if sentences.is_punctuated(words):
        return False
    word = last.text.split()[-1]
    return words.count(word) > 1 or _is_english(word)


def _is_english(word: str) -> bool:
    # imported late: it reads its dictionary, and few files end without a line break
    import simplemma

    return len(word) >= _FEWEST_LETTERS and simplemma.is_known(word.lower(), lang="en")
