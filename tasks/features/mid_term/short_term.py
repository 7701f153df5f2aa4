"""pyAudioAnalysis's 34 short-term features and their deltas, vectorised over many signals.

Definitions of pyAudioAnalysis 0.3.14 (`ShortTermFeatures.feature_extraction`; Giannakopoulos 2015, PLoS ONE 10(12),
table 1), including its peculiarities: each signal is centred and scaled by its peak, mel filters span half as many bins
as they assume, and only the last bin of each semitone counts. Sums over bins are matrix products; frames are processed
in chunks that fit into a core's cache.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError, ConfigError

NAMES = (
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
WITH_DELTAS = (*NAMES, *(f"delta {name}" for name in NAMES))

_EPS = sys.float_info.epsilon
_FULL_SCALE = 2.0**15
_LEAST_PEAK = 1e-10
_BLOCKS = 10
"""Sub-frames, and parts of the spectrum, over which entropies are computed."""
_ROLLOFF_SHARE = 0.9
_MEL_LOWEST_HZ, _MEL_LINEAR_HZ, _MEL_RATIO, _N_LINEAR, _N_LOG = 133.33, 200 / 3, 1.0711703, 13, 27
"""Slaney (1998), "Auditory Toolbox", Technical Report 1998-010, with the ratio of scikits.talkbox."""
_N_MFCC = 13
_CHROMA_HZ, _N_CHROMA = 27.5, 12
_CHUNK_BYTES = 1 << 19
"""Size of a chunk of frames; with its spectra it fits into a core's cache."""
_MFCC, _CHROMA = slice(8, 21), slice(21, 33)

Array = NDArray[np.float64]
Int16Samples = NDArray[np.int16]


def short_term(signal: Int16Samples, rate_hz: int, window: int, step: int) -> Array:
    """Compute the short-term features of one signal.

    Args:
        signal: mono samples, int16, shape (n_samples,)
        rate_hz: sampling rate in Hz
        window: frame length in samples
        step: step between frames in samples

    Returns:
        features in the order of `WITH_DELTAS`, float64, shape (68, n_frames)

    Raises:
        AudioError: if the signal is shorter than a frame
        ConfigError: if frames are unsuitable for pyAudioAnalysis's filters: the highest mel filter ends at 6.9 kHz, and
            the resolution must separate semitones

    Example:
        >>> import numpy as np
        >>> tone = (9000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
        >>> short_term(tone, 16_000, 800, 800).shape
        (68, 20)
    """
    if signal.size < window:
        raise AudioError(f"{signal.size} samples of sound, shorter than a frame of {window}")
    return short_terms([signal], rate_hz, window, step)[0].T


def short_terms(
    signals: Sequence[Int16Samples], rate_hz: int, window: int, step: int
) -> tuple[Array, NDArray[np.int64]]:
    """Compute the short-term features of many signals.

    Args:
        signals: mono samples, int16, each of shape (n_samples,)
        rate_hz: common sampling rate in Hz
        window: frame length in samples
        step: step between frames in samples

    Returns:
        features in the order of `WITH_DELTAS`, shape (n_frames of all signals, 68); and frames per signal, shape
        (n_signals,), 0 for signals shorter than a frame

    Raises:
        ConfigError: see `short_term`
    """
    counts = np.array([max(0, (signal.size - window) // step + 1) for signal in signals], dtype=np.int64)
    features = np.empty((int(counts.sum()), len(WITH_DELTAS)))
    n, filters = len(NAMES), _filters(rate_hz, window)
    firsts = (counts.cumsum() - counts)[counts > 0]
    at, before = 0, None
    for frames in _chunks(signals, counts, window, step):
        before = _describe(frames, filters, before, features[at : at + len(frames), :n])
        at += len(frames)
    # the first frame of each signal has no predecessor
    features[firsts, NAMES.index("spectral_flux")] = 0.0
    np.subtract(features[1:, :n], features[:-1, :n], out=features[1:, n:])
    features[firsts, n:] = 0.0
    return features, counts


@dataclass(frozen=True)
class _Filters:
    """Constant matrices that spectra are multiplied with.

    Args:
        n_bins: number of bins, from 0 Hz
        hz: frequency of each bin in pyAudioAnalysis's convention, relative to half the sampling rate, shape (n_bins,)
        moments: columns 1, hz, hz², shape (n_bins, 3)
        mel: mel filters without the zero rows of high bins, shape (n_mel_bins, 40)
        cosines: DCT from mel bands to MFCC, shape (40, 13)
        chroma: energies of bins → chroma, shape (n_bins, 12)
    """

    n_bins: int
    hz: Array
    moments: Array
    mel: Array
    cosines: Array
    chroma: Array


@lru_cache(maxsize=8)
def _filters(rate_hz: int, window: int) -> _Filters:
    from scipy.fft import dct

    n_bins = window // 2
    highest_hz = _mel_edges_hz()[-1]
    if highest_hz > rate_hz * (n_bins - 1) / max(1, n_bins):
        raise ConfigError(f"a rate of {rate_hz} Hz is too low for mel filters that reach up to {highest_hz:.0f} Hz")
    mel = _mel(rate_hz, n_bins)
    n_mel_bins = int(np.flatnonzero(mel.any(axis=0)).max(initial=0)) + 1
    hz = np.arange(1, n_bins + 1) / n_bins
    return _Filters(
        n_bins=n_bins,
        hz=hz,
        moments=np.stack([np.ones(n_bins), hz, hz * hz], axis=1),
        mel=np.ascontiguousarray(mel[:, :n_mel_bins].T),
        cosines=np.ascontiguousarray(dct(np.eye(len(mel)), type=2, norm="ortho", axis=0)[:_N_MFCC].T),
        chroma=_chroma(rate_hz, n_bins),
    )


def _mel_edges_hz() -> Array:
    linear = _MEL_LOWEST_HZ + np.arange(_N_LINEAR) * _MEL_LINEAR_HZ
    return np.append(linear, linear[-1] * _MEL_RATIO ** np.arange(1, _N_LOG + 3))


def _mel(rate_hz: int, n_bins: int) -> Array:
    """Return triangular filters, shape (40, n_bins); as in pyAudioAnalysis, as if bins reached the sampling rate."""
    edges = _mel_edges_hz()
    hz = np.arange(n_bins) / n_bins * rate_hz
    bank = np.zeros((len(edges) - 2, n_bins))
    for row, low, centre, high in zip(bank, edges, edges[1:], edges[2:], strict=False):
        height = 2.0 / (high - low)
        a, b, c = (int(np.floor(edge * n_bins / rate_hz)) + 1 for edge in (low, centre, high))
        row[a:b] = height / (centre - low) * (hz[a:b] - low)
        row[b:c] = height / (high - centre) * (high - hz[b:c])
    return bank


def _chroma(rate_hz: int, n_bins: int) -> Array:
    """Return the weight of each bin's energy in each of twelve pitch classes, shape (n_bins, 12).

    Semitones are counted from 27.5 Hz. Lower ones are negative, which pyAudioAnalysis uses as indices from the end.

    Raises:
        ConfigError: if there are fewer bins than semitones, where pyAudioAnalysis fails
    """
    semitones = np.round(12.0 * np.log2(np.arange(1, n_bins + 1) * rate_hz / (2 * n_bins) / _CHROMA_HZ)).astype(int)
    if semitones.max() >= n_bins or semitones.min() < -n_bins:
        raise ConfigError(
            f"frames of {2 * n_bins} samples at {rate_hz} Hz are too short to tell semitones apart; lengthen them"
        )
    _, which, sizes = np.unique(semitones, return_inverse=True, return_counts=True)
    # pyAudioAnalysis assigns bins to places by fancy indexing: the last bin of each place wins. It is then divided by
    # the number of bins that share the semitone of bin `semitones[place]`
    last_bins = {int(semitone) % n_bins: bin_ for bin_, semitone in enumerate(semitones)}
    weights = np.zeros((n_bins, _N_CHROMA))
    for place, bin_ in last_bins.items():
        weights[bin_, place % _N_CHROMA] += 1.0 / sizes[which][semitones[place]]
    return weights


def _chunks(signals: Sequence[Int16Samples], counts: NDArray[np.int64], window: int, step: int) -> Iterator[Array]:
    """Yield chunks of all signals' frames, centred and scaled, shape (n_frames, window), in a reused buffer.

    Chunk boundaries depend only on frame counts, so that rounding is reproducible.
    """
    n_chunk = max(16, _CHUNK_BYTES // (8 * window))
    buffer = np.empty((n_chunk, window))
    filled = 0
    for signal, count in zip(signals, counts.tolist(), strict=True):
        if not count:
            continue
        # integer sums are exact, so that the mean is correctly rounded
        mean = int(signal.sum(dtype=np.int64)) / signal.size
        peak = max(int(signal.max()) - mean, mean - int(signal.min())) / _FULL_SCALE
        frames = np.lib.stride_tricks.sliding_window_view(signal, window)[::step]
        at = 0
        while at < count:
            n = min(count - at, n_chunk - filled)
            target = buffer[filled : filled + n]
            np.subtract(frames[at : at + n], mean, out=target)
            target *= 1.0 / (_FULL_SCALE * (peak + _LEAST_PEAK))
            at, filled = at + n, filled + n
            if filled == n_chunk:
                yield buffer
                filled = 0
    if filled:
        yield buffer[:filled]


@dataclass(frozen=True)
class _Spectrum:
    """Spectrum of the preceding frame: magnitudes, shape (n_bins,), their sum and the sum of their squares."""

    magnitude: Array
    size: float
    energy: float


def _describe(frames: Array, filters: _Filters, before: _Spectrum | None, out: Array) -> _Spectrum:
    """Write the features of a chunk into `out`, shape (n_frames, 34); return the spectrum of its last frame."""
    power, magnitude = _spectra(frames, filters.n_bins)
    energy = power.sum(axis=1)
    size, first, second = (magnitude @ filters.moments).T
    whole = np.maximum(size, _EPS)
    centroid = first / whole
    out[:, 0] = _zero_crossings(frames)
    out[:, 1], out[:, 2] = _energy(frames)
    out[:, 3] = centroid
    out[:, 4] = np.sqrt(np.maximum((second - centroid * (2 * first - centroid * size)) / whole, 0.0))
    out[:, 5] = _entropy(_blocks(power).sum(axis=2), energy)
    last = _Spectrum(magnitude[-1].copy(), float(size[-1]), float(energy[-1]))
    out[:, 6] = _flux(magnitude, size + filters.n_bins * _EPS, energy, before or last)
    out[:, 7] = _rolloff(power, energy)
    n_mel = len(filters.mel)
    out[:, _MFCC] = np.log10(magnitude[:, :n_mel] @ filters.mel + _EPS) @ filters.cosines
    chroma = (power @ filters.chroma) / np.where(energy > 0, energy, _EPS)[:, None]
    out[:, _CHROMA], out[:, -1] = chroma, chroma.std(axis=1)
    return last


def _spectra(frames: Array, n_bins: int) -> tuple[Array, Array]:
    """Return powers and magnitudes of the lower half of the spectrum, shape (n_frames, n_bins)."""
    from scipy.fft import rfft

    spectrum = rfft(frames)[:, :n_bins]
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    power *= 1.0 / n_bins**2
    return power, np.sqrt(power)


def _zero_crossings(frames: Array) -> Array:
    """Return the share of sign changes between samples; a change from or to 0 counts half."""
    signs = (frames > 0).view(np.int8) - (frames < 0).view(np.int8)
    steps = np.abs(signs[:, 1:] - signs[:, :-1]).sum(axis=1, dtype=np.int64)
    rates: Array = steps / 2 / (frames.shape[1] - 1.0)
    return rates


def _energy(frames: Array) -> tuple[Array, Array]:
    """Return the mean energy per sample and the entropy of the energies of sub-frames."""
    parts = _blocks(frames)
    energies = np.einsum("fbs,fbs->fb", parts, parts)
    rest = frames[:, parts.shape[1] * parts.shape[2] :]
    energy = energies.sum(axis=1) + np.einsum("fs,fs->f", rest, rest)
    return energy / frames.shape[1], _entropy(energies, energy)


def _blocks(rows: Array) -> Array:
    """Split rows into ten parts of equal length; drop the remainder; shape (n_rows, 10, n)."""
    n = rows.shape[1] // _BLOCKS
    return rows[:, : n * _BLOCKS].reshape(len(rows), _BLOCKS, n)


def _entropy(energies: Array, energy: Array) -> Array:
    shares = energies / (energy + _EPS)[:, None]
    entropies: Array = -np.einsum("fb,fb->f", shares, np.log2(shares + _EPS))
    return entropies


def _flux(magnitude: Array, size: Array, energy: Array, before: _Spectrum) -> Array:
    """Return the squared distance of each spectrum, scaled to sum 1, from the preceding one.

    Expanded as |a|² + |b|² - 2ab, so that scaled spectra need not be stored.
    """
    previous_size = np.append(before.size + magnitude.shape[1] * _EPS, size[:-1])
    products = np.append(before.magnitude @ magnitude[0], np.einsum("fb,fb->f", magnitude[1:], magnitude[:-1]))
    own, previous = energy / size**2, np.append(before.energy, energy[:-1]) / previous_size**2
    flux: Array = np.maximum(own + previous - 2 * products / (size * previous_size), 0.0)
    return flux


def _rolloff(power: Array, energy: Array) -> Array:
    """Return the frequency below which 90 % of the energy lies, as a share of the bins."""
    reached = np.cumsum(power, axis=1)
    reached += _EPS
    shares: Array = (reached > _ROLLOFF_SHARE * energy[:, None]).argmax(axis=1) / power.shape[1]
    return shares
