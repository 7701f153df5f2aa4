"""Detect speech by the level of the sound.

The threshold is a third of the way, in dB, from the file's noise floor (10th percentile) to the level of its speech
(95th percentile): well above the pauses of real interviews, below their softest syllables. Where the two are less than
12 dB apart (music, a crowd), speech cannot be detected.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.captions.steps import STEP_MS
from tasks.core import sound_files

_BLOCK_STEPS = 6_000
_SILENCE_DB, _MIN_RANGE_DB = -90.0, 12.0
_FLOOR, _LOUD = 10, 95
_RISE = 1 / 3
_SMOOTH_STEPS = 3
_SHORTEST_RUN, _SHORTEST_GAP = 3, 12
"""In steps. Shorter bursts are clicks; shorter gaps are within a word: the closure of a plosive lasts 50 to 100 ms."""


@dataclass(frozen=True)
class SpeechRuns:
    """Runs of speech: starts and ends in ms, shape (n_runs,) each; the smoothed level of every step in dB."""

    starts_ms: NDArray[np.int64]
    ends_ms: NDArray[np.int64]
    level_db: NDArray[np.float32]

    def within(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the runs within a span, cut to it."""
        first = int(np.searchsorted(self.ends_ms, start_ms, side="right"))
        stop = int(np.searchsorted(self.starts_ms, end_ms, side="left"))
        return [(max(int(self.starts_ms[i]), start_ms), min(int(self.ends_ms[i]), end_ms)) for i in range(first, stop)]

    def around(self, time_ms: int) -> tuple[int, int] | None:
        """Return start and end of the run at a time, or None."""
        place = int(np.searchsorted(self.ends_ms, time_ms, side="right"))
        if place == self.ends_ms.size or self.starts_ms[place] > time_ms:
            return None
        return int(self.starts_ms[place]), int(self.ends_ms[place])

    def quietest_ms(self, start_ms: int, end_ms: int) -> int:
        """Return the middle of the quietest step that starts in a span; after the sound, the span's middle."""
        first = start_ms // STEP_MS
        level = self.level_db[first : max(end_ms // STEP_MS, first + 1)]
        return (first + int(level.argmin())) * STEP_MS + STEP_MS // 2 if level.size else (start_ms + end_ms) // 2


def levels_db(sound: Path) -> NDArray[np.float32]:
    """Return the level of every 10 ms of a file in dB of full scale, shape (n_steps,); it is read in blocks.

    Args:
        sound: a mono sound file

    Raises:
        AudioError: if the file is damaged
    """
    with sound_files.opened(sound) as file:
        step = file.samplerate * STEP_MS // 1000
        levels = [_block_levels_db(block, step) for block in file.blocks(step * _BLOCK_STEPS, dtype="float32")]
    return np.concatenate(levels) if levels else np.empty(0, np.float32)


def _block_levels_db(block: Any, step: int) -> NDArray[np.float32]:
    n_steps = -(-block.size // step)
    padded = np.zeros(n_steps * step, np.float32)
    padded[: block.size] = block
    power = np.square(padded.reshape(n_steps, step)).mean(axis=1)
    # 1e-10 limits digital silence to -100 dB, below _SILENCE_DB
    level_db: NDArray[np.float32] = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return level_db


def detect(level_db: NDArray[np.float32]) -> SpeechRuns | None:
    """Return the runs of speech, or None if there are none or they cannot be detected.

    Args:
        level_db: level of every 10 ms, shape (n_steps,)
    """
    threshold_db = threshold(level_db)
    if threshold_db is None:
        return None
    around_db = np.pad(level_db, _SMOOTH_STEPS // 2, mode="edge")
    smooth_db = np.convolve(around_db, np.full(_SMOOTH_STEPS, 1 / _SMOOTH_STEPS), mode="valid").astype(np.float32)
    starts, ends = _runs(smooth_db >= threshold_db)
    # remove clicks first: joined by a short gap, two of them would pass as speech
    kept = ends - starts >= _SHORTEST_RUN
    starts, ends = starts[kept], ends[kept]
    if not starts.size:
        return None
    separated = starts[1:] - ends[:-1] >= _SHORTEST_GAP
    starts, ends = starts[np.r_[True, separated]], ends[np.r_[separated, True]]
    return SpeechRuns(starts * STEP_MS, ends * STEP_MS, smooth_db)


def threshold(level_db: NDArray[np.float32]) -> float | None:
    """Return the level above which someone speaks, in dB, or None if floor and speech cannot be separated.

    Args:
        level_db: level of every 10 ms, shape (n_steps,)
    """
    sounding = level_db[level_db > _SILENCE_DB]
    if not sounding.size:
        return None
    # digital silence between takes would pull the percentile down: it is excluded
    floor_db, loud_db = np.percentile(sounding, [_FLOOR, _LOUD])
    if loud_db - floor_db < _MIN_RANGE_DB:
        # silence between takes separates speech even if the speech itself has no pauses
        return (_SILENCE_DB + float(floor_db)) / 2 if sounding.size < level_db.size else None
    return float(floor_db + _RISE * (loud_db - floor_db))


def _runs(is_speech: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.flatnonzero(np.diff(np.r_[False, is_speech, False]))
    return edges[::2], edges[1::2]
