"""Low-level descriptors: tracks with one value per 10 ms frame.

Spectra are power spectra of 25 ms Hamming frames. Levels are relative to the clip's level, so that a gain changes only
`Tracks.level_db`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import formants, framing
from tasks.features.sound.pitch import Pitch, pitches
from tasks.features.sound.quantiles import quantiles

Array = NDArray[np.float64]

N_BANDS, N_CEPSTRA = 26, 16
"""26 bands as in HTK and ComParE; cepstra 1–16 (ComParE: 14), without the 0th, which is the level."""
MEL = tuple(f"mel_{band}" for band in range(1, N_BANDS + 1))
MFCC = tuple(f"mfcc_{order}" for order in range(1, N_CEPSTRA + 1))
SOUND = (
    "level",
    "loudness",
    "sharpness",
    "zero_crossings",
    "centroid",
    "spread",
    "skewness",
    "kurtosis",
    "entropy",
    "flatness",
    "flux",
    "rolloff_25",
    "rolloff_50",
    "rolloff_75",
    "rolloff_90",
    "slope",
    "slope_0_500",
    "slope_500_1500",
    "alpha_ratio",
    "hammarberg",
    "share_250_650",
    "share_1000_4000",
    "share_4000_8000",
    "periodicity",
)
VOICE = ("f0", "hnr", *formants.NAMES)

ACTIVE_DB = 30.0
"""Silence below this level under the clip's level is trimmed from both ends."""
_WINDOW, _FFT = 400, 512
_FLOOR_DB = 90.0
"""Floor below the loudest frame: about the dynamic range of 16 bits; the level of digital silence."""
_LEVEL_RANGE_DB = 40.0
"""Frames softer than this do not affect the clip's level: the level of a word in long silence is the word's."""
_FREQUENCIES = np.arange(_FFT // 2 + 1) * framing.RATE_HZ / _FFT
_MIDDLE_HZ = framing.RATE_HZ / 4
_OFFSETS = _FREQUENCIES / _MIDDLE_HZ - 1
"""Frequencies from -1 to 1: central moments follow from raw ones without loss of precision."""
_WHOLE_HZ = (0, framing.RATE_HZ)
_BANDS_HZ = (_WHOLE_HZ, (50, 1000), (1000, 5000), (250, 650), (1000, 4000), (4000, framing.RATE_HZ))
_ROLLOFF_PERCENT, _BLOCK_BINS = (25, 50, 75, 90), 16
_SLOPES_HZ = (_WHOLE_HZ, (0, 500), (500, 1500))
_LARGEST_PRODUCT = 2**18
"""Product of the three dimensions of a matrix product; OpenBLAS uses one thread up to this size."""
_LOWEST_MEL_HZ = 20.0
_F0_REFERENCE_HZ = 100.0


@dataclass(frozen=True)
class Tracks:
    """Descriptors of a clip without silence at either end, shapes (n_tracks, n_frames).

    Attributes:
        mel: log mel energies in dB relative to the clip's level, rows `MEL`
        mfcc: mel-frequency cepstra, rows `MFCC`
        sound: descriptors of all frames, rows `SOUND`; `level` in dB relative to the clip's level
        voice: descriptors of voiced frames, rows `VOICE`; undefined in unvoiced frames
        voiced: whether a frame has a fundamental frequency, shape (n_frames,)
        level_db: the clip's level in dB of full scale: 95th percentile over frames near the loudest
    """

    mel: Array
    mfcc: Array
    sound: Array
    voice: Array
    voiced: NDArray[np.bool_]
    level_db: float


def tracks(signal: Array) -> Tracks:
    """Compute the descriptors of a clip.

    Args:
        signal: samples from `framing.to_16_khz`, shape (n_samples,)

    Example:
        >>> tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
        >>> tracks(tone).mel.shape
        (26, 101)
    """
    return tracks_of([signal])[0]


def tracks_of(signals: Sequence[Array]) -> list[Tracks]:
    """Compute the descriptors of several clips, which takes less time than one by one.

    Args:
        signals: samples from `framing.to_16_khz`

    Returns:
        the descriptors of each clip, which do not depend on the others
    """
    levels = [_levels(signal) for signal in signals]
    spans = [_ends(frame_db) for frame_db, _ in levels]
    fundamentals = pitches(signals, spans)
    voices = formants.tracks(signals, fundamentals)
    return [_joined(*clip) for clip in zip(signals, levels, spans, fundamentals, voices, strict=True)]


def _joined(
    signal: Array, level: tuple[Array, float], span: tuple[int, int], fundamental: Pitch, voice: Mapping[str, Array]
) -> Tracks:
    frame_db, level_db = level
    sounding = slice(*span)
    spectrum = _Spectrum(signal, span, level_db)
    sound = {
        "level": frame_db[sounding],
        "zero_crossings": _zero_crossings(signal)[sounding],
        "periodicity": fundamental.periodicity[sounding],
        **_loudness(spectrum.mel_energies),
        **spectrum.moments(),
        **spectrum.balance(),
    }
    mel = 10 * np.log10(spectrum.mel_energies + spectrum.floor)
    return Tracks(
        mel=np.ascontiguousarray(mel.T),
        mfcc=np.ascontiguousarray(_product(mel, _constants().cosines).T),
        sound=np.array([sound[name] for name in SOUND]),
        voice=_voice(fundamental, voice)[:, sounding],
        voiced=fundamental.voiced[sounding],
        level_db=level_db,
    )


def _levels(signal: Array) -> tuple[Array, float]:
    """Return frame levels in dB relative to the clip's level, and the clip's level in dB of full scale."""
    # sums over fifths of frames, half a hop long
    parts = _padded(signal).reshape(-1, framing.HOP // 2)
    squares = np.einsum("ij,ij->i", parts, parts)
    mean_square = np.lib.stride_tricks.sliding_window_view(squares, 5)[::2].sum(axis=1) / _WINDOW
    decibels = 10 * np.log10(np.maximum(mean_square, mean_square.max() * 10 ** (-_FLOOR_DB / 10)))
    (level,) = quantiles(np.sort(decibels[decibels > decibels.max() - _LEVEL_RANGE_DB]), [0.95])
    return decibels - level, float(level)


def _padded(signal: Array) -> Array:
    """Return the samples of all frames, with zeros at both ends; frame k starts at k hops."""
    padded = np.zeros((framing.count(signal) - 1) * framing.HOP + _WINDOW)
    inside = signal[: padded.size - _WINDOW // 2]
    padded[_WINDOW // 2 : _WINDOW // 2 + inside.size] = inside
    return padded


def _zero_crossings(signal: Array) -> Array:
    """Return the share of neighbouring samples of a frame whose signs differ."""
    negative = np.signbit(_padded(signal))
    places = np.flatnonzero(negative[1:] != negative[:-1])
    starts = np.arange(framing.count(signal)) * framing.HOP
    first, end = np.searchsorted(places, [starts, starts + _WINDOW - 1])
    return np.asarray((end - first) / (_WINDOW - 1))


def _ends(frame_db: Array) -> tuple[int, int]:
    sounding = np.flatnonzero(frame_db > -ACTIVE_DB)
    return int(sounding[0]), int(sounding[-1]) + 1


@dataclass(frozen=True)
class _Constants:
    """Matrices by which spectra are multiplied.

    Attributes:
        window: shape (_WINDOW,)
        sums: mel filters, powers 0–4 of the frequency, and energy bands `_BANDS_HZ`, shape (n_bins, n_sums)
        totals: sums over the bins of the columns of `sums`
        slopes: regression onto kHz over each of `_SLOPES_HZ`, and the mean over all bins, shape (n_bins, n_slopes)
        cosines: discrete cosine transform of mel bands, orthonormal, shape (N_BANDS, N_CEPSTRA)
        sharpness: weight of each mel band in the sharpness, shape (N_BANDS, 1)
    """

    window: Array
    sums: Array
    totals: Array
    slopes: Array
    cosines: Array
    sharpness: Array


@lru_cache(maxsize=1)
def _constants() -> _Constants:
    bank = _mel_bank()
    bands = [_within(*edges_hz) for edges_hz in _BANDS_HZ]
    powers = [_OFFSETS**power for power in range(5)]
    sums = np.ascontiguousarray(np.stack([*bank, *powers, *bands], axis=1))
    centres = (bank * _FREQUENCIES).sum(axis=1) / bank.sum(axis=1)
    # Traunmüller (1990), "Analytical expressions for the tonotopic sensory scale", JASA 88(1)
    bark = 26.81 * centres / (1960 + centres) - 0.53
    weight = np.where(bark < 16, 1.0, 0.066 * np.exp(0.171 * bark))
    orders, bands_at = np.arange(1, N_CEPSTRA + 1), np.arange(N_BANDS)[:, None] + 0.5
    mean = np.full(_FREQUENCIES.size, 1 / _FREQUENCIES.size)
    return _Constants(
        window=np.hamming(_WINDOW),
        sums=sums,
        totals=sums.sum(axis=0),
        slopes=np.stack([*(_regression(*edges_hz) for edges_hz in _SLOPES_HZ), mean], axis=1),
        cosines=np.cos(np.pi / N_BANDS * bands_at * orders) * np.sqrt(2 / N_BANDS),
        sharpness=(bark * weight)[:, None],
    )


def _within(lowest_hz: float, highest_hz: float) -> NDArray[np.bool_]:
    return (lowest_hz <= _FREQUENCIES) & (highest_hz > _FREQUENCIES)


def _regression(lowest_hz: float, highest_hz: float) -> Array:
    """Return weights whose product with levels in dB is their slope in dB/kHz within a band, shape (n_bins,)."""
    chosen = _within(lowest_hz, highest_hz)
    khz = np.where(chosen, _FREQUENCIES - _FREQUENCIES[chosen].mean(), 0.0) / 1000
    return np.asarray(khz / np.sum(khz**2))


def _mel_bank() -> Array:
    """Return triangular filters on the mel scale 2595 log10(1 + f / 700) (HTK Book, eq. 5.13), (n_bands, n_bins)."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (_LOWEST_MEL_HZ, framing.RATE_HZ / 2))
    edges = 700 * (10 ** (np.linspace(lowest, highest, N_BANDS + 2) / 2595) - 1)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (_FREQUENCIES - below) / (centre - below), (above - _FREQUENCIES) / (above - centre)
    bank: Array = np.maximum(0, np.minimum(rising, falling))
    return bank


def _product(rows: Array, matrix: Array) -> Array:
    """Return `rows @ matrix`, in blocks that are small enough for BLAS to use one thread.

    Its sums depend on the number of threads.
    """
    at_once = max(1, _LARGEST_PRODUCT // matrix.size)
    if len(rows) <= at_once:
        return np.asarray(rows @ matrix)
    return np.concatenate([rows[start : start + at_once] @ matrix for start in range(0, len(rows), at_once)])


def _loudness(mel_energies: Array) -> dict[str, Array]:
    """Return loudness (power law of hearing) and sharpness (centroid of loudness with emphasised high bands).

    Hermansky (1990), "Perceptual linear predictive (PLP) analysis of speech", JASA 87(4), section on the power law;
    Zwicker & Fastl (1999), "Psychoacoustics", section 9.1, with the weights of openSMILE.
    """
    specific = np.cbrt(mel_energies)
    loudness = specific.sum(axis=1)
    weighted = _product(specific, _constants().sharpness)[:, 0]
    return {"loudness": loudness, "sharpness": np.divide(weighted, loudness, out=weighted * 0, where=loudness > 0)}


class _Spectrum:
    """Power spectra of a clip's frames relative to its level, and what follows from them.

    Args:
        signal: samples, shape (n_samples,)
        span: first frame, and the end
        level_db: level of the clip in dB of full scale

    Attributes:
        mel_energies: shape (n_frames, N_BANDS)
        floor: power of digital silence in each mel band
    """

    def __init__(self, signal: Array, span: tuple[int, int], level_db: float) -> None:
        import scipy.fft

        constants, first = _constants(), max(span[0] - 1, 0)
        # the spectrum before the first frame as well, for its flux
        self._n_before = span[0] - first
        frames = framing.frames(signal, _WINDOW)[first : span[1]]
        window = constants.window / np.sqrt(np.sum(constants.window**2) * 10 ** (level_db / 10))
        spectrum = scipy.fft.rfft(frames * window, _FFT)
        self._power = spectrum.real**2 + spectrum.imag**2
        sums = _product(self._power, constants.sums)
        self.mel_energies = sums[self._n_before :, :N_BANDS]
        self.floor = float(self.mel_energies.sum(axis=1).max() * 10 ** (-_FLOOR_DB / 10))
        # the floor of the mel energies, distributed over the bins, keeps logarithms and divisions finite
        floor = self.floor * N_BANDS / _FREQUENCIES.size
        self._power += floor
        self._total = sums[:, N_BANDS] + floor * constants.totals[N_BANDS]
        self._sums = (sums + floor * constants.totals)[self._n_before :].T
        self._decibels = 10 * np.log10(self._power[self._n_before :])
        self._slopes = _product(self._decibels, constants.slopes).T

    def moments(self) -> dict[str, Array]:
        """Return moments, flatness, roll-off, entropy and flux of the power spectrum.

        Peeters (2004), "A large set of audio features for sound description"; entropy: Misra et al. (2004),
        "Spectral entropy based feature for robust ASR"; flux: Scheirer & Slaney (1997), over spectra of unit length.
        """
        power, total = self._power[self._n_before :], self._total[self._n_before :]
        mean, square, cube, fourth = self._sums[N_BANDS + 1 : N_BANDS + 5] / total
        variance = square - mean**2
        third = cube - 3 * mean * square + 2 * mean**3
        fourth = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
        weighted_db = np.einsum("ij,ij->i", power, self._decibels) / total
        total_db = 10 * np.log10(total)
        return {
            "centroid": _MIDDLE_HZ * (1 + mean),
            "spread": _MIDDLE_HZ * np.sqrt(variance),
            "skewness": third / variance**1.5,
            "kurtosis": fourth / variance**2,
            "entropy": np.log2(10) / 10 * (total_db - weighted_db),
            "flatness": self._slopes[-1] - total_db + 10 * np.log10(_FREQUENCIES.size),
            "flux": self._flux(),
            **_rolloffs(power, total),
        }

    def _flux(self) -> Array:
        shape = np.sqrt(self._power)
        shape /= np.sqrt(self._total)[:, None]
        change = shape[1:] - shape[:-1]
        flux = np.sqrt(np.einsum("ij,ij->i", change, change))
        return flux if self._n_before else np.append(0.0, flux)

    def balance(self) -> dict[str, Array]:
        """Return spectral balance: slopes in dB/kHz, energy ratios in dB (Eyben et al. 2016, "GeMAPS", section 3)."""
        levels = dict(zip(_BANDS_HZ, 10 * np.log10(self._sums[N_BANDS + 5 :]), strict=True))
        slope, slope_0_500, slope_500_1500, _ = self._slopes

        def peak(lowest_hz: float, highest_hz: float) -> Array:
            chosen = np.flatnonzero(_within(lowest_hz, highest_hz))
            return np.asarray(self._decibels[:, chosen[0] : chosen[-1] + 1].max(axis=1))

        whole = levels[_WHOLE_HZ]
        return {
            "slope": slope,
            "slope_0_500": slope_0_500,
            "slope_500_1500": slope_500_1500,
            "alpha_ratio": levels[50, 1000] - levels[1000, 5000],
            "hammarberg": peak(0, 2000) - peak(2000, 5000),
            "share_250_650": levels[250, 650] - whole,
            "share_1000_4000": levels[1000, 4000] - whole,
            "share_4000_8000": levels[4000, framing.RATE_HZ] - whole,
        }


def _rolloffs(power: Array, total: Array) -> dict[str, Array]:
    """Return the frequencies below which shares of the power lie."""
    # cumulative sums over blocks of bins, and within the block in which a share is reached
    starts = np.arange(0, _FREQUENCIES.size, _BLOCK_BINS)
    blocks = np.cumsum(np.add.reduceat(power, starts, axis=1), axis=1)
    limits = np.array(_ROLLOFF_PERCENT)[:, None] / 100 * total
    block = np.minimum((blocks < limits[:, :, None]).sum(axis=2), starts.size - 1)
    rows = np.arange(len(power))
    before = np.where(block > 0, blocks[rows, block - 1], 0.0)
    bins = np.minimum(block[:, :, None] * _BLOCK_BINS + np.arange(_BLOCK_BINS), _FREQUENCIES.size - 1)
    below = before[:, :, None] + np.cumsum(power[rows[:, None], bins], axis=2)
    reached = block * _BLOCK_BINS + (below < limits[:, :, None]).sum(axis=2)
    frequencies = _FREQUENCIES[np.minimum(reached, _FREQUENCIES.size - 1)]
    return {f"rolloff_{percent}": track for percent, track in zip(_ROLLOFF_PERCENT, frequencies, strict=True)}


def _voice(fundamental: Pitch, formant_tracks: Mapping[str, Array]) -> Array:
    """Return F0 in semitones above 100 Hz, harmonics-to-noise ratio in dB (Boersma 1993), and formant tracks."""
    # clipped to keep the ratio finite: -30 dB to 50 dB
    harmonic = np.clip(fundamental.harmonicity, 1e-3, 1 - 1e-5)
    by_name = {
        "f0": 12 * np.log2(np.where(fundamental.voiced, fundamental.f0_hz, _F0_REFERENCE_HZ) / _F0_REFERENCE_HZ),
        "hnr": 10 * np.log10(harmonic / (1 - harmonic)),
        **formant_tracks,
    }
    return np.array([by_name[name] for name in VOICE])
