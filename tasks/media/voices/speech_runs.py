"""Runs of speech from probabilities, with hysteresis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.media.voices.models import STEP_S

_ONSET, _OFFSET = 0.5, 0.35
"""Thresholds of the probability at which speech begins and ends (Silero's defaults)."""
_SHORTEST_S, _SHORTEST_GAP_S = 0.15, 0.1


def speech_runs(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return first and last step (exclusive) of each run of speech, shape (n_runs, 2).

    Args:
        probabilities: of speech, for every `STEP_S`, shape (n_steps,)
    """
    low: NDArray[np.int64] = _edges(probabilities >= _OFFSET)
    # a run above the lower threshold counts if it reaches the upper one
    above = np.r_[0, np.cumsum(probabilities >= _ONSET)]
    runs: NDArray[np.int64] = low[above[low[:, 1]] > above[low[:, 0]]]
    if not runs.size:
        return runs
    separate = runs[1:, 0] - runs[:-1, 1] >= _SHORTEST_GAP_S / STEP_S
    joined: NDArray[np.int64] = np.stack([runs[np.r_[True, separate], 0], runs[np.r_[separate, True], 1]], axis=1)
    long: NDArray[np.int64] = joined[joined[:, 1] - joined[:, 0] >= _SHORTEST_S / STEP_S]
    return long


def _edges(active: NDArray[np.bool_]) -> NDArray[np.int64]:
    edges = np.flatnonzero(np.diff(np.r_[False, active, False]))
    pairs: NDArray[np.int64] = np.stack([edges[::2], edges[1::2]], axis=1).astype(np.int64)
    return pairs
