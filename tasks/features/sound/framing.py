"""Normalise signals to 16 kHz and full scale 1, and cut them into frames every 10 ms."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError

Array = NDArray[np.float64]

RATE_HZ = 16_000
HOP = 160
HOP_S = HOP / RATE_HZ
LOWEST_RATE_HZ = 8_000
SHORTEST_S = 0.1
_FULL_SCALE = 32_768.0


def to_16_khz(signal: NDArray[np.floating] | NDArray[np.int16], rate_hz: int) -> Array:
    """Check a signal, subtract its mean and resample it to 16 kHz.

    Args:
        signal: mono samples, int16 or floating point with full scale 1, shape (n_samples,)
        rate_hz: sampling rate in Hz, at least `LOWEST_RATE_HZ`; below 16 kHz the upper bands are empty

    Returns:
        samples with full scale 1, float64, shape (n_samples_at_16_khz,)

    Raises:
        AudioError: if the signal has several channels, is shorter than `SHORTEST_S`, has too low a sampling rate, is
            constant, or contains a non-finite sample

    Example:
        >>> to_16_khz(np.array([0.0, 0.5] * 2205), 44_100).shape
        (1600,)
    """
    if signal.ndim != 1:
        raise AudioError(f"expected one channel, shape (n_samples,); found shape {signal.shape}")
    if rate_hz < LOWEST_RATE_HZ:
        raise AudioError(f"sampled at {rate_hz} Hz; at least {LOWEST_RATE_HZ} Hz are needed")
    if signal.size < SHORTEST_S * rate_hz:
        raise AudioError(f"{signal.size / rate_hz:.3f} s of sound; at least {SHORTEST_S} s are needed")
    if not np.isfinite(signal).all():
        raise AudioError("a sample is not finite")
    if np.all(signal == signal[0]):
        raise AudioError("digital silence")
    scale = _FULL_SCALE if np.issubdtype(signal.dtype, np.integer) else 1.0
    samples = signal.astype(np.float64) / scale
    return _resampled(samples - samples.mean(), rate_hz)


def frames(signal: Array, length: int) -> Array:
    """Return frames centred every 10 ms, starting at the first sample; frames of any length are aligned.

    Args:
        signal: samples at 16 kHz, shape (n_samples,)
        length: frame length in samples; the signal is padded with zeros at both ends

    Returns:
        a read-only view, shape (1 + n_samples // HOP, length)
    """
    padded = np.concatenate([np.zeros(length // 2), signal, np.zeros(length)])
    view = np.lib.stride_tricks.sliding_window_view(padded, length)[::HOP]
    return view[: count(signal)]


def count(signal: Array) -> int:
    """Return the number of frames of a signal.

    Args:
        signal: samples at 16 kHz, shape (n_samples,)
    """
    return 1 + signal.size // HOP


def _resampled(samples: Array, rate_hz: int) -> Array:
    if rate_hz == RATE_HZ:
        return samples
    from scipy.signal import resample_poly

    common = gcd(RATE_HZ, rate_hz)
    resampled: Array = resample_poly(samples, RATE_HZ // common, rate_hz // common)
    return resampled
