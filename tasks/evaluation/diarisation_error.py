"""Diarisation error rate: the share of speech with a missed, a false or another speaker (NIST Rich Transcription)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData

COLLAR_S = 0.25
"""Time around each boundary of the reference that is not scored, on both sides."""
_STEP_S = 0.01

LabelledTurn = tuple[float, float, str]
"""Start and end in seconds, and the speaker."""


@dataclass(frozen=True)
class DiarisationError:
    """Error times of a diarisation in seconds.

    Args:
        missed_s: speech without a speaker in the hypothesis
        false_alarm_s: a speaker where nobody speaks
        confusion_s: another speaker, after the best assignment of the hypothesis's speakers to the reference's
        speech_s: scored speech of the reference
    """

    missed_s: float
    false_alarm_s: float
    confusion_s: float
    speech_s: float

    @property
    def rate(self) -> float:
        """The sum of all errors relative to the scored speech."""
        return (self.missed_s + self.false_alarm_s + self.confusion_s) / self.speech_s


def diarisation_error(
    reference: Sequence[LabelledTurn], hypothesis: Sequence[LabelledTurn], *, collar_s: float = COLLAR_S
) -> DiarisationError:
    """Compare turns with those of a reference, at a resolution of 10 ms.

    Args:
        reference: who really speaks when
        hypothesis: the turns to score; their speakers may have any names
        collar_s: time on both sides of each boundary of the reference that is not scored

    Raises:
        NotEnoughData: if the reference has no speech outside the collars

    Example:
        >>> diarisation_error([(0, 4, "a"), (4, 8, "b")], [(0, 4, "x"), (4, 6, "y")]).missed_s
        1.75
    """
    end_s = max((end for _, end, _ in (*reference, *hypothesis)), default=0.0)
    n_steps = round((end_s + collar_s) / _STEP_S) + 1
    scored = np.ones(n_steps, dtype=bool)
    for start_s, stop_s, _ in reference:
        for edge_s in (start_s, stop_s):
            scored[_step(max(edge_s - collar_s, 0.0)) : _step(edge_s + collar_s)] = False
    truth, guess = (_activity(turns, n_steps)[:, scored] for turns in (reference, hypothesis))
    spoken, claimed = truth.sum(axis=0), guess.sum(axis=0)
    if not spoken.sum():
        raise NotEnoughData(f"the reference has no speech outside {collar_s} s around the boundaries of its turns")
    n_right = np.minimum(spoken, claimed).sum()
    times = np.array(
        [
            np.maximum(spoken - claimed, 0).sum(),
            np.maximum(claimed - spoken, 0).sum(),
            n_right - _best_agreement(truth, guess),
            spoken.sum(),
        ]
    )
    return DiarisationError(*(round(float(steps) * _STEP_S, 6) for steps in times))


def _best_agreement(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> int:
    from scipy.optimize import linear_sum_assignment

    shared = truth @ guess.T
    return int(shared[linear_sum_assignment(-shared)].sum())


def _activity(turns: Sequence[LabelledTurn], n_steps: int) -> NDArray[np.int64]:
    """Return whether each speaker speaks at each step, shape (n_speakers, n_steps)."""
    names = sorted({name for _, _, name in turns})
    active = np.zeros((len(names), n_steps), dtype=np.int64)
    for start_s, end_s, name in turns:
        active[names.index(name), _step(start_s) : _step(end_s)] = 1
    return active


def _step(time_s: float) -> int:
    return round(time_s / _STEP_S)
