"""Turns that captions mark, as constraints: a turn has one voice, the next turn has another, a name has one voice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.media.voices.clustering import DIFFERENT, OPEN, SAME

if TYPE_CHECKING:
    from tasks.media.voices.diarisation import VoiceTurn

_SNAP_S = 0.6
"""A marked change of turns moves to the start of speech that is at most this far away: captions are early or late."""


class TurnHint(NamedTuple):
    """A turn that captions mark, and the name they give its speaker ("": none)."""

    start_s: float
    end_s: float
    name: str


def turn_of(times_s: NDArray[np.float64], turn_hints: Sequence[TurnHint]) -> NDArray[np.int64]:
    """Return the number of the turn that each time is in, -1 before the first, shape (n_times,).

    Args:
        times_s: in seconds, shape (n_times,)
        turn_hints: in order of time; each lasts until the next
    """
    starts_s = np.array([hint.start_s for hint in turn_hints])
    turns: NDArray[np.int64] = np.searchsorted(starts_s, times_s, side="right") - 1
    return turns


def relations(middles_s: NDArray[np.float64], turn_hints: Sequence[TurnHint]) -> NDArray[np.int8] | None:
    """Return what the marked turns say about each pair of stretches of speech; None without marks.

    Args:
        middles_s: middle of each stretch, shape (n_stretches,)
        turn_hints: in order of time

    Returns:
        `SAME`, `DIFFERENT` or `OPEN`, shape (n_stretches, n_stretches)
    """
    if not turn_hints:
        return None
    turns = turn_of(middles_s, turn_hints)
    apart = np.abs(turns[:, None] - turns[None, :])
    inside = (turns[:, None] >= 0) & (turns[None, :] >= 0)
    related = np.where(apart == 1, DIFFERENT, np.where(apart == 0, SAME, OPEN))
    names = np.array([hint.name for hint in turn_hints] + [""])[turns]
    named = (names[:, None] != "") & (names[None, :] != "")
    related = np.where(named, np.where(names[:, None] == names[None, :], SAME, DIFFERENT), related)
    return np.where(inside, related, OPEN).astype(np.int8)


def applied(
    turns: Sequence[VoiceTurn],
    turn_hints: Sequence[TurnHint],
    scores: NDArray[np.float64],
    middles_s: NDArray[np.float64],
) -> tuple[list[VoiceTurn], list[str]]:
    """Give each marked turn a single voice; return the turns, and the name of each voice ("": none).

    Args:
        turns: from the sound alone
        turn_hints: in order of time
        scores: similarity of each stretch to each voice, times its duration, shape (n_stretches, n_voices)
        middles_s: middle of each stretch, shape (n_stretches,)
    """
    placed = turn_of(middles_s, turn_hints)
    by_turn = np.zeros((len(turn_hints), scores.shape[1]))
    np.add.at(by_turn, placed[placed >= 0], scores[placed >= 0])
    named = _voices_of_names(by_turn, [hint.name for hint in turn_hints])
    chosen = _alternating(by_turn, [named.get(hint.name) for hint in turn_hints])
    starts_s = _snapped([hint.start_s for hint in turn_hints], [turn.start_s for turn in turns])
    names = [""] * scores.shape[1]
    for name, voice in named.items():
        names[voice] = names[voice] or name
    return _merged([piece for turn in turns for piece in _cut(turn, starts_s, chosen)]), names


def _voices_of_names(by_turn: NDArray[np.float64], names: Sequence[str]) -> dict[str, int]:
    """Assign names to voices, each voice to one name as long as there are enough."""
    from scipy.optimize import linear_sum_assignment

    distinct = list(dict.fromkeys(name for name in names if name))
    if not distinct:
        return {}
    by_name = np.stack([by_turn[[k for k, name in enumerate(names) if name == one]].sum(axis=0) for one in distinct])
    rows, voices = linear_sum_assignment(-by_name)
    assigned = {distinct[row]: int(voice) for row, voice in zip(rows, voices, strict=True)}
    return {name: assigned.get(name, int(by_name[k].argmax())) for k, name in enumerate(distinct)}


def _alternating(by_turn: NDArray[np.float64], fixed: Sequence[int | None]) -> list[int]:
    """Return the voice of each turn with the highest sum of scores, where successive turns have different voices."""
    n_turns, n_voices = by_turn.shape
    allowed = by_turn.copy()
    for turn, voice in enumerate(fixed):
        if voice is not None:
            allowed[turn, np.arange(n_voices) != voice] = -np.inf
    if n_voices == 1:
        return [0] * n_turns
    best, before = allowed[0], np.zeros((n_turns, n_voices), dtype=np.int64)
    for turn in range(1, n_turns):
        # finite: two successive turns may be fixed to the same voice, where a name has no voice of its own
        step = best[:, None] - 1e6 * np.eye(n_voices)
        before[turn] = step.argmax(axis=0)
        best = step.max(axis=0) + allowed[turn]
    path = [int(best.argmax())]
    for turn in range(n_turns - 1, 0, -1):
        path.append(int(before[turn, path[-1]]))
    return path[::-1]


def _snapped(starts_s: Sequence[float], speech_s: Sequence[float]) -> list[float]:
    candidates = np.array(speech_s)
    snapped = []
    for start_s in starts_s:
        nearest = float(candidates[np.abs(candidates - start_s).argmin()])
        snapped.append(nearest if abs(nearest - start_s) <= _SNAP_S else start_s)
    # two marks may move to the same place, but never past each other
    return np.maximum.accumulate(snapped).tolist() if snapped else []


def _cut(turn: VoiceTurn, starts_s: Sequence[float], chosen: Sequence[int]) -> list[VoiceTurn]:
    """Cut a turn where marked turns begin, and give each piece the voice of its marked turn."""
    inner = [start_s for start_s in starts_s if turn.start_s < start_s < turn.end_s]
    edges = sorted({turn.start_s, *inner, turn.end_s})
    pieces = []
    for start_s, end_s in pairwise(edges):
        marked = int(np.searchsorted(starts_s, start_s, side="right")) - 1
        pieces.append(turn._replace(start_s=start_s, end_s=end_s, voice=chosen[marked] if marked >= 0 else turn.voice))
    return pieces


def _merged(turns: Sequence[VoiceTurn]) -> list[VoiceTurn]:
    merged = list(turns[:1])
    for turn in turns[1:]:
        if turn.voice == merged[-1].voice and turn.start_s == merged[-1].end_s:
            merged[-1] = merged[-1]._replace(end_s=turn.end_s)
        else:
            merged.append(turn)
    return merged
