"""One caption file, whatever its encoding, format and faults, as what was said and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.cues import clean, repair, rolling, srt, vtt
from tasks.cues.cue import Cue, Lost, Spoken
from tasks.cues.encoding import decode

CUT_OFF = "cut off"

_READERS = {"vtt": vtt.read, "srt": srt.read}
_UNCOVERED = 0.1
"""A file that stops in the middle of a line was cut off if more than this part of the sound follows its last cue."""


@dataclass(frozen=True)
class Reading:
    """What was said, in order of time and without overlaps; and the cues that could not be used."""

    spoken: tuple[Spoken, ...]
    lost: tuple[Lost, ...]


def read(content: bytes, caption_format: str, duration_s: float, max_overrun_s: float) -> Reading:
    """Read captions: every word once, inside the sound.

    Args:
        content: the caption file
        caption_format: "vtt" or "srt"
        duration_s: of the sound
        max_overrun_s: how far after the sound a cue may end and be cut there

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    text = decode(content)
    parsed, malformed = _READERS[caption_format](text)
    cues, backwards = repair.in_order(parsed)
    worded, wordless = _with_words(_unrolled(cues) if rolling.is_rolling(cues) else _as_they_stand(cues))
    complete, cut_off = worded, list[Lost]()
    if worded and not text.endswith(("\n", "\r")):
        complete, cut_off = _without_half_sentence(worded, duration_s)
    ordered, no_length = repair.in_order(complete)
    within, past_end = repair.inside(ordered, math.floor(duration_s * 1000), round(max_overrun_s * 1000))
    kept, overlapping = repair.apart(within)
    lost = [*malformed, *backwards, *wordless, *cut_off, *no_length, *past_end, *overlapping]
    return Reading(tuple(kept), tuple(sorted(lost, key=lambda one: one.number)))


def _as_they_stand(cues: Sequence[Cue]) -> list[Spoken]:
    return [Spoken(cue.number, cue.start_ms, cue.end_ms, clean.spoken(cue.lines)) for cue in cues]


def _unrolled(cues: Sequence[Cue]) -> list[Spoken]:
    return [
        Spoken(
            line.number,
            line.words[0].start_ms,
            line.words[-1].end_ms,
            clean.spoken([" ".join(word.text for word in line.words)]),
        )
        for line in rolling.unroll(cues)
    ]


def _with_words(spoken: Sequence[Spoken]) -> tuple[list[Spoken], list[Lost]]:
    reasons = [clean.wordless(one.text) for one in spoken]
    kept = [one for one, reason in zip(spoken, reasons, strict=True) if reason is None]
    lost = [Lost(one.number, reason, one.text) for one, reason in zip(spoken, reasons, strict=True) if reason]
    return kept, lost


def _without_half_sentence(spoken: Sequence[Spoken], duration_s: float) -> tuple[list[Spoken], list[Lost]]:
    last = max(spoken, key=lambda one: one.number)
    if last.end_ms / 1000 > (1 - _UNCOVERED) * duration_s:
        return list(spoken), []
    return [one for one in spoken if one is not last], [Lost(last.number, CUT_OFF, last.text)]
