"""Low-level descriptors: tracks with one value per 10 ms frame.

Spectra are power spectra of 25 ms Hamming frames. Levels are relative to the clip's level, so that a gain changes only
`Tracks.level_db`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import formants, framing
from tasks.features.sound.pitch import Pitch, pitch

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
    import scipy.fft

    frames = framing.frames(signal, _WINDOW)
    frame_db, level_db = _levels(frames)
    window = np.hamming(_WINDOW)
    power = np.abs(scipy.fft.rfft(frames * window, _FFT)) ** 2 / np.sum(window**2)
    power /= 10 ** (level_db / 10)
    mel_energies = _weighted(power, _mel_bank())
    floor = mel_energies.sum(axis=1).max() * 10 ** (-_FLOOR_DB / 10)
    mel = 10 * np.log10(mel_energies + floor)
    fundamental = pitch(signal)
    sound = {
        "level": frame_db,
        "zero_crossings": np.diff(np.signbit(frames), axis=1).mean(axis=1),
        "periodicity": fundamental.periodicity,
        **_loudness(mel_energies),
        # the floor of the mel energies, distributed over the bins, keeps logarithms and divisions finite
        **_moments(floored := power + floor * N_BANDS / _FREQUENCIES.size),
        **_balance(floored),
    }
    sounding = slice(*_ends(frame_db))
    return Tracks(
        mel=mel.T[:, sounding],
        mfcc=scipy.fft.dct(mel, axis=1, norm="ortho")[:, 1 : N_CEPSTRA + 1].T[:, sounding],
        sound=np.array([sound[name][sounding] for name in SOUND]),
        voice=_voice(signal, fundamental)[:, sounding],
        voiced=fundamental.voiced[sounding],
        level_db=level_db,
    )


def _levels(frames: Array) -> tuple[Array, float]:
    """Return frame levels in dB relative to the clip's level, and the clip's level in dB of full scale."""
    mean_square = np.mean(frames**2, axis=1)
    decibels = 10 * np.log10(np.maximum(mean_square, mean_square.max() * 10 ** (-_FLOOR_DB / 10)))
    level = float(np.percentile(decibels[decibels > decibels.max() - _LEVEL_RANGE_DB], 95))
    return decibels - level, level


def _ends(frame_db: Array) -> tuple[int, int]:
    sounding = np.flatnonzero(frame_db > -ACTIVE_DB)
    return int(sounding[0]), int(sounding[-1]) + 1


def _mel_bank() -> Array:
    """Return triangular filters on the mel scale 2595 log10(1 + f / 700) (HTK Book, eq. 5.13), (n_bands, n_bins)."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (_LOWEST_MEL_HZ, framing.RATE_HZ / 2))
    edges = 700 * (10 ** (np.linspace(lowest, highest, N_BANDS + 2) / 2595) - 1)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (_FREQUENCIES - below) / (centre - below), (above - _FREQUENCIES) / (above - centre)
    bank: Array = np.maximum(0, np.minimum(rising, falling))
    return bank


def _weighted(rows: Array, weights: Array) -> Array:
    """Return `rows @ weights.T`; einsum, since BLAS's sums depend on its number of threads."""
    return np.asarray(np.einsum("ri,...i->r...", rows, weights))


def _loudness(mel_energies: Array) -> dict[str, Array]:
    """Return loudness (power law of hearing) and sharpness (centroid of loudness with emphasised high bands).

    Hermansky (1990), "Perceptual linear predictive (PLP) analysis of speech", JASA 87(4), section on the power law;
    Zwicker & Fastl (1999), "Psychoacoustics", section 9.1, with the weights of openSMILE.
    """
    specific = np.cbrt(mel_energies)
    loudness = specific.sum(axis=1)
    bank = _mel_bank()
    centres = _weighted(bank, _FREQUENCIES) / bank.sum(axis=1)
    # Traunmüller (1990), "Analytical expressions for the tonotopic sensory scale", JASA 88(1)
    bark = 26.81 * centres / (1960 + centres) - 0.53
    weight = np.where(bark < 16, 1.0, 0.066 * np.exp(0.171 * bark))
    weighted = _weighted(specific, bark * weight)
    return {"loudness": loudness, "sharpness": np.divide(weighted, loudness, out=weighted * 0, where=loudness > 0)}


def _moments(power: Array) -> dict[str, Array]:
    """Return moments, flatness, roll-off, entropy and flux of the power spectrum.

    Peeters (2004), "A large set of audio features for sound description"; entropy: Misra et al. (2004),
    "Spectral entropy based feature for robust ASR"; flux: Scheirer & Slaney (1997), over spectra of unit length.
    """
    share = power / power.sum(axis=1, keepdims=True)
    centroid = _weighted(share, _FREQUENCIES)
    deviation = _FREQUENCIES - centroid[:, None]
    square = share * deviation * deviation
    spread = np.sqrt(square.sum(axis=1))
    shape = np.sqrt(share)
    below = np.cumsum(share, axis=1)
    return {
        "centroid": centroid,
        "spread": spread,
        "skewness": (square * deviation).sum(axis=1) / spread**3,
        "kurtosis": (square * deviation * deviation).sum(axis=1) / spread**4,
        "entropy": -(share * np.log2(share)).sum(axis=1),
        "flatness": 10 * (np.log10(power).mean(axis=1) - np.log10(power.mean(axis=1))),
        "flux": np.append(0.0, np.linalg.norm(np.diff(shape, axis=0), axis=1)),
        **{f"rolloff_{q}": _FREQUENCIES[(below < q / 100).sum(axis=1)] for q in (25, 50, 75, 90)},
    }


def _balance(power: Array) -> dict[str, Array]:
    """Return spectral balance: slopes in dB/kHz, energy ratios in dB (Eyben et al. 2016, "GeMAPS", section 3)."""
    decibels = 10 * np.log10(power)

    def within(lowest_hz: float, highest_hz: float) -> NDArray[np.bool_]:
        return (lowest_hz <= _FREQUENCIES) & (highest_hz > _FREQUENCIES)

    def level(lowest_hz: float, highest_hz: float) -> Array:
        return np.asarray(10 * np.log10(power[:, within(lowest_hz, highest_hz)].sum(axis=1)))

    def slope(lowest_hz: float, highest_hz: float) -> Array:
        chosen = within(lowest_hz, highest_hz)
        khz = (_FREQUENCIES[chosen] - _FREQUENCIES[chosen].mean()) / 1000
        return np.asarray(_weighted(decibels[:, chosen], khz) / np.sum(khz**2))

    def peak(lowest_hz: float, highest_hz: float) -> Array:
        return np.asarray(decibels[:, within(lowest_hz, highest_hz)].max(axis=1))

    whole = level(0, framing.RATE_HZ)
    return {
        "slope": slope(0, framing.RATE_HZ),
        "slope_0_500": slope(0, 500),
        "slope_500_1500": slope(500, 1500),
        "alpha_ratio": level(50, 1000) - level(1000, 5000),
        "hammarberg": peak(0, 2000) - peak(2000, 5000),
        "share_250_650": level(250, 650) - whole,
        "share_1000_4000": level(1000, 4000) - whole,
        "share_4000_8000": level(4000, framing.RATE_HZ) - whole,
    }


def _voice(signal: Array, fundamental: Pitch) -> Array:
    """Return F0 in semitones above 100 Hz, harmonics-to-noise ratio in dB (Boersma 1993), and formant tracks."""
    # clipped to keep the ratio finite: -30 dB to 50 dB
    harmonic = np.clip(fundamental.harmonicity, 1e-3, 1 - 1e-5)
    by_name = {
        "f0": 12 * np.log2(np.where(fundamental.voiced, fundamental.f0_hz, _F0_REFERENCE_HZ) / _F0_REFERENCE_HZ),
        "hnr": 10 * np.log10(harmonic / (1 - harmonic)),
        **formants.tracks(signal, fundamental),
    }
    return np.array([by_name[name] for name in VOICE])
