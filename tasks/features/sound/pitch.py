"""Fundamental frequency by autocorrelation and a best path, and how harmonic every frame is.

Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", IFA Proceedings 17, 97–110. Costs and thresholds are the defaults of Praat ("Sound: To Pitch (ac)"). Peaks are
placed by a parabola and not by sinc interpolation: at 16 kHz harmonic sounds come out within 0.1 % up to 400 Hz and
within 0.3 % up to 750 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import framing

Array = NDArray[np.float64]

LOWEST_HZ, HIGHEST_HZ = 65.0, 800.0
"""Low male voices to shouting ones; Praat's 75–600 Hz loses both ends in acted speech."""
WINDOW_S = 3 / LOWEST_HZ
"""Three periods of the lowest pitch: what the paper asks of a Hann window."""

_SILENCE, _VOICING = 0.03, 0.45
"""Of the clip's peak, and of a perfectly periodic frame: below either, a frame tends to be unvoiced."""
_OCTAVE_COST, _OCTAVE_JUMP_COST, _VOICING_COST = 0.01, 0.35, 0.14
_CANDIDATES = 6
_LEAST_PEAK = 0.15
"""Lower peaks are noise and no candidates."""
_FRAMES_AT_ONCE = 512
_ABSENT = -9.0


@dataclass(frozen=True)
class Pitch:
    """One value per frame, shapes (n_frames,).

    Attributes:
        f0_hz: fundamental frequency, 0 where a frame is unvoiced
        harmonicity: height of the chosen autocorrelation peak, the periodic share of the energy; 0 where unvoiced
        periodicity: height of the highest candidate, voiced or not, in [0, 1]; 0 where there is none
    """

    f0_hz: Array
    harmonicity: Array
    periodicity: Array

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Where a fundamental was found, shape (n_frames,)."""
        return self.f0_hz > 0


def pitch(signal: Array) -> Pitch:
    """Return the fundamental frequency of every frame.

    Args:
        signal: samples at `framing.RATE_HZ`, not all zero, shape (n_samples,)
    """
    length = round(WINDOW_S * framing.RATE_HZ)
    frames = framing.frames(signal / np.abs(signal).max(), length)
    parts = [_candidates(frames[start : start + _FRAMES_AT_ONCE]) for start in range(0, len(frames), _FRAMES_AT_ONCE)]
    frequency, strength, height = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    rows, chosen = np.arange(len(frames)), _best_path(frequency, strength)
    return Pitch(frequency[rows, chosen], height[rows, chosen], height.max(axis=1))


def _candidates(frames: Array) -> tuple[Array, Array, Array]:
    """Frequencies, strengths and peak heights, shapes (n_frames, 1 + _CANDIDATES); the first is "unvoiced"."""
    frames = frames - frames.mean(axis=1, keepdims=True)
    first, last = int(np.ceil(framing.RATE_HZ / HIGHEST_HZ)), int(framing.RATE_HZ / LOWEST_HZ)
    correlation = _autocorrelation(frames, last + 2)
    before, at, after = correlation[:, first - 1 : -2], correlation[:, first:-1], correlation[:, first + 1 :]
    is_peak = (at >= before) & (at > after) & (at > _LEAST_PEAK)
    bend = np.where(is_peak, before - 2 * at + after, -1.0)
    shift = np.where(is_peak, 0.5 * (before - after) / bend, 0.0)
    height = at - 0.25 * (before - after) * shift
    # the window's own autocorrelation is small at long lags, where the quotient may pass 1
    height = np.where(height > 1, 1 / np.maximum(height, 1), height)
    lag_s = (np.arange(first, last + 1) + shift) / framing.RATE_HZ
    strength = np.where(is_peak, height - _OCTAVE_COST * np.log2(LOWEST_HZ * lag_s), _ABSENT)
    best = np.argpartition(-strength, _CANDIDATES - 1, axis=1)[:, :_CANDIDATES]
    lag_s, height, strength = (np.take_along_axis(values, best, axis=1) for values in (lag_s, height, strength))
    present = strength > _ABSENT
    return (
        _prepend(np.zeros(len(frames)), np.where(present, 1 / lag_s, 0.0)),
        _prepend(_unvoiced_strength(frames), strength),
        _prepend(np.zeros(len(frames)), np.where(present, height, 0.0)),
    )


def _autocorrelation(frames: Array, n_lags: int) -> Array:
    """Normalised autocorrelation of Hann-windowed frames over that of the window (section 2), (n_frames, n_lags)."""
    import scipy.fft

    window = np.hanning(frames.shape[1])
    size = scipy.fft.next_fast_len(frames.shape[1] + n_lags, real=True)

    def correlate(values: NDArray[np.float32]) -> Array:
        power = np.abs(scipy.fft.rfft(values, size)) ** 2
        return np.asarray(scipy.fft.irfft(power, size), dtype=np.float64)[..., :n_lags]

    of_frames, of_window = correlate((frames * window).astype(np.float32)), correlate(window.astype(np.float32))
    energy = of_frames[:, :1]
    normalised = np.divide(of_frames, energy, out=np.zeros_like(of_frames), where=energy > 0)
    quotient: Array = normalised / (of_window / of_window[0])
    return quotient


def _unvoiced_strength(frames: Array) -> Array:
    """How well "unvoiced" explains a frame of a signal whose peak is 1: the softer, the better (section 4)."""
    middle, half = frames.shape[1] // 2, round(0.5 * framing.RATE_HZ / LOWEST_HZ)
    peak = np.abs(frames[:, middle - half : middle + half]).max(axis=1)
    strength: Array = _VOICING + np.maximum(0, 2 - peak / (_SILENCE / (1 + _VOICING)))
    return strength


def _best_path(frequency: Array, strength: Array) -> NDArray[np.int64]:
    """The candidate of every frame on the path of greatest strength less transition costs (section 4, by Viterbi)."""
    voiced, octave = frequency > 0, np.log2(np.maximum(frequency, 1))
    both = voiced[:-1, :, None] & voiced[1:, None, :]
    one = voiced[:-1, :, None] != voiced[1:, None, :]
    jump = np.abs(octave[:-1, :, None] - octave[1:, None, :])
    # Praat scales both costs by 0.01 s over the step; here that is 1
    cost = np.where(both, _OCTAVE_JUMP_COST * jump, _VOICING_COST * one)
    score, everyone = strength[0], np.arange(strength.shape[1])
    came_from = np.zeros(strength.shape, dtype=np.int64)
    for frame in range(1, len(strength)):
        arriving = score[:, None] - cost[frame - 1]
        came_from[frame] = arriving.argmax(axis=0)
        score = arriving[came_from[frame], everyone] + strength[frame]
    path = np.empty(len(strength), dtype=np.int64)
    path[-1] = score.argmax()
    for frame in range(len(strength) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _prepend(column: Array, others: Array) -> Array:
    return np.concatenate([column[:, None], others], axis=1)
