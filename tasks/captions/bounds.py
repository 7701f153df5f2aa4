"""Start and end of each utterance in the sound: a margin around its words, without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tasks.captions.tokens import Token

if TYPE_CHECKING:
    from tasks.captions.speech_detection import SpeechRuns

MARGIN_MS = 50
"""Margin around speech, for sounds below the threshold: the beginning of an f, the end of a t."""
_TIMED_MS, _UNTIMED_MS = 100, 300
"""Search range for the quietest place around the point where two words meet; the second: if words have no own times."""


def utterance_bounds(
    edges: Sequence[tuple[Token, Token]], speech: SpeechRuns | None, duration_ms: int, *, timed: bool
) -> list[tuple[int, int]]:
    """Return the start and end of every utterance in ms; they do not overlap.

    Args:
        edges: first and last spoken word of each utterance, in order; words do not overlap
        speech: where someone speaks; None if it could not be detected
        duration_ms: duration of the sound
        timed: whether words have their own times
    """
    if not edges:
        return []
    reach_ms = _TIMED_MS if timed else _UNTIMED_MS
    boundaries = [_boundary(before, after, speech, reach_ms) for (_, before), (after, _) in pairwise(edges)]
    first, last = edges[0][0], edges[-1][1]
    starts_ms = [max(0, first.start_ms - MARGIN_MS), *(start_ms for _, start_ms in boundaries)]
    ends_ms = [*(end_ms for end_ms, _ in boundaries), min(last.end_ms + MARGIN_MS, duration_ms)]
    return list(zip(starts_ms, ends_ms, strict=True))


def _boundary(before: Token, after: Token, speech: SpeechRuns | None, reach_ms: int) -> tuple[int, int]:
    """Return the end of one utterance and the start of the next in ms."""
    end_ms, start_ms = before.end_ms, after.start_ms
    if start_ms - end_ms >= 2 * MARGIN_MS or speech is None:
        margin_ms = min(MARGIN_MS, (start_ms - end_ms) // 2)
        return end_ms + margin_ms, start_ms - margin_ms
    # at most a third is cut from each side: a word keeps its middle, also between two other utterances
    earliest_ms = end_ms - min(reach_ms, (end_ms - before.start_ms) // 3)
    latest_ms = start_ms + min(reach_ms, (after.end_ms - start_ms) // 3)
    quietest_ms = speech.quietest_ms(earliest_ms, latest_ms)
    return (min(max(quietest_ms, earliest_ms), latest_ms),) * 2
