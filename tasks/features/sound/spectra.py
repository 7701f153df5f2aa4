"""Mel spectra, MFCC and deltas for NumPy arrays and PyTorch tensors.

Results equal those of librosa 0.11 (McFee et al. 2015, "librosa: Audio and music signal analysis in Python"), without
the dependency. Extractors pass arrays; networks with raw audio input pass tensors, which stay on their device. The
functions are not meant to be differentiated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import factorial, prod
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Array = TypeVar("Array", bound=Any)
"""A NumPy array or a PyTorch tensor; results have the type and the device of the input."""

LEAST_POWER = 1e-10
"""Power floor: -100 dB."""
POINTS_AT_ONCE = 2**20
"""FFT points in memory at a time, over all signals of a batch."""

_LINEAR_HZ_A_MEL = 200 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _LINEAR_HZ_A_MEL
_LOG_STEP = np.log(6.4) / 27


@dataclass(frozen=True)
class MelSettings:
    """Settings of mel spectra from 0 Hz to half the sampling rate.

    A band narrower than the FFT's resolution (`rate_hz / n_fft`) may contain no bin; it is constant at the floor of
    -100 dB then, as in librosa.

    Args:
        rate_hz: sampling rate of the analysis in Hz
        n_fft: FFT length, even
        window: length of the window in samples, centred within the FFT
        hop: step between frames in samples
        n_mels: number of bands
        taper: shape of the window: `hamming`, or `hann`, which is librosa's default
    """

    rate_hz: int = 16_000
    n_fft: int = 1024
    window: int = 512
    hop: int = 160
    n_mels: int = 128
    taper: Literal["hamming", "hann"] = "hamming"

    def __post_init__(self) -> None:
        for name in ("rate_hz", "n_fft", "window", "hop", "n_mels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if self.n_fft % 2:
            raise ValueError(f"n_fft is {self.n_fft}; it must be even, since frames are centred at samples")
        if not 2 <= self.window <= self.n_fft:
            raise ValueError(f"window is {self.window}; it must be from 2 to n_fft, which is {self.n_fft}")

    @property
    def step_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.rate_hz


def log_mel(signals: Array, settings: MelSettings) -> Array:
    """Compute log-mel spectra: `10 log10(max(power, 1e-10))` per band.

    Equals `librosa.feature.melspectrogram(win_length=window, window=taper, power=2.0)` with librosa's default bands
    (Slaney 1998, "Auditory Toolbox", equal area) and `power_to_db(ref=1, top_db=None)`. Frames are centred at every
    `hop`-th sample; signals are padded with zeros. Memory: about 30 MB for `POINTS_AT_ONCE` FFT points at a time, plus
    twice the result.

    Args:
        signals: samples at `settings.rate_hz`, full scale 1, float32 or float64, shape (..., n_samples)
        settings: analysis settings

    Returns:
        levels in dB, dtype of the signals, shape (..., 1 + n_samples // hop, n_mels)

    Raises:
        TypeError: if the signals have another dtype

    Example:
        >>> log_mel(np.zeros(16_000), MelSettings(n_mels=40)).shape
        (101, 40)
    """
    xp = _library(signals)
    if signals.dtype not in (xp.float32, xp.float64):
        raise TypeError(f"signals of dtype {signals.dtype}; convert them to float32 or float64, full scale 1")
    window = _like(_window(settings.window, settings.taper), signals)
    filters = _like(_mel_filters(settings), signals)
    n_frames = 1 + signals.shape[-1] // settings.hop
    at_once = max(1, POINTS_AT_ONCE // (settings.n_fft * max(1, prod(signals.shape[:-1]))))
    chunks = []
    for first in range(0, n_frames, at_once):
        frames = _frames(signals, settings, first, min(at_once, n_frames - first))
        # zero-padding only behind the frame, unlike librosa, changes phases but not powers
        spectrum = xp.fft.rfft(frames * window, settings.n_fft)
        power = _product(spectrum.real**2 + spectrum.imag**2, filters)
        chunks.append(10 * xp.log10(xp.clip(power, LEAST_POWER, None)))
    decibels: Array = xp.concatenate(chunks, -2)
    return decibels


def relative_to_loudest(decibels: Array, range_db: float = 80.0) -> Array:
    """Normalise levels to the loudest band and frame of each signal, like librosa's `power_to_db(ref=np.max)`.

    Args:
        decibels: result of `log_mel`, shape (..., n_frames, n_mels)
        range_db: dynamic range in dB; lower levels are clipped

    Returns:
        levels from -range_db to 0 dB, same shape
    """
    xp = _library(decibels)
    loudest = xp.amax(decibels, axis=(-2, -1), keepdims=True)
    relative: Array = xp.clip(decibels - loudest, -range_db, None)
    return relative


def spectrogram(signals: Array, settings: MelSettings) -> Array:
    """Compute log-mel spectrograms relative to each signal's maximum: the input of our networks.

    Args:
        signals: see `log_mel`, shape (..., n_samples)
        settings: analysis settings

    Returns:
        levels from -80 to 0 dB, shape (..., n_frames, n_mels)
    """
    return relative_to_loudest(log_mel(signals, settings))


def mfcc(decibels: Array, n_mfcc: int) -> Array:
    """Compute mel-frequency cepstral coefficients: the orthonormal DCT-II over the bands.

    Davis & Mermelstein (1980), "Comparison of parametric representations for monosyllabic word recognition"; scaled as
    in `librosa.feature.mfcc(S=decibels, norm="ortho")`.

    Args:
        decibels: log-mel spectra in dB, shape (..., n_frames, n_mels)
        n_mfcc: number of coefficients, 1 to n_mels; the first is the level over all bands

    Returns:
        shape (..., n_frames, n_mfcc)

    Raises:
        ValueError: if n_mfcc is out of range

    Example:
        >>> mfcc(np.zeros((101, 40)), 13).shape
        (101, 13)
    """
    n_mels = decibels.shape[-1]
    if not 1 <= n_mfcc <= n_mels:
        raise ValueError(f"n_mfcc is {n_mfcc}; it must be from 1 to the number of bands, {n_mels}")
    coefficients: Array = _product(decibels, _like(_cosines(n_mels, n_mfcc), decibels))
    return coefficients


def deltas(frames: Array, order: int = 1, width: int = 9) -> Array:
    """Compute derivatives along time by a local polynomial fit of the same order around each frame.

    Savitzky & Golay (1964), "Smoothing and differentiation of data by simplified least squares procedures", Analytical
    Chemistry 36(8); `librosa.feature.delta(mode="interp")`. Frames near an end get the derivative of the first or last
    `width` frames. With fewer than `width` frames, the largest odd number of frames available is used; if that is below
    3 or not above the order, the result is zero.

    Args:
        frames: shape (..., n_frames, n_features)
        order: order of the derivative, 1 or more
        width: frames per fit; odd, 3 or more, above the order

    Returns:
        derivatives per frame, same shape

    Raises:
        ValueError: if order or width is out of range
    """
    if order < 1:
        raise ValueError(f"order is {order}; a derivative is of order 1 or more")
    if width < 3 or width % 2 == 0 or width <= order:
        raise ValueError(f"width is {width}; it must be odd, 3 or more, and above the order, which is {order}")
    n_frames = frames.shape[-2]
    width = min(width, n_frames - 1 + n_frames % 2)
    if width < max(3, order + 1):
        flat: Array = _library(frames).zeros_like(frames)
        return flat
    last = n_frames - width
    weights = _savitzky_golay(order, width).tolist()
    inner = sum(weight * frames[..., at : at + last + 1, :] for at, weight in enumerate(weights))
    derivatives: Array = inner[..., np.clip(np.arange(n_frames) - width // 2, 0, last), :]
    return derivatives


def _library(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def _like(matrix: Matrix, array: Any) -> Any:
    """Convert a constant to the type, dtype and device of an array."""
    if isinstance(array, np.ndarray):
        return matrix.astype(array.dtype)
    import torch

    return torch.as_tensor(matrix, dtype=array.dtype, device=array.device)


def _product(values: Any, matrix: Any) -> Any:
    """Multiply without autocast: a network may train in bfloat16, which would round levels to half a decibel."""
    if isinstance(values, np.ndarray):
        return values @ matrix
    import torch

    with torch.autocast(values.device.type, enabled=False):
        return values @ matrix


def _frames(signals: Any, settings: MelSettings, first: int, n_frames: int) -> Any:
    """Return the windowed samples of `n_frames` frames from `first` on, zero-padded, shape (..., n_frames, window)."""
    start = first * settings.hop + (settings.n_fft - settings.window) // 2 - settings.n_fft // 2
    stop = start + (n_frames - 1) * settings.hop + settings.window
    n_samples = signals.shape[-1]
    inside = signals[..., min(max(start, 0), n_samples) : max(stop, 0)]
    before = max(0, min(stop, 0) - start)
    after = stop - start - before - inside.shape[-1]
    if isinstance(signals, np.ndarray):
        padded = np.pad(inside, [(0, 0)] * (signals.ndim - 1) + [(before, after)])
        return np.lib.stride_tricks.sliding_window_view(padded, settings.window, -1)[..., :: settings.hop, :]
    from torch.nn import functional

    return functional.pad(inside, (before, after)).unfold(-1, settings.window, settings.hop)


@lru_cache(maxsize=32)
def _window(n_samples: int, taper: str) -> Matrix:
    """Return a periodic window."""
    constant, swing = (0.54, 0.46) if taper == "hamming" else (0.5, 0.5)
    return np.asarray(constant - swing * np.cos(2 * np.pi * np.arange(n_samples) / n_samples))


@lru_cache(maxsize=32)
def _mel_filters(settings: MelSettings) -> Matrix:
    """Return triangular filters of area 1, shape (n_fft // 2 + 1, n_mels)."""
    bins_hz = np.arange(settings.n_fft // 2 + 1) * settings.rate_hz / settings.n_fft
    corners_hz = _hz(np.linspace(0, _mel(settings.rate_hz / 2), settings.n_mels + 2))
    low, middle, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    rising = (bins_hz[:, None] - low) / (middle - low)
    falling = (high - bins_hz[:, None]) / (high - middle)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low))


def _mel(hz: float) -> float:
    """Convert Hz to Slaney's mel scale: linear up to 1 kHz, logarithmic above."""
    if hz < _LOG_FROM_HZ:
        return hz / _LINEAR_HZ_A_MEL
    return float(_LOG_FROM_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _hz(mel: Matrix) -> Matrix:
    above = _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL))
    return np.where(mel < _LOG_FROM_MEL, mel * _LINEAR_HZ_A_MEL, above)


@lru_cache(maxsize=32)
def _cosines(n_mels: int, n_mfcc: int) -> Matrix:
    """Return the first basis vectors of the orthonormal DCT-II, shape (n_mels, n_mfcc)."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    scale = np.where(np.arange(n_mfcc) == 0, np.sqrt(1 / n_mels), np.sqrt(2 / n_mels))
    return np.asarray(np.cos(angles) * scale)


@lru_cache(maxsize=32)
def _savitzky_golay(order: int, width: int) -> Matrix:
    """Return the weight of each of `width` frames in the derivative of the polynomial of the same order.

    The highest derivative of a polynomial is constant, so the weights also hold for frames at the end of the fit.
    """
    offsets = np.arange(width) - width // 2
    return np.asarray(factorial(order) * np.linalg.pinv(np.vander(offsets, order + 1, increasing=True))[order])
