"""Formants by linear prediction and relative harmonic levels of voiced frames (source-filter model).

Formants: autocorrelation method (Makhoul 1975, "Linear prediction: A tutorial review", Proc. IEEE 63(4)), roots of the
predictor (Markel & Gray 1976, "Linear Prediction of Speech"); order 11 at 11 kHz, as in openSMILE's GeMAPS files.
Harmonics: H1–H2 and H1–A3 as in GeMAPS (Eyben et al. 2016, section 3), H1–A1 as in Hanson (1997), "Glottal
characteristics of female speakers: Acoustic correlates", JASA 101(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import framing, polynomial_roots
from tasks.features.sound.pitch import Pitch
from tasks.features.sound.quantiles import quantiles

Array = NDArray[np.float64]

NAMES = ("f1", "f2", "f3", "f1_bandwidth", "f2_bandwidth", "f3_bandwidth", "h1_h2", "h1_a1", "h1_a3")
N_FORMANTS = 3

_LPC_RATE_HZ, _LPC_ORDER, _LPC_WINDOW_S = 11_000, 11, 0.025
_PRE_EMPHASIS = 0.97
_UP, _DOWN = 11, 16
_RESAMPLING_ZEROS, _KAISER_BETA = 10, 5.0
"""Zero crossings of the low-pass filter on either side, and its window: those of `scipy.signal.resample_poly`."""
_MARGIN = 13
"""Blocks of 16 samples before and after a frame's centre that contain the frame and a sample for the pre-emphasis."""
_LOWEST_HZ, _HIGHEST_HZ, _WIDEST_HZ = 90.0, 5400.0, 700.0
"""Limits of formants: roots outside model spectral tilt or the band edges; wider roots are no resonances."""
_NEUTRAL_HZ = (500.0, 1500.0, 2500.0)
"""Formants of a 17 cm tube closed at one end (Fant 1960); used if a clip has no formant in any frame."""
_HARMONIC_WINDOW, _HARMONIC_FFT = 640, 2048
_ROWS_AT_ONCE, _BLOCKS_AT_ONCE = 64, 512
"""Few enough for a core's cache; and for BLAS to use one thread, since its sums depend on their number."""


def tracks(signals: Sequence[Array], fundamentals: Sequence[Pitch]) -> list[dict[str, Array]]:
    """Compute formant frequencies and bandwidths in Hz and harmonic differences in dB.

    Formants missing in a voiced frame are replaced by their median over the clip.

    Args:
        signals: samples of clips at 16 kHz
        fundamentals: pitch of each

    Returns:
        for each clip, whose values do not depend on the others: name in `NAMES` → track, shape (n_frames,); 0 in
        unvoiced frames
    """
    rows = [np.flatnonzero(fundamental.voiced) for fundamental in fundamentals]
    correlations = [_correlations(signal, chosen) for signal, chosen in zip(signals, rows, strict=True)]
    resonances = _resonances(np.concatenate(correlations))
    result, start = list[dict[str, Array]](), 0
    for signal, fundamental, chosen in zip(signals, fundamentals, rows, strict=True):
        values = np.zeros((len(NAMES), fundamental.voiced.size))
        if chosen.size:
            formants = _formants(*(columns[:, start : start + chosen.size] for columns in resonances))
            values[: 2 * N_FORMANTS, chosen] = formants
            values[2 * N_FORMANTS :, chosen] = _harmonics(signal, chosen, fundamental.f0_hz[chosen], formants)
        result.append(dict(zip(NAMES, values, strict=True)))
        start += chosen.size
    return result


def _resonances(correlations: Array) -> tuple[Array, Array]:
    """Return frequencies and bandwidths in Hz of all roots, shapes (order, n_rows)."""
    roots = np.ascontiguousarray(polynomial_roots.roots(_predictors(correlations)).T)
    frequency = np.angle(roots) * _LPC_RATE_HZ / (2 * np.pi)
    return frequency, -np.log(np.maximum(np.abs(roots), 1e-6)) * _LPC_RATE_HZ / np.pi


def _formants(frequency: Array, bandwidth: Array) -> Array:
    """Return frequencies and bandwidths of the lowest three formants, shape (6, n_rows)."""
    good = (frequency > _LOWEST_HZ) & (frequency < _HIGHEST_HZ) & (bandwidth < _WIDEST_HZ)
    order = np.argsort(np.where(good, frequency, np.inf), axis=0)[:N_FORMANTS]
    frequency, bandwidth = (np.take_along_axis(values, order, axis=0) for values in (frequency, bandwidth))
    good = np.take_along_axis(good, order, axis=0)
    return np.concatenate([_filled(frequency, good, _NEUTRAL_HZ), _filled(bandwidth, good, (_WIDEST_HZ,) * 3)])


def _filled(rows: Array, good: NDArray[np.bool_], fallbacks: tuple[float, ...]) -> Array:
    """Replace bad values by the median of the row's good values, or by its fallback if there are none."""
    return np.stack(
        [
            row if ok.all() else np.where(ok, row, _median(row[ok]) if ok.any() else fallback)
            for row, ok, fallback in zip(rows, good, fallbacks, strict=True)
        ]
    )


def _median(values: Array) -> float:
    (median,) = quantiles(np.sort(values), [0.5])
    return float(median)


def _correlations(signal: Array, rows: NDArray[np.int64]) -> Array:
    """Return the autocorrelation of the frames of some rows at 11 kHz, lags 0 to order, shape (n_rows, order + 1)."""
    length, hop = round(_LPC_WINDOW_S * _LPC_RATE_HZ), round(framing.HOP_S * _LPC_RATE_HZ)
    correlation = np.empty((rows.size, _LPC_ORDER + 1))
    if not rows.size:
        return correlation
    first, low = _low_rate(signal, int(rows[0]), int(rows[-1]))
    emphasised = np.append(low[:1], low[1:] - _PRE_EMPHASIS * low[:-1])
    # frames are centred: the first starts half a frame before the sound
    padded = np.concatenate([np.zeros(length // 2), emphasised, np.zeros(length + hop)])
    views = np.lib.stride_tricks.sliding_window_view(padded, length)
    window = np.hamming(length)
    for start in range(0, rows.size, _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        frames = views[rows[chunk] * hop - first] * window
        for lag in range(_LPC_ORDER + 1):
            np.einsum("ij,ij->i", frames[:, : length - lag], frames[:, lag:], out=correlation[chunk, lag])
    return correlation


def _low_rate(signal: Array, first_row: int, last_row: int) -> tuple[int, Array]:
    """Return the signal at 11 kHz around some frames, as of `scipy.signal.resample_poly`, after its first index.

    16 samples become 11: every block of 16, with its neighbours, is multiplied by the same matrix.
    """
    before, matrix = _resampling()
    per_hop = framing.HOP // _DOWN
    n_blocks = -(-signal.size // _DOWN)
    start, end = max(0, per_hop * first_row - _MARGIN), min(n_blocks, per_hop * last_row + _MARGIN)
    # a view needs samples before and after its block
    margin = len(matrix)
    padded = np.concatenate([np.zeros(margin), signal, np.zeros(2 * margin)])[margin + _DOWN * start - before :]
    blocks = np.lib.stride_tricks.sliding_window_view(padded, len(matrix))[::_DOWN][: end - start]
    low = [blocks[at : at + _BLOCKS_AT_ONCE] @ matrix for at in range(0, len(blocks), _BLOCKS_AT_ONCE)]
    n_low = -(-signal.size * _UP // _DOWN)
    return _UP * start, np.concatenate(low).ravel()[: n_low - _UP * start]


@lru_cache(maxsize=1)
def _resampling() -> tuple[int, Array]:
    """Return the number of samples before a block of 16 that its 11 output samples depend on, and their weights."""
    half = _RESAMPLING_ZEROS * _DOWN
    times = np.arange(-half, half + 1)
    low_pass = np.sinc(times / _DOWN) * np.kaiser(2 * half + 1, _KAISER_BETA)
    low_pass *= _UP / low_pass.sum()
    before, after = half // _UP, (half + _DOWN * (_UP - 1)) // _UP
    tap = _DOWN * np.arange(_UP) - _UP * np.arange(-before, after + 1)[:, None] + half
    inside = (tap >= 0) & (tap <= 2 * half)
    return before, np.where(inside, low_pass[np.clip(tap, 0, 2 * half)], 0.0)


def _predictors(correlations: Array) -> Array:
    """Return predictors 1 + a_1 z^-1 + … by Levinson-Durbin (Makhoul 1975, eq. 38), shape (n_rows, order + 1)."""
    correlation = np.ascontiguousarray(correlations.T)
    # white-noise correction of -60 dB keeps the equations solvable for digital silence and pure tones
    correlation[0] = correlation[0] * (1 + 1e-6) + np.finfo(np.float64).tiny
    polynomial = np.zeros_like(correlation)
    polynomial[0] = 1.0
    error = correlation[0].copy()
    for order in range(1, _LPC_ORDER + 1):
        reflection = -(polynomial[:order] * correlation[order:0:-1]).sum(axis=0) / error
        polynomial[1 : order + 1] = polynomial[1 : order + 1] + reflection * polynomial[order - 1 :: -1][:order]
        error = error * (1 - reflection**2)
    return np.ascontiguousarray(polynomial.T)


def _harmonics(signal: Array, rows: NDArray[np.int64], f0_hz: Array, formants: Array) -> Array:
    """Return H1–H2, H1–A1, H1–A3 in dB: the level of the first harmonic minus those of the second and of the strongest
    harmonics near F1 and F3, shape (3, n_rows)."""
    import scipy.fft

    views, window = framing.frames(signal, _HARMONIC_WINDOW), np.hanning(_HARMONIC_WINDOW)
    # the first two harmonics; and around formants, wide enough to contain at least one harmonic
    groups = (
        (np.stack([f0_hz, 2 * f0_hz], axis=1), 0.25 * f0_hz),
        (np.stack([formants[0], formants[2]], axis=1), np.maximum(0.6 * f0_hz, 100.0)),
    )
    peaks, loudest = np.empty((rows.size, 2 * len(groups))), 0.0
    for start in range(0, rows.size, _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        magnitude = np.abs(scipy.fft.rfft(views[rows[chunk]] * window, _HARMONIC_FFT))
        loudest = max(loudest, float(magnitude.max()))
        for number, (centres_hz, reach_hz) in enumerate(groups):
            peaks[chunk, 2 * number : 2 * number + 2] = _peaks(magnitude, centres_hz[chunk], reach_hz[chunk])
    first, *others = 20 * np.log10(peaks.T + loudest * 1e-6)
    return np.stack([first - other for other in others])


def _peaks(magnitude: Array, centres_hz: Array, reach_hz: Array) -> Array:
    """Return each row's maxima within reach of its centre frequencies, shape (n_rows, n_centres)."""
    bin_hz = framing.RATE_HZ / _HARMONIC_FFT
    lowest = np.maximum(np.round((centres_hz - reach_hz[:, None]) / bin_hz), 0).astype(np.int64)
    last = np.round(2 * reach_hz / bin_hz).astype(np.int64)
    # beyond its own bins, a row takes its last one again
    offsets = np.minimum(np.arange(last.max() + 1), last[:, None])
    bins = np.minimum(lowest[:, :, None] + offsets[:, None], magnitude.shape[1] - 1)
    bins += np.arange(len(magnitude))[:, None, None] * magnitude.shape[1]
    return np.asarray(magnitude.ravel()[bins].max(axis=2))
