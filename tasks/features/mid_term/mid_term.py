"""Mid-term statistics of pyAudioAnalysis's short-term features: one vector for a segment.

Giannakopoulos (2015), "pyAudioAnalysis: An Open-Source Python Library for Audio Signal Analysis", PLoS ONE 10(12).
`short_term` computes them for many segments at once; pyAudioAnalysis itself is the reference that it is held to.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError
from tasks.features.mid_term.short_term import WITH_DELTAS, Array, Int16Samples, short_terms

NAMES = tuple(f"{name}_{statistic}" for statistic in ("mean", "std") for name in WITH_DELTAS)
"""The 136 features in pyAudioAnalysis's own order: 34 and their deltas, means first, then standard deviations."""

Backend = Literal["arrays", "pyAudioAnalysis"]


@dataclass(frozen=True)
class AnalysisWindows:
    """Analysis windows in seconds, and who computes: the house's own arrays, or pyAudioAnalysis itself."""

    short_window_s: float = 0.05
    short_step_s: float = 0.05
    mid_window_s: float = 1.0
    mid_step_s: float = 1.0
    backend: Backend = "arrays"

    def in_samples(self, rate_hz: int) -> tuple[int, int, int, int]:
        """Return mid-term window and step, short-term window and step, in samples."""
        mid = round(self.mid_window_s * rate_hz), round(self.mid_step_s * rate_hz)
        return *mid, round(self.short_window_s * rate_hz), round(self.short_step_s * rate_hz)


def mid_term(signal: Int16Samples, rate_hz: int, windows: AnalysisWindows) -> Array:
    """Return one vector for a segment: mid-term means and standard deviations, averaged over the segment.

    Args:
        signal: 16-bit samples, mono, shape (n_samples,)
        rate_hz: sampling rate of the signal
        windows: short-term and mid-term windows and steps

    Returns:
        features in the order of `NAMES`, shape (136,)

    Raises:
        AudioError: if the segment is shorter than two short-term windows, is silent throughout, or a short-term
            feature is not finite (pyAudioAnalysis would turn it into a zero)
        ConfigError: if the short-term windows are too short for such a rate
    """
    (found,) = mid_terms([signal], rate_hz, windows)
    if isinstance(found, AudioError):
        raise found
    return found


def mid_terms(signals: Sequence[Int16Samples], rate_hz: int, windows: AnalysisWindows) -> list[Array | AudioError]:
    """Return for each of many segments what `mid_term` returns, or the error that it raises.

    Args:
        signals: 16-bit samples, mono, each of shape (n_samples,)
        rate_hz: their sampling rate
        windows: short-term and mid-term windows and steps
    """
    found: list[Array | AudioError | None] = [_unusable(one, rate_hz, windows) for one in signals]
    usable = [one for one, error in zip(signals, found, strict=True) if error is None]
    vectors = iter(_BACKENDS[windows.backend](usable, rate_hz, windows) if usable else ())
    return [next(vectors) if one is None else one for one in found]


def statistics(short: Array, window: int, step: int) -> Array:
    """Return mid-term statistics of one signal's short-term features.

    Args:
        short: as `short_term` returns them, shape (68, n_frames)
        window: frames in a mid-term window; the last ones may have fewer
        step: from mid-term window to window, in frames

    Returns:
        means, then standard deviations, shape (136, n_windows)
    """
    return _statistics(short.T, np.array([short.shape[1]]), window, step)[0].T


def in_frames(rate_hz: int, windows: AnalysisWindows) -> tuple[int, int]:
    """Return the mid-term window and step in frames, as pyAudioAnalysis rounds them."""
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
    found, n_windows = _statistics(short, counts, *in_frames(rate_hz, windows))
    sums = np.add.reduceat(found, n_windows.cumsum() - n_windows, axis=0)
    return list(sums / n_windows[:, None])


def _statistics(short: Array, counts: NDArray[np.int64], window: int, step: int) -> tuple[Array, NDArray[np.int64]]:
    """Return means and standard deviations, shape (n_windows of all signals, 136), and each signal's windows."""
    n_windows = -(-counts // step)
    firsts = np.repeat(counts.cumsum() - counts, n_windows)
    starts = firsts + step * _counted(n_windows)
    sizes = np.minimum(starts + window, np.repeat(counts.cumsum(), n_windows)) - starts
    # windows that neither overlap nor leave gaps are the rows as they lie
    rows = short if window == step else short[np.repeat(starts, sizes) + _counted(sizes)]
    edges, n = sizes.cumsum() - sizes, sizes[:, None]
    means = np.add.reduceat(rows, edges, axis=0) / n
    variances = np.add.reduceat(np.square(rows - np.repeat(means, sizes, axis=0)), edges, axis=0) / n
    return np.concatenate([means, np.sqrt(variances)], axis=1), n_windows


def _counted(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, … below each of some sizes, one after the other."""
    return np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)


def _by_reference(signals: Sequence[Int16Samples], rate_hz: int, windows: AnalysisWindows) -> list[Array | AudioError]:
    return [_referred(signal, rate_hz, windows) for signal in signals]


def _referred(signal: Int16Samples, rate_hz: int, windows: AnalysisWindows) -> Array | AudioError:
    mid, short, _ = _reference().mid_feature_extraction(signal, rate_hz, *windows.in_samples(rate_hz))
    if bad := [name for name, row in zip(WITH_DELTAS, short, strict=True) if not np.isfinite(row).all()]:
        return AudioError(f"not finite: {', '.join(bad)}")
    vector: Array = np.asarray(mid, dtype=np.float64).mean(axis=1)
    return vector


def _reference() -> Any:
    with warnings.catch_warnings():
        # its imports warn of aifc, audioop, ffmpeg and scipy.fftpack, none of which is used here
        warnings.simplefilter("ignore")
        from pyAudioAnalysis import MidTermFeatures
    return MidTermFeatures


_BACKENDS = {"arrays": _by_arrays, "pyAudioAnalysis": _by_reference}
