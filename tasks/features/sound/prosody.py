"""What a voice does over time, as `meld-trimodal` has it beside wav2vec 2.0: cepstra, pitch, level, tempo.

The source takes one number or a few of each over the whole clip: MFCC, spectral centroid, zero crossings, pitch, RMS
energy, tempo. Here they are tracks, so that a BiLSTM has something to read; pitch is a track of the fundamental
frequency (`tasks.features.sound.pitch`), and not the strongest bin of a spectrogram.
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
_OF_FRAMES = ("level", "centroid", "zero_crossings")
NAMES = (*low_level.MFCC[:N_CEPSTRA], *_OF_FRAMES, "f0", "voiced", "tempo")
"""Columns: cepstra without the 0th; level in dB relative to the clip's; centroid in Hz; crossings per sample; F0 in
semitones above 100 Hz, over the voiced frames of a step, 0 where there is none; the share of voiced frames; tempo in
beats per minute, one for the whole clip."""
_SLOWEST_BPM, _FASTEST_BPM, _USUAL_BPM = 30.0, 480.0, 120.0


@dataclass(frozen=True)
class ProsodySettings:
    """How dense steps are.

    Args:
        step_s: from one step to the next, a multiple of 10 ms; a step is the mean over its frames
    """

    step_s: float = 0.05

    def __post_init__(self) -> None:
        n = self.step_s / framing.HOP_S
        if not n >= 0.5 or abs(n - round(n)) > 1e-6:
            raise ValueError(f"step_s is {self.step_s}; it must be a multiple of {framing.HOP_S:g} s above 0")


def prosody(found: Tracks, step_s: float) -> Array:
    """Return the tracks of `NAMES`.

    Args:
        found: of the clip
        step_s: from one step to the next; the last step is of the frames that are left

    Returns:
        shape (n_steps, n_names)
    """
    starts = np.arange(0, found.voiced.size, round(step_s / framing.HOP_S))
    counts = np.diff([*starts, found.voiced.size])
    rows = [found.mfcc[:N_CEPSTRA], found.sound[[low_level.SOUND.index(one) for one in _OF_FRAMES]]]
    means = np.add.reduceat(np.concatenate(rows), starts, axis=1) / counts
    voiced = np.add.reduceat(found.voiced.astype(np.float64), starts)
    f0 = np.add.reduceat(np.where(found.voiced, found.voice[low_level.VOICE.index("f0")], 0.0), starts)
    f0 = np.divide(f0, voiced, out=np.zeros_like(f0), where=voiced > 0)
    return np.stack([*means, f0, voiced / counts, np.full(starts.size, tempo_bpm(found.mel))], axis=1)


def tempo_bpm(mel: Array) -> float:
    """Return the tempo of onsets: the strongest period of their autocorrelation, near 120 a minute for choice.

    Ellis (2007), "Beat tracking by dynamic programming", Journal of New Music Research 36(1), sections 3.1 and 3.2:
    onset strength is the rise of log mel energies, and periods are weighed by a normal curve over their octaves, of
    deviation 1, around 120 beats a minute. As `librosa.beat.tempo`, but for longer frames there. Four even beats a
    second are 120 a minute, not 240: every second one is nearer to the usual. Of speech it follows stressed syllables.

    Args:
        mel: log mel energies in dB, shape (n_bands, n_frames)

    Returns:
        30 to 480 beats a minute; 0 where nothing rises, or there is too little to tell
    """
    onsets = np.maximum(np.diff(mel, axis=1), 0).mean(axis=0)
    onsets = onsets - onsets.mean() if onsets.size else onsets
    per_minute = 60 / framing.HOP_S
    lags = np.arange(int(per_minute / _FASTEST_BPM), min(onsets.size - 1, int(per_minute / _SLOWEST_BPM)) + 1)
    if not lags.size or not onsets.any():
        return 0.0
    again = np.array([np.dot(onsets[:-lag], onsets[lag:]) for lag in lags]) / np.dot(onsets, onsets)
    bpm = per_minute / lags
    weighed = np.maximum(again, 0) * np.exp(-0.5 * np.log2(bpm / _USUAL_BPM) ** 2)
    return float(bpm[weighed.argmax()]) if weighed.any() else 0.0


def _start(settings: ProsodySettings) -> Callable[[Sequence[Sound]], list[NDArray[np.float32]]]:
    def tracked(sound: Sound) -> NDArray[np.float32]:
        found = low_level.tracks(framing.to_16_khz(sound.samples, sound.rate_hz))
        return prosody(found, settings.step_s).astype(np.float32)

    return lambda batch: [tracked(sound) for sound in batch]


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
