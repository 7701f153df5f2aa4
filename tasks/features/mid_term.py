"""Mid-term statistics of pyAudioAnalysis's short-term features, computed by pyAudioAnalysis itself.

Giannakopoulos (2015), "pyAudioAnalysis: An Open-Source Python Library for Audio Signal Analysis", PLoS ONE 10(12).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import AudioError

_SHORT_TERM = (
    "zcr",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    *(f"mfcc_{i}" for i in range(1, 14)),
    *(f"chroma_{i}" for i in range(1, 13)),
    "chroma_std",
)
_WITH_DELTAS = (*_SHORT_TERM, *(f"delta {name}" for name in _SHORT_TERM))
NAMES = tuple(f"{name}_{statistic}" for statistic in ("mean", "std") for name in _WITH_DELTAS)
"""The 136 features in pyAudioAnalysis's own order: 34 and their deltas, means first, then standard deviations."""


@dataclass(frozen=True)
class Windows:
    """Analysis windows in seconds."""

    short_window_s: float = 0.05
    short_step_s: float = 0.05
    mid_window_s: float = 1.0
    mid_step_s: float = 1.0


def mid_term(signal: NDArray[np.int16], rate_hz: int, windows: Windows) -> NDArray[np.float64]:
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
    """
    window, step = round(windows.short_window_s * rate_hz), round(windows.short_step_s * rate_hz)
    if signal.shape[0] < window + step:
        raise AudioError(f"{signal.shape[0] / rate_hz:.3f} s of sound, shorter than two short-term windows")
    if not np.any(signal):
        raise AudioError("digital silence")
    mid, short, _ = _extractor().mid_feature_extraction(
        signal,
        rate_hz,
        round(windows.mid_window_s * rate_hz),
        round(windows.mid_step_s * rate_hz),
        window,
        step,
    )
    if bad := [name for name, row in zip(_WITH_DELTAS, short, strict=True) if not np.isfinite(row).all()]:
        raise AudioError(f"not finite: {', '.join(bad)}")
    vector: NDArray[np.float64] = np.asarray(mid, dtype=np.float64).mean(axis=1)
    return vector


def _extractor() -> Any:
    with warnings.catch_warnings():
        # its imports warn of aifc, audioop, ffmpeg and scipy.fftpack, none of which is used here
        warnings.simplefilter("ignore")
        from pyAudioAnalysis import MidTermFeatures
    return MidTermFeatures
