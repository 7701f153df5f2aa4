"""Mid-term statistics of pyAudioAnalysis's short-term features: one vector per segment.

Giannakopoulos (2015), "pyAudioAnalysis: An Open-Source Python Library for Audio Signal Analysis", PLoS ONE 10(12).
`short_term` processes many segments at once; tests compare it with pyAudioAnalysis itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import distribution
from tasks.core.errors import AudioError, InputError
from tasks.features.mid_term.short_term import WITH_DELTAS, Array, Int16Samples, short_terms

NAMES = tuple(f"{name}_{statistic}" for statistic in ("mean", "std") for name in WITH_DELTAS)
"""The 136 features in pyAudioAnalysis's order: means of the 34 features and their deltas, then standard deviations."""

Backend = Literal["arrays", "pyAudioAnalysis"]


@dataclass(frozen=True)
class AnalysisWindows:
    """Analysis windows and steps in seconds.

    Args:
        short_window_s: short-term window
        short_step_s: step between short-term windows
        mid_window_s: mid-term window
        mid_step_s: step between mid-term windows
        backend: our vectorised implementation (`arrays`), or pyAudioAnalysis itself
    """

    short_window_s: float = 0.05
    short_step_s: float = 0.05
    mid_window_s: float = 1.0
    mid_step_s: float = 1.0
    backend: Backend = "arrays"

    def in_samples(self, rate_hz: int) -> tuple[int, int, int, int]:
        """Return mid-term window, mid-term step, short-term window and short-term step in samples.

        Args:
            rate_hz: sampling rate in Hz
        """
        mid = round(self.mid_window_s * rate_hz), round(self.mid_step_s * rate_hz)
        return *mid, round(self.short_window_s * rate_hz), round(self.short_step_s * rate_hz)


def mid_term(signal: Int16Samples, rate_hz: int, windows: AnalysisWindows) -> Array:
    """Compute mid-term means and standard deviations, averaged over a segment.

    Args:
        signal: mono samples, int16, shape (n_samples,)
        rate_hz: sampling rate in Hz
        windows: analysis windows and steps

    Returns:
        features in the order of `NAMES`, float64, shape (136,)

    Raises:
        AudioError: if the segment is shorter than two short-term windows, digitally silent, or has a non-finite
            short-term feature (which pyAudioAnalysis would replace by 0)
        ConfigError: if the short-term windows are too short for the sampling rate

    Example:
        >>> tone = (9000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
        >>> mid_term(tone, 16_000, AnalysisWindows()).shape
        (136,)
    """
    (result,) = mid_terms([signal], rate_hz, windows)
    if isinstance(result, AudioError):
        raise result
    return result


def mid_terms(signals: Sequence[Int16Samples], rate_hz: int, windows: AnalysisWindows) -> list[Array | AudioError]:
    """Compute the features of many segments at once.

    Args:
        signals: mono samples, int16, each of shape (n_samples,)
        rate_hz: common sampling rate in Hz
        windows: analysis windows and steps

    Returns:
        for each segment the result of `mid_term`, or the AudioError that it raises

    Raises:
        ConfigError: if the short-term windows are too short for the sampling rate
    """
    errors: list[AudioError | None] = [_unusable(signal, rate_hz, windows) for signal in signals]
    usable = [signal for signal, error in zip(signals, errors, strict=True) if error is None]
    vectors = iter(_BACKENDS[windows.backend](usable, rate_hz, windows) if usable else ())
    return [next(vectors) if error is None else error for error in errors]


def statistics(short: Array, window: int, step: int) -> Array:
    """Compute mid-term statistics of one signal's short-term features.

    Args:
        short: result of `short_term`, shape (68, n_frames)
        window: mid-term window in frames; the last windows may have fewer
        step: step between mid-term windows in frames

    Returns:
        means, then standard deviations, shape (136, n_windows)
    """
    return _statistics(short.T, np.array([short.shape[1]]), window, step)[0].T


def in_frames(rate_hz: int, windows: AnalysisWindows) -> tuple[int, int]:
    """Return the mid-term window and step in frames, rounded as in pyAudioAnalysis.

    Args:
        rate_hz: sampling rate in Hz
        windows: analysis windows and steps
    """
    mid_window, mid_step, window, step = windows.in_samples(rate_hz)
    return round((mid_window - (window - step)) / step), max(1, round(mid_step / step))


def _unusable(signal: Int16Samples, rate_hz: int, windows: AnalysisWindows) -> AudioError | None:
    *_, window, step = windows.in_samples(rate_hz)
    if signal.shape[0] < window + step:
        return AudioError(f"{signal.shape[0] / rate_hz:.3f} s of sound, shorter than two short-term windows")
    return None if np.any(signal) else AudioError("digital silence")


def _by_arrays(signals: Sequence[Int16Samples], rate_hz: int, windows: AnalysisWindows) -> list[Array | AudioError]:
    *_, window, step = windows.in_samples(rate_hz)
    short, counts = short_terms(signals, rate_hz, window, step)
    vectors, n_windows = _statistics(short, counts, *in_frames(rate_hz, windows))
    sums = np.add.reduceat(vectors, n_windows.cumsum() - n_windows, axis=0)
    return list(sums / n_windows[:, None])


def _statistics(short: Array, counts: NDArray[np.int64], window: int, step: int) -> tuple[Array, NDArray[np.int64]]:
    """Return means and standard deviations, shape (n_windows of all signals, 136), and the windows per signal."""
    n_windows = -(-counts // step)
    firsts = np.repeat(counts.cumsum() - counts, n_windows)
    starts = firsts + step * _aranges(n_windows)
    sizes = np.minimum(starts + window, np.repeat(counts.cumsum(), n_windows)) - starts
    # without overlap or gaps the rows need not be copied
    rows = short if window == step else short[np.repeat(starts, sizes) + _aranges(sizes)]
    edges, n = sizes.cumsum() - sizes, sizes[:, None]
    means = np.add.reduceat(rows, edges, axis=0) / n
    variances = np.add.reduceat(np.square(rows - np.repeat(means, sizes, axis=0)), edges, axis=0) / n
    return np.concatenate([means, np.sqrt(variances)], axis=1), n_windows


def _aranges(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the concatenation of arange(size) for each size."""
    return np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)


def _by_reference(signals: Sequence[Int16Samples], rate_hz: int, windows: AnalysisWindows) -> list[Array | AudioError]:
    return [_by_library(signal, rate_hz, windows) for signal in signals]


def _by_library(signal: Int16Samples, rate_hz: int, windows: AnalysisWindows) -> Array | AudioError:
    mid, short, _ = _reference().mid_feature_extraction(signal, rate_hz, *windows.in_samples(rate_hz))
    if bad := [name for name, row in zip(WITH_DELTAS, short, strict=True) if not np.isfinite(row).all()]:
        return AudioError(f"not finite: {', '.join(bad)}")
    vector: Array = np.asarray(mid, dtype=np.float64).mean(axis=1)
    return vector


def _reference() -> Any:
    with warnings.catch_warnings():
        # its imports warn about aifc, audioop, ffmpeg and scipy.fftpack, none of which we use
        warnings.simplefilter("ignore")
        try:
            from pyAudioAnalysis import MidTermFeatures
        except ImportError as error:
            raise InputError(
                f"backend: pyAudioAnalysis needs {error.name}: {distribution.how_to_install('reference')}; "
                "backend: arrays gives the same features without it"
            ) from None
    return MidTermFeatures


_BACKENDS = {"arrays": _by_arrays, "pyAudioAnalysis": _by_reference}
