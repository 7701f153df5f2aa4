"""Low-level descriptors: what a voice does in every 10 ms, as tracks of one value per frame.

Spectra are power spectra of 25 ms Hamming frames. Levels within a clip are relative to the clip's own, so that a gain
changes nothing but `Tracks.level_db`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import formants, framing
from tasks.features.sound.pitch import Pitch, pitch

Array = NDArray[np.float64]

N_BANDS, N_CEPSTRA = 26, 16
"""26 bands as in HTK and ComParE; cepstra 1–16 (ComParE has 14): the 0th is the level."""
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
"""Sound starts and ends where frames come this near to the clip's level: silent heads and tails are no speech."""
_WINDOW, _FFT = 400, 512
_FLOOR_DB = 90.0
"""Under the loudest frame: about what 16 bits hold; digital silence stands there."""
_HEARD_DB = 40.0
"""Softer frames have no say in the clip's level: a word in a long silence keeps the level of the word."""
_FREQUENCIES = np.arange(_FFT // 2 + 1) * framing.RATE_HZ / _FFT
_LOWEST_MEL_HZ = 20.0
_F0_REFERENCE_HZ = 100.0


@dataclass(frozen=True)
class Tracks:
    """Descriptors of the sounding part of a clip, first frame to last, shapes (n_tracks, n_frames).

    Attributes:
        mel: log mel energies in dB relative to the clip's level, rows `MEL`
        mfcc: mel-frequency cepstra, rows `MFCC`
        sound: what every frame has, rows `SOUND`; `level` in dB relative to the clip's
        voice: what voiced frames have, rows `VOICE`; meaningless in the others
        voiced: where a fundamental was found, shape (n_frames,)
        level_db: the clip's level in dB of full scale: 95th percentile over frames near the loudest
    """

    mel: Array
    mfcc: Array
    sound: Array
    voice: Array
    voiced: NDArray[np.bool_]
    level_db: float


def tracks(signal: Array) -> Tracks:
    """Return the descriptors of a clip.

    Args:
        signal: samples at `framing.RATE_HZ` as `framing.to_16_khz` gives them, shape (n_samples,)
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
    found = pitch(signal)
    sound = {
        "level": frame_db,
        "zero_crossings": np.diff(np.signbit(frames), axis=1).mean(axis=1),
        "periodicity": found.periodicity,
        **_loudness(mel_energies),
        # the spectrum holds several bins a band: the same floor, shared out
        **_moments(floored := power + floor * N_BANDS / _FREQUENCIES.size),
        **_balance(floored),
    }
    sounding = slice(*_ends(frame_db))
    return Tracks(
        mel=mel.T[:, sounding],
        mfcc=scipy.fft.dct(mel, axis=1, norm="ortho")[:, 1 : N_CEPSTRA + 1].T[:, sounding],
        sound=np.array([sound[name][sounding] for name in SOUND]),
        voice=_voice(signal, found)[:, sounding],
        voiced=found.voiced[sounding],
        level_db=level_db,
    )


def _levels(frames: Array) -> tuple[Array, float]:
    """Level of every frame relative to the clip's, not below the floor, and the clip's in dB of full scale."""
    mean_square = np.mean(frames**2, axis=1)
    decibels = 10 * np.log10(np.maximum(mean_square, mean_square.max() * 10 ** (-_FLOOR_DB / 10)))
    level = float(np.percentile(decibels[decibels > decibels.max() - _HEARD_DB], 95))
    return decibels - level, level


def _ends(frame_db: Array) -> tuple[int, int]:
    sounding = np.flatnonzero(frame_db > -ACTIVE_DB)
    return int(sounding[0]), int(sounding[-1]) + 1


def _mel_bank() -> Array:
    """Triangles equally wide on the mel scale 2595 log10(1 + f / 700) (HTK Book, eq. 5.13), shape (n_bands, n_bins)."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (_LOWEST_MEL_HZ, framing.RATE_HZ / 2))
    edges = 700 * (10 ** (np.linspace(lowest, highest, N_BANDS + 2) / 2595) - 1)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (_FREQUENCIES - below) / (centre - below), (above - _FREQUENCIES) / (above - centre)
    bank: Array = np.maximum(0, np.minimum(rising, falling))
    return bank


def _weighted(rows: Array, weights: Array) -> Array:
    """`rows @ weights.T` in a fixed order: BLAS's sums depend on how many threads it is given."""
    return np.asarray(np.einsum("ri,...i->r...", rows, weights))


def _loudness(mel_energies: Array) -> dict[str, Array]:
    """Loudness by the power law of hearing and sharpness, the centroid of loudness with high bands raised.

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
    """Moments, flatness and roll-off of the power spectrum, its entropy, and the flux of its shape.

    Peeters (2004), "A large set of audio features for sound description"; entropy: Misra et al. (2004),
    "Spectral entropy based feature for robust ASR"; flux: Scheirer & Slaney (1997), over spectra of length 1.
    """
    share = power / power.sum(axis=1, keepdims=True)
    centroid = _weighted(share, _FREQUENCIES)
    away = _FREQUENCIES - centroid[:, None]
    square = share * away * away
    spread = np.sqrt(square.sum(axis=1))
    shape = np.sqrt(share)
    below = np.cumsum(share, axis=1)
    return {
        "centroid": centroid,
        "spread": spread,
        "skewness": (square * away).sum(axis=1) / spread**3,
        "kurtosis": (square * away * away).sum(axis=1) / spread**4,
        "entropy": -(share * np.log2(share)).sum(axis=1),
        "flatness": 10 * (np.log10(power).mean(axis=1) - np.log10(power.mean(axis=1))),
        "flux": np.append(0.0, np.linalg.norm(np.diff(shape, axis=0), axis=1)),
        **{f"rolloff_{q}": _FREQUENCIES[(below < q / 100).sum(axis=1)] for q in (25, 50, 75, 90)},
    }


def _balance(power: Array) -> dict[str, Array]:
    """Where the energy lies: slopes in dB/kHz, ratios in dB (Eyben et al. 2016, "GeMAPS", section 3)."""
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


def _voice(signal: Array, found: Pitch) -> Array:
    """F0 in semitones above 100 Hz, harmonics-to-noise ratio in dB (Boersma 1993), and the tracks of `formants`."""
    harmonic = np.clip(found.harmonicity, 1e-3, 1 - 1e-5)
    described = {
        "f0": 12 * np.log2(np.where(found.voiced, found.f0_hz, _F0_REFERENCE_HZ) / _F0_REFERENCE_HZ),
        "hnr": 10 * np.log10(harmonic / (1 - harmonic)),
        **formants.tracks(signal, found),
    }
    return np.array([described[name] for name in VOICE])
