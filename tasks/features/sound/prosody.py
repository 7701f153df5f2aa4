"""Prosody tracks of `meld-trimodal`, used with wav2vec 2.0: MFCC, pitch, level, tempo.

The source computes one or a few values per clip: MFCC, spectral centroid, zero crossings, pitch, RMS energy, tempo. We
compute tracks instead, as input of a BiLSTM; pitch is the fundamental frequency (`tasks.features.sound.pitch`) instead
of the strongest bin of a spectrogram.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing, low_level
from tasks.features.sound.low_level import Tracks

Array = NDArray[np.float64]

N_CEPSTRA = 13
_FRAME_TRACKS = ("level", "centroid", "zero_crossings")
NAMES = (*low_level.MFCC[:N_CEPSTRA], *_FRAME_TRACKS, "f0", "voiced", "tempo")
"""Columns: MFCC without the 0th; level in dB relative to the clip's level; centroid in Hz; zero crossings per sample;
F0 in semitones above 100 Hz, mean over the voiced frames of a step, 0 without voiced frames; share of voiced frames;
tempo in beats per minute, constant over the clip."""
_SLOWEST_BPM, _FASTEST_BPM, _USUAL_BPM = 30.0, 480.0, 120.0


@dataclass(frozen=True)
class ProsodySettings:
    """Settings of the prosody tracks.

    Args:
        step_s: step in seconds, a multiple of 10 ms; each step is the mean over its 10 ms frames
    """

    step_s: float = 0.05

    def __post_init__(self) -> None:
        n = self.step_s / framing.HOP_S
        if not n >= 0.5 or abs(n - round(n)) > 1e-6:
            raise ValueError(f"step_s is {self.step_s}; it must be a multiple of {framing.HOP_S:g} s above 0")


def prosody(tracks: Tracks, step_s: float) -> Array:
    """Average low-level descriptors over steps.

    Args:
        tracks: descriptors of the clip
        step_s: step in seconds; the last step may have fewer frames

    Returns:
        columns `NAMES`, shape (n_steps, n_names)

    Example:
        >>> tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
        >>> prosody(low_level.tracks(tone), step_s=0.05).shape
        (21, 19)
    """
    starts = np.arange(0, tracks.voiced.size, round(step_s / framing.HOP_S))
    counts = np.diff([*starts, tracks.voiced.size])
    rows = [tracks.mfcc[:N_CEPSTRA], tracks.sound[[low_level.SOUND.index(name) for name in _FRAME_TRACKS]]]
    means = np.add.reduceat(np.concatenate(rows), starts, axis=1) / counts
    voiced = np.add.reduceat(tracks.voiced.astype(np.float64), starts)
    f0 = np.add.reduceat(np.where(tracks.voiced, tracks.voice[low_level.VOICE.index("f0")], 0.0), starts)
    f0 = np.divide(f0, voiced, out=np.zeros_like(f0), where=voiced > 0)
    return np.stack([*means, f0, voiced / counts, np.full(starts.size, tempo_bpm(tracks.mel))], axis=1)


def tempo_bpm(mel: Array) -> float:
    """Estimate the tempo as the strongest period in the autocorrelation of onset strength.

    Ellis (2007), "Beat tracking by dynamic programming", Journal of New Music Research 36(1), sections 3.1 and 3.2:
    onset strength is the rise of log mel energies; periods are weighted by a Gaussian over octaves with deviation 1
    around 120 beats per minute, so that four even beats per second give 120, not 240. Same as `librosa.beat.tempo`,
    which has longer frames. In speech it follows stressed syllables.

    Args:
        mel: log mel energies in dB, shape (n_bands, n_frames)

    Returns:
        30 to 480 beats per minute; 0 without onsets or if the clip is too short
    """
    onsets = np.maximum(np.diff(mel, axis=1), 0).mean(axis=0)
    onsets = onsets - onsets.mean() if onsets.size else onsets
    per_minute = 60 / framing.HOP_S
    lags = np.arange(int(per_minute / _FASTEST_BPM), min(onsets.size - 1, int(per_minute / _SLOWEST_BPM)) + 1)
    if not lags.size or not onsets.any():
        return 0.0
    correlation = np.array([np.dot(onsets[:-lag], onsets[lag:]) for lag in lags]) / np.dot(onsets, onsets)
    bpm = per_minute / lags
    weighted = np.maximum(correlation, 0) * np.exp(-0.5 * np.log2(bpm / _USUAL_BPM) ** 2)
    return float(bpm[weighted.argmax()]) if weighted.any() else 0.0


def _start(settings: ProsodySettings) -> Callable[[Sequence[Sound]], list[NDArray[np.float32]]]:
    def extract(sound: Sound) -> NDArray[np.float32]:
        tracks = low_level.tracks(framing.to_16_khz(sound.samples, sound.rate_hz))
        return prosody(tracks, settings.step_s).astype(np.float32)

    return lambda batch: [extract(sound) for sound in batch]


EXTRACTORS = (
    Extractor(
        "prosody",
        "cepstra, level, centroid, zero crossings, fundamental frequency and tempo, step by step",
        "sound",
        "sequence",
        ProsodySettings,
        _start,
        lambda settings: NAMES,
    ),
)
