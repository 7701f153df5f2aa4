"""pyAudioAnalysis's 34 short-term features and their deltas, of many signals at once, by operations on whole arrays.

The definitions are those of pyAudioAnalysis 0.3.14 (`ShortTermFeatures.feature_extraction`; Giannakopoulos 2015, PLoS
ONE 10(12), table 1), with all that is peculiar to them: a signal is centred and scaled by its own peak, filters are
laid out over half as many bins as they assume, of the bins of one semitone the last counts. What a sum over bins is
there, is a matrix product here; frames go through in chunks that stay in a core's cache.
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
"""Parts of a frame, and of its spectrum, whose energies an entropy is of."""
_ROLLOFF_SHARE = 0.9
_MEL_LOWEST_HZ, _MEL_LINEAR_HZ, _MEL_RATIO, _N_LINEAR, _N_LOG = 133.33, 200 / 3, 1.0711703, 13, 27
"""Slaney (1998), "Auditory Toolbox", Technical Report 1998-010, with the ratio of scikits.talkbox."""
_N_MFCC = 13
_CHROMA_HZ, _N_CHROMA = 27.5, 12
_CHUNK_BYTES = 1 << 19
"""Of frames, beside whose spectra a core's cache has room."""
_MFCC, _CHROMA = slice(8, 21), slice(21, 33)

Array = NDArray[np.float64]
Int16Samples = NDArray[np.int16]


def short_term(signal: Int16Samples, rate_hz: int, window: int, step: int) -> Array:
    """Return the short-term features of one signal.

    Args:
        signal: 16-bit samples, mono, shape (n_samples,)
        rate_hz: sampling rate of the signal
        window: length of a frame in samples
        step: from frame to frame, in samples

    Returns:
        features in the order of `WITH_DELTAS`, shape (68, n_frames)

    Raises:
        AudioError: if the signal is shorter than a frame
        ConfigError: if pyAudioAnalysis's filters do not fit such frames: the highest reaches up to 6.9 kHz, and a frame
            must tell semitones apart

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
    """Return the short-term features of many signals, one below the other.

    Args:
        signals: 16-bit samples, mono, each of shape (n_samples,)
        rate_hz: their sampling rate
        window: length of a frame in samples
        step: from frame to frame, in samples

    Returns:
        features in the order of `WITH_DELTAS`, shape (n_frames of all signals, 68), and the number of frames of each
        signal, 0 for one that is shorter than a frame, shape (n_signals,)

    Raises:
        ConfigError: if pyAudioAnalysis's filters do not fit such frames
    """
    counts = np.array([max(0, (one.size - window) // step + 1) for one in signals], dtype=np.int64)
    found = np.empty((int(counts.sum()), len(WITH_DELTAS)))
    n, filters = len(NAMES), _filters(rate_hz, window)
    firsts = (counts.cumsum() - counts)[counts > 0]
    at, before = 0, None
    for frames in _chunks(signals, counts, window, step):
        before = _describe(frames, filters, before, found[at : at + len(frames), :n])
        at += len(frames)
    # a signal's first frame has none before it
    found[firsts, NAMES.index("spectral_flux")] = 0.0
    np.subtract(found[1:, :n], found[:-1, :n], out=found[1:, n:])
    found[firsts, n:] = 0.0
    return found, counts


@dataclass(frozen=True)
class _Filters:
    """What the spectra of frames are multiplied with.

    Args:
        n_bins: of a spectrum, from 0 Hz on
        hz: middle of each bin as pyAudioAnalysis has it, as a share of half the sampling rate, shape (n_bins,)
        moments: 1, that and its square, shape (n_bins, 3)
        mel: shape (n_mel_bins, 40); bins above those belong to no filter
        cosines: mel bands → MFCC, shape (40, 13)
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
    """Return triangular filters, shape (40, n_bins), laid out as if `n_bins` bins reached up to the sampling rate."""
    edges = _mel_edges_hz()
    hz = np.arange(n_bins) / n_bins * rate_hz
    found = np.zeros((len(edges) - 2, n_bins))
    for row, low, centre, high in zip(found, edges, edges[1:], edges[2:], strict=False):
        height = 2.0 / (high - low)
        a, b, c = (int(np.floor(edge * n_bins / rate_hz)) + 1 for edge in (low, centre, high))
        row[a:b] = height / (centre - low) * (hz[a:b] - low)
        row[b:c] = height / (high - centre) * (high - hz[b:c])
    return found


def _chroma(rate_hz: int, n_bins: int) -> Array:
    """Return how much of each bin's energy goes into each of twelve pitch classes, shape (n_bins, 12).

    Semitones count from 27.5 Hz. Those below have negative numbers, which in pyAudioAnalysis stand at the array's end.

    Raises:
        ConfigError: if there are fewer bins than semitones: pyAudioAnalysis fails there
    """
    semitones = np.round(12.0 * np.log2(np.arange(1, n_bins + 1) * rate_hz / (2 * n_bins) / _CHROMA_HZ)).astype(int)
    if semitones.max() >= n_bins or semitones.min() < -n_bins:
        raise ConfigError(
            f"frames of {2 * n_bins} samples at {rate_hz} Hz are too short to tell semitones apart; lengthen them"
        )
    _, which, sizes = np.unique(semitones, return_inverse=True, return_counts=True)
    # the bin that comes last stands for its place, and is divided by the size of the semitone of the place's own bin
    standing = {int(semitone) % n_bins: bin_ for bin_, semitone in enumerate(semitones)}
    found = np.zeros((n_bins, _N_CHROMA))
    for place, bin_ in standing.items():
        found[bin_, place % _N_CHROMA] += 1.0 / sizes[which][semitones[place]]
    return found


def _chunks(signals: Sequence[Int16Samples], counts: NDArray[np.int64], window: int, step: int) -> Iterator[Array]:
    """Yield chunks of all signals' frames, centred and scaled, shape (n_frames, window); each overwrites the last.

    Chunks begin at the same frames whoever asks, so that sums come out the same.
    """
    n_chunk = max(16, _CHUNK_BYTES // (8 * window))
    room = np.empty((n_chunk, window))
    filled = 0
    for signal, count in zip(signals, counts.tolist(), strict=True):
        if not count:
            continue
        # sums of 16-bit numbers are exact, so that this is the mean to the last bit
        mean = int(signal.sum(dtype=np.int64)) / signal.size
        peak = max(int(signal.max()) - mean, mean - int(signal.min())) / _FULL_SCALE
        frames = np.lib.stride_tricks.sliding_window_view(signal, window)[::step]
        at = 0
        while at < count:
            n = min(count - at, n_chunk - filled)
            into = room[filled : filled + n]
            np.subtract(frames[at : at + n], mean, out=into)
            into *= 1.0 / (_FULL_SCALE * (peak + _LEAST_PEAK))
            at, filled = at + n, filled + n
            if filled == n_chunk:
                yield room
                filled = 0
    if filled:
        yield room[:filled]


@dataclass(frozen=True)
class _Spectrum:
    """The spectrum of the frame before: magnitudes, shape (n_bins,), their sum and the sum of their squares."""

    magnitude: Array
    size: float
    energy: float


def _describe(frames: Array, filters: _Filters, before: _Spectrum | None, out: Array) -> _Spectrum:
    """Write the features of a chunk's frames into `out`, shape (n_frames, 34); return its last frame's spectrum."""
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
    """Return the share of steps between samples that change the sign; to or from a zero counts half."""
    signs = (frames > 0).view(np.int8) - (frames < 0).view(np.int8)
    steps = np.abs(signs[:, 1:] - signs[:, :-1]).sum(axis=1, dtype=np.int64)
    found: Array = steps / 2 / (frames.shape[1] - 1.0)
    return found


def _energy(frames: Array) -> tuple[Array, Array]:
    """Return the mean energy of a sample, and the entropy of the energies of a frame's parts."""
    parts = _blocks(frames)
    energies = np.einsum("fbs,fbs->fb", parts, parts)
    rest = frames[:, parts.shape[1] * parts.shape[2] :]
    energy = energies.sum(axis=1) + np.einsum("fs,fs->f", rest, rest)
    return energy / frames.shape[1], _entropy(energies, energy)


def _blocks(rows: Array) -> Array:
    """Return rows in ten parts of one length, without what is left over, shape (n_rows, 10, n)."""
    n = rows.shape[1] // _BLOCKS
    return rows[:, : n * _BLOCKS].reshape(len(rows), _BLOCKS, n)


def _entropy(energies: Array, energy: Array) -> Array:
    shares = energies / (energy + _EPS)[:, None]
    found: Array = -np.einsum("fb,fb->f", shares, np.log2(shares + _EPS))
    return found


def _flux(magnitude: Array, size: Array, energy: Array, before: _Spectrum) -> Array:
    """Return the squared distance of each spectrum, scaled to a sum of 1, from the one before it."""
    previous_size = np.append(before.size + magnitude.shape[1] * _EPS, size[:-1])
    together = np.append(before.magnitude @ magnitude[0], np.einsum("fb,fb->f", magnitude[1:], magnitude[:-1]))
    own, previous = energy / size**2, np.append(before.energy, energy[:-1]) / previous_size**2
    found: Array = np.maximum(own + previous - 2 * together / (size * previous_size), 0.0)
    return found


def _rolloff(power: Array, energy: Array) -> Array:
    """Return the share of bins below the first at which nine tenths of the energy are reached."""
    reached = np.cumsum(power, axis=1)
    reached += _EPS
    found: Array = (reached > _ROLLOFF_SHARE * energy[:, None]).argmax(axis=1) / power.shape[1]
    return found
