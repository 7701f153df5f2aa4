"""Functionals: statistics of low-level descriptor tracks, one vector per utterance, similar to ComParE and GeMAPS.

Many functionals over many descriptors: Schuller et al. (2013), "The INTERSPEECH 2013 Computational Paralinguistics
Challenge". Separate statistics of voiced frames, and rhythm: Eyben et al. (2016), "The Geneva Minimalistic Acoustic
Parameter Set (GeMAPS) for Voice Research and Affective Computing", IEEE Trans. Affective Computing 7(2), section 3.
Added: correlations between bands, modulation spectra, and means over fifths of the utterance. All features except
`level_db` are invariant to gain; none uses the speaker's identity or other utterances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.features.sound import framing, low_level
from tasks.features.sound.low_level import Tracks
from tasks.features.sound.quantiles import quantiles

Array = NDArray[np.float64]

_DISTRIBUTION = ("mean", "std", "p5", "p25", "p50", "p75", "p95", "range_5_95", "range_25_75")
_SHAPE = ("skewness", "kurtosis", "slope")
_SLOPES = ("rise", "fall", "share_rising")
_FIFTHS = tuple(f"fifth_{part}" for part in range(1, 6))
_REACH = 2
"""Frames on either side of a delta (HTK Book, eq. 5.16)."""

_MODULATION_HZ = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 50.0)
"""Band edges, up to the Nyquist frequency of 10 ms steps; the syllable rate is 2–8 Hz."""
_MODULATION = tuple(f"modulation_{low:g}_{high:g}_hz" for low, high in pairwise(_MODULATION_HZ))
_MODULATION_FRAMES = 512
"""5.12 s; longer utterances are averaged over windows that overlap by half."""
_MODULATION_BINS = np.searchsorted(np.fft.rfftfreq(_MODULATION_FRAMES, framing.HOP_S), _MODULATION_HZ)
"""First bin of each band, and the end of the last."""
_MODULATION_FLOOR = 1e-2
"""20 dB below a modulation of 1 dB² per bin; keeps the logarithm of constant bands finite."""
_STILL_DB2 = 0.5
"""Added to each band's variance: correlations stay below 1, and a constant band correlates with no other."""
_PAIRS = np.triu_indices(low_level.N_BANDS, k=1)

_PEAK_SHARE = 0.3
"""Minimum height of a loudness peak, as a share of the maximum."""
_RELATIVE_ROUNDING = 1e-9
"""Tracks with a smaller relative deviation count as constant (rounding error)."""
_RHYTHM = (
    "duration_s",
    "log_duration",
    "voiced_share",
    "voiced_stretches_per_s",
    "voiced_stretch_mean_s",
    "voiced_stretch_std_s",
    "voiced_stretch_longest_s",
    "loudness_peaks_per_s",
)


def functionals(signal: NDArray[np.floating] | NDArray[np.int16], rate_hz: int) -> Array:
    """Return the features of one utterance.

    Statistics of voiced frames are 0 if no frame is voiced; `voiced_share` is 0 then, too.

    Args:
        signal: mono samples, int16 or floating point with full scale 1, shape (n_samples,)
        rate_hz: sampling rate in Hz; below 16 kHz the upper bands are at the floor

    Returns:
        finite features in the order of `NAMES`, float64, shape (len(NAMES),)

    Raises:
        AudioError: see `framing.to_16_khz`

    Example:
        >>> import numpy as np
        >>> tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
        >>> values = dict(zip(NAMES, functionals(tone, 16_000).tolist()))
        >>> round(values["f0_p50"], 1), round(values["level_db"])
        (12.0, -23)
    """
    return functionals_of([(signal, rate_hz)])[0]


def functionals_of(sounds: Sequence[tuple[NDArray[np.floating] | NDArray[np.int16], int]]) -> list[Array]:
    """Return the features of several utterances, which takes less time than one by one.

    Args:
        sounds: signal and sampling rate of each, as `functionals` takes them

    Returns:
        the features of each, which do not depend on the others

    Raises:
        AudioError: as `functionals`
    """
    signals = [framing.to_16_khz(signal, rate_hz) for signal, rate_hz in sounds]
    return [_summary(tracks) for tracks in low_level.tracks_of(signals)]


def _summary(tracks: Tracks) -> Array:
    sound, voice = tracks.sound, tracks.voice[:, tracks.voiced]
    always = np.concatenate([tracks.mel, tracks.mfcc, sound])
    changes = _delta(always)
    voice_changes = _delta(tracks.voice)[:, _all_voiced(tracks.voiced, 2 * _REACH + 1)]
    values = (
        np.array([tracks.level_db]),
        _rhythm(tracks),
        *(_distribution(track) for track in (always, voice, changes, voice_changes)),
        *(_shape(track) for track in (sound, voice)),
        *(_slopes(track) for track in (changes[-len(sound) :], voice_changes)),
        *(_fifths(track) for track in (always, voice)),
        _distribution(_perturbation(tracks)),
        _modulation(tracks.mel),
        _band_correlations(tracks.mel),
    )
    return np.concatenate([block.ravel() for block in values])


def _names() -> Iterator[str]:
    """Yield feature names in the order of the blocks in `functionals`."""
    mel, mfcc, sound, voice = low_level.MEL, low_level.MFCC, low_level.SOUND, low_level.VOICE
    all_tracks = (*mel, *mfcc, *sound, *voice)
    yield "level_db"
    yield from _RHYTHM
    yield from _named(all_tracks, _DISTRIBUTION)
    yield from _named([f"{track}_delta" for track in all_tracks], _DISTRIBUTION)
    yield from _named((*sound, *voice), _SHAPE)
    yield from _named((*sound, *voice), _SLOPES)
    yield from _named(all_tracks, _FIFTHS)
    yield from _named(("f0_step", "level_step"), _DISTRIBUTION)
    yield from _named(mel, _MODULATION)
    yield from (f"{mel[row]}_with_{mel[column]}" for row, column in zip(*_PAIRS, strict=True))


def _named(tracks: Iterable[str], statistics: tuple[str, ...]) -> Iterator[str]:
    return (f"{track}_{statistic}" for track in tracks for statistic in statistics)


def _distribution(tracks: Array) -> Array:
    """Return shape (n_tracks, len(_DISTRIBUTION)); zeros if there is no frame, as in the functions below."""
    if not tracks.shape[1]:
        return np.zeros((len(tracks), len(_DISTRIBUTION)))
    p5, p25, p50, p75, p95 = quantiles(np.sort(tracks, axis=1), (0.05, 0.25, 0.5, 0.75, 0.95))
    return np.stack([*_mean_and_deviation(tracks), p5, p25, p50, p75, p95, p95 - p5, p75 - p25], axis=1)


def _mean_and_deviation(tracks: Array) -> tuple[Array, Array]:
    mean = tracks.mean(axis=1)
    centred = tracks - mean[:, None]
    return mean, np.sqrt(np.einsum("ij,ij->i", centred, centred) / tracks.shape[1])


def _shape(tracks: Array) -> Array:
    """Return the third and fourth standardised moments and the slope of the regression line over the utterance."""
    n_frames = tracks.shape[1]
    if n_frames < 2:
        return np.zeros((len(tracks), len(_SHAPE)))
    mean, deviation = _mean_and_deviation(tracks)
    centred = tracks - mean[:, None]
    varies = deviation > _RELATIVE_ROUNDING * np.abs(tracks).max(axis=1)
    standard = centred * np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)[:, None]
    square = standard * standard
    time = np.linspace(-0.5, 0.5, n_frames)
    slope = np.einsum("ij,j->i", centred, time) / np.sum(time**2)
    third, fourth = (np.einsum("ij,ij->i", square, power) / n_frames for power in (standard, square))
    return np.stack([third, fourth, slope], axis=1)


def _delta(tracks: Array) -> Array:
    """Return slopes per frame over five frames (HTK Book, eq. 5.16), shape (n_tracks, n_frames - 4 or 0)."""
    if tracks.shape[1] <= 2 * _REACH:
        return tracks[:, :0]
    return (2 * (tracks[:, 4:] - tracks[:, :-4]) + tracks[:, 3:-1] - tracks[:, 1:-3]) / 10


def _all_voiced(voiced: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Return where `length` consecutive frames are all voiced, shape (n_frames - length + 1 or 0,)."""
    if voiced.size < length:
        return voiced[:0]
    return np.asarray(np.lib.stride_tricks.sliding_window_view(voiced, length).all(axis=1))


def _slopes(deltas: Array) -> Array:
    """Return mean slopes of rising and falling frames, and the share of rising ones (cf. GeMAPS, signal slopes)."""
    rising = deltas > 0
    n_rising = rising.sum(axis=1)
    n_falling = deltas.shape[1] - n_rising
    up = np.where(rising, deltas, 0.0).sum(axis=1) / np.maximum(n_rising, 1)
    down = np.where(rising, 0.0, deltas).sum(axis=1) / np.maximum(n_falling, 1)
    return np.stack([up, down, n_rising / max(deltas.shape[1], 1)], axis=1)


def _fifths(tracks: Array) -> Array:
    """Return means over five equal parts of the utterance."""
    if not tracks.shape[1]:
        return np.zeros((len(tracks), len(_FIFTHS)))
    edges = np.linspace(0, tracks.shape[1], len(_FIFTHS) + 1)
    parts = [tracks[:, int(start) : int(np.ceil(end))].mean(axis=1) for start, end in pairwise(edges)]
    return np.stack(parts, axis=1)


def _perturbation(tracks: Tracks) -> Array:
    """Return absolute steps of F0 (semitones) and level (dB) between voiced frames: frame-level jitter and shimmer."""
    both = _all_voiced(tracks.voiced, 2)
    f0, level = tracks.voice[low_level.VOICE.index("f0")], tracks.sound[low_level.SOUND.index("level")]
    return np.abs(np.diff(np.stack([f0, level]), axis=1))[:, both]


def _modulation(mel: Array) -> Array:
    """Return the modulation spectrum of each band in dB, shape (n_bands, len(_MODULATION)).

    After Wu, Falk & Chan (2011), "Automatic speech emotion recognition using modulation spectral features", Speech
    Communication 53(5); they filter envelopes of gammatone bands, we take the spectrum of log mel energies.
    """
    step, n_frames = _MODULATION_FRAMES // 2, mel.shape[1]
    starts = range(0, max(n_frames - step, 1), step)
    power = np.mean([_power(mel[:, start : start + _MODULATION_FRAMES]) for start in starts], axis=0)
    first = _MODULATION_BINS[:-1]
    bands = np.add.reduceat(power[:, : _MODULATION_BINS[-1]], first, axis=1) / np.diff(_MODULATION_BINS)
    return np.asarray(10 * np.log10(bands + _MODULATION_FLOOR))


def _power(mel: Array) -> Array:
    import scipy.fft

    window = np.hanning(mel.shape[1] + 2)[1:-1]
    windowed = (mel - mel.mean(axis=1, keepdims=True)) * window
    power: Array = np.abs(scipy.fft.rfft(windowed, _MODULATION_FRAMES)) ** 2 / np.sum(window**2)
    return power


def _band_correlations(mel: Array) -> Array:
    """Return Fisher's z (arctanh of the correlation) of each pair of bands."""
    centred = mel - mel.mean(axis=1, keepdims=True)
    # einsum instead of BLAS: BLAS's sums depend on its number of threads
    covariance = np.einsum("it,jt->ij", centred, centred) / mel.shape[1] + _STILL_DB2 * np.eye(len(mel))
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance[_PAIRS] / np.outer(deviation, deviation)[_PAIRS]
    return np.asarray(np.arctanh(correlation))


def _rhythm(tracks: Tracks) -> Array:
    """Return rates and lengths (Eyben et al. 2016, "temporal features"); silence at either end does not count."""
    duration_s = tracks.voiced.size * framing.HOP_S
    edges = np.diff(tracks.voiced.astype(np.int8), prepend=0, append=0)
    stretches_s = (np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)) * framing.HOP_S
    lengths_s = stretches_s if stretches_s.size else np.zeros(1)
    loudness = tracks.sound[low_level.SOUND.index("loudness")]
    inner = loudness[1:-1]
    peaks = (inner > loudness[:-2]) & (inner >= loudness[2:]) & (inner > _PEAK_SHARE * loudness.max())
    return np.array(
        [
            duration_s,
            np.log(duration_s),
            tracks.voiced.mean(),
            stretches_s.size / duration_s,
            lengths_s.mean(),
            lengths_s.std(),
            lengths_s.max(),
            peaks.sum() / duration_s,
        ]
    )


NAMES: tuple[str, ...] = tuple(_names())
"""Feature names, in the order of `functionals`: `TRACK_STATISTIC`, for deltas `TRACK_delta_STATISTIC`."""
