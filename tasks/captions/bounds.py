"""Where utterances begin and end in the sound: around their first and last word, and apart from each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tasks.captions.speech import Speech
from tasks.captions.tokens import Token

MARGIN_MS = 50
"""Quiet that is kept around speech, for what is softer than the threshold: the beginning of an f, the end of a t."""
_TIMED_MS, _UNTIMED_MS = 100, 300
"""How far from where two words meet the quietest place between them is looked for: stamps, and shares of a cue, err."""


def bounds(
    edges: Sequence[tuple[Token, Token]], heard: Speech | None, duration_ms: int, *, timed: bool
) -> list[tuple[int, int]]:
    """Return the start and end of every utterance in ms; they do not overlap.

    Args:
        edges: first and last spoken word of each, in order; words do not overlap
        heard: when someone speaks, if that can be told
        duration_ms: of the sound
        timed: whether words carry times of their own
    """
    if not edges:
        return []
    meet = [
        _meet(before, after, heard, _TIMED_MS if timed else _UNTIMED_MS) for (_, before), (after, _) in pairwise(edges)
    ]
    first, last = edges[0][0], edges[-1][1]
    starts_ms = [max(0, first.start_ms - MARGIN_MS), *(start_ms for _, start_ms in meet)]
    ends_ms = [*(end_ms for end_ms, _ in meet), min(last.end_ms + MARGIN_MS, duration_ms)]
    return list(zip(starts_ms, ends_ms, strict=True))


def _meet(before: Token, after: Token, heard: Speech | None, reach_ms: int) -> tuple[int, int]:
    """Return where an utterance ends and where the next one starts."""
    end_ms, start_ms = before.end_ms, after.start_ms
    if start_ms - end_ms >= 2 * MARGIN_MS or heard is None:
        margin_ms = min(MARGIN_MS, (start_ms - end_ms) // 2)
        return end_ms + margin_ms, start_ms - margin_ms
    # a word keeps at least its middle, also where both its neighbours are other utterances
    earliest_ms = end_ms - min(reach_ms, (end_ms - before.start_ms) // 3)
    latest_ms = start_ms + min(reach_ms, (after.end_ms - start_ms) // 3)
    quietest_ms = heard.quietest_ms(earliest_ms, latest_ms)
    return (min(max(quietest_ms, earliest_ms), latest_ms),) * 2
