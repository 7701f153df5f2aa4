"""Formants by linear prediction and relative harmonic levels of voiced frames (source-filter model).

Formants: autocorrelation method (Makhoul 1975, "Linear prediction: A tutorial review", Proc. IEEE 63(4)), roots of the
predictor (Markel & Gray 1976, "Linear Prediction of Speech"); order 11 at 11 kHz, as in openSMILE's GeMAPS files.
Harmonics: H1–H2 and H1–A3 as in GeMAPS (Eyben et al. 2016, section 3), H1–A1 as in Hanson (1997), "Glottal
characteristics of female speakers: Acoustic correlates", JASA 101(1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import framing
from tasks.features.sound.pitch import Pitch

Array = NDArray[np.float64]

NAMES = ("f1", "f2", "f3", "f1_bandwidth", "f2_bandwidth", "f3_bandwidth", "h1_h2", "h1_a1", "h1_a3")
N_FORMANTS = 3

_LPC_RATE_HZ, _LPC_ORDER, _LPC_WINDOW_S = 11_000, 11, 0.025
_PRE_EMPHASIS = 0.97
_LOWEST_HZ, _HIGHEST_HZ, _WIDEST_HZ = 90.0, 5400.0, 700.0
"""Limits of formants: roots outside model spectral tilt or the band edges; wider roots are no resonances."""
_NEUTRAL_HZ = (500.0, 1500.0, 2500.0)
"""Formants of a 17 cm tube closed at one end (Fant 1960); used if a clip has no formant in any frame."""
_HARMONIC_WINDOW, _HARMONIC_FFT = 640, 2048


def tracks(signal: Array, fundamental: Pitch) -> dict[str, Array]:
    """Compute formant frequencies and bandwidths in Hz and harmonic differences in dB.

    Formants missing in a voiced frame are replaced by their median over the clip.

    Args:
        signal: samples at 16 kHz, shape (n_samples,)
        fundamental: pitch of the signal

    Returns:
        name in `NAMES` → track, shape (n_frames,); 0 in unvoiced frames
    """
    rows = np.flatnonzero(fundamental.voiced)
    if not rows.size:
        return {name: np.zeros(fundamental.voiced.size) for name in NAMES}
    formants = _formants(signal, rows)
    values = np.concatenate([formants, _harmonics(signal, rows, fundamental.f0_hz[rows], formants)], axis=1)
    all_frames = np.zeros((len(NAMES), fundamental.voiced.size))
    all_frames[:, rows] = values.T
    return dict(zip(NAMES, all_frames, strict=True))


def _formants(signal: Array, rows: NDArray[np.int64]) -> Array:
    """Return frequencies and bandwidths of the lowest three formants, shape (n_rows, 6)."""
    roots = _roots(_predictors(_low_rate_frames(signal, rows)))
    frequency = np.angle(roots) * _LPC_RATE_HZ / (2 * np.pi)
    bandwidth = -np.log(np.maximum(np.abs(roots), 1e-6)) * _LPC_RATE_HZ / np.pi
    good = (frequency > _LOWEST_HZ) & (frequency < _HIGHEST_HZ) & (bandwidth < _WIDEST_HZ)
    order = np.argsort(np.where(good, frequency, np.inf), axis=1)[:, :N_FORMANTS]
    frequency, bandwidth = (np.take_along_axis(values, order, axis=1) for values in (frequency, bandwidth))
    good = np.take_along_axis(good, order, axis=1)
    return np.concatenate([_filled(frequency, good, _NEUTRAL_HZ), _filled(bandwidth, good, (_WIDEST_HZ,) * 3)], axis=1)


def _filled(values: Array, good: NDArray[np.bool_], fallbacks: tuple[float, ...]) -> Array:
    """Replace bad values by the median of the column's good values, or by its fallback if there are none."""
    columns = [
        np.where(ok, column, np.median(column[ok]) if ok.any() else fallback)
        for column, ok, fallback in zip(values.T, good.T, fallbacks, strict=True)
    ]
    return np.stack(columns, axis=1)


def _low_rate_frames(signal: Array, rows: NDArray[np.int64]) -> Array:
    from scipy.signal import resample_poly

    low: Array = resample_poly(signal, _LPC_RATE_HZ // 1000, framing.RATE_HZ // 1000)
    low = np.append(low[:1], low[1:] - _PRE_EMPHASIS * low[:-1])
    length, hop = round(_LPC_WINDOW_S * _LPC_RATE_HZ), round(framing.HOP_S * _LPC_RATE_HZ)
    padded = np.concatenate([np.zeros(length // 2), low, np.zeros(length + hop)])
    chosen: Array = np.lib.stride_tricks.sliding_window_view(padded, length)[rows * hop] * np.hamming(length)
    return chosen


def _predictors(frames: Array) -> Array:
    """Return predictors 1 + a_1 z^-1 + … by Levinson-Durbin (Makhoul 1975, eq. 38), shape (n_rows, order + 1)."""
    import scipy.fft

    size = scipy.fft.next_fast_len(frames.shape[1] + _LPC_ORDER, real=True)
    correlation = scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, size)) ** 2, size)[:, : _LPC_ORDER + 1]
    # white-noise correction of -60 dB keeps the equations solvable for digital silence and pure tones
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-6) + np.finfo(np.float64).tiny
    polynomial = np.zeros((len(frames), _LPC_ORDER + 1))
    polynomial[:, 0] = 1.0
    error = correlation[:, 0].copy()
    for order in range(1, _LPC_ORDER + 1):
        reflection = -(polynomial[:, :order] * correlation[:, order:0:-1]).sum(axis=1) / error
        polynomial[:, 1 : order + 1] += reflection[:, None] * polynomial[:, order - 1 :: -1][:, :order]
        error *= 1 - reflection**2
    return polynomial


def _roots(polynomials: Array) -> NDArray[np.complex128]:
    """Return the roots of monic polynomials as eigenvalues of their companion matrices, all rows at once."""
    order = polynomials.shape[1] - 1
    companions = np.zeros((len(polynomials), order, order))
    companions[:, 0] = -polynomials[:, 1:]
    companions[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    return np.asarray(np.linalg.eigvals(companions), dtype=np.complex128)


def _harmonics(signal: Array, rows: NDArray[np.int64], f0_hz: Array, formants: Array) -> Array:
    """Return H1–H2, H1–A1, H1–A3 in dB: the level of the first harmonic minus those of the second and of the strongest
    harmonics near F1 and F3, shape (n_rows, 3)."""
    import scipy.fft

    frames = framing.frames(signal, _HARMONIC_WINDOW)[rows] * np.hanning(_HARMONIC_WINDOW)
    magnitude = np.abs(scipy.fft.rfft(frames, _HARMONIC_FFT))
    decibels = 20 * np.log10(magnitude + magnitude.max() * 1e-6)
    near = 0.25 * f0_hz
    first = _peak(decibels, f0_hz, near)
    # wide enough to contain at least one harmonic
    around = np.maximum(0.6 * f0_hz, 100.0)
    others = (_peak(decibels, 2 * f0_hz, near), *(_peak(decibels, formants[:, i], around) for i in (0, 2)))
    return np.stack([first - other for other in others], axis=1)


def _peak(decibels: Array, centre_hz: Array, reach_hz: Array) -> Array:
    """Return each row's maximum within reach of its centre frequency."""
    bin_hz = framing.RATE_HZ / _HARMONIC_FFT
    lowest = np.maximum(np.round((centre_hz - reach_hz) / bin_hz), 0).astype(np.int64)
    n_bins = (np.round(2 * reach_hz / bin_hz) + 1).astype(np.int64)
    offset = np.arange(n_bins.max())
    bins = np.minimum(lowest[:, None] + offset, decibels.shape[1] - 1)
    inside = offset < n_bins[:, None]
    return np.asarray(np.where(inside, np.take_along_axis(decibels, bins, axis=1), -np.inf).max(axis=1))
