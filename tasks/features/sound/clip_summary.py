"""A vector of 25 numbers per clip for `meld-trimodal`: cepstra, centroid, zero crossings, pitch, level and tempo.

The source lists these features and projects 25 numbers; with the 20 cepstra that librosa returns by default, the five
others make 25. How it reduces tracks to numbers is not stated: these are means over the clip's frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing, low_level, prosody, spectra

Vector = NDArray[np.float64]

_N_CEPSTRA = 20
_MEL = spectra.MelSettings(rate_hz=framing.RATE_HZ, n_fft=2048, window=2048, hop=512, n_mels=128)
"""librosa's defaults, at 16 kHz."""
NAMES = (*(f"mfcc_{order}" for order in range(_N_CEPSTRA)), "centroid", "zero_crossings", "f0", "rms", "tempo")
"""Columns: MFCC with the 0th; centroid in Hz; zero crossings per sample; F0 in semitones above 100 Hz over the voiced
frames, 0 without any; root mean square of the samples, full scale 1; tempo in beats per minute."""


@dataclass(frozen=True)
class ClipSummarySettings:
    """No settings."""


def clip_summary(signal: Vector) -> Vector:
    """Return the features of one clip, in the order of `NAMES`, shape (25,).

    Args:
        signal: samples from `framing.to_16_khz`, shape (n_samples,)

    Example:
        >>> tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
        >>> values = dict(zip(NAMES, clip_summary(tone).tolist()))
        >>> round(values["f0"], 1), round(values["rms"], 3)
        (12.0, 0.071)
    """
    tracks = low_level.tracks(signal)
    cepstra = spectra.mfcc(spectra.log_mel(signal, _MEL), _N_CEPSTRA)
    sound = [tracks.sound[low_level.SOUND.index(name)].mean() for name in ("centroid", "zero_crossings")]
    voiced = tracks.voice[low_level.VOICE.index("f0")][tracks.voiced]
    f0 = voiced.mean() if voiced.size else 0.0
    rms = np.sqrt(np.mean(signal**2))
    return np.array([*cepstra.mean(axis=0), *sound, f0, rms, prosody.tempo_bpm(tracks.mel)])


def _start(_: ClipSummarySettings) -> Callable[[Sequence[Sound]], list[NDArray[np.float32]]]:
    def extract(sound: Sound) -> NDArray[np.float32]:
        return clip_summary(framing.to_16_khz(sound.samples, sound.rate_hz)).astype(np.float32)

    return lambda batch: [extract(sound) for sound in batch]


EXTRACTORS = (
    Extractor(
        "clip-summary",
        "cepstra, centroid, zero crossings, fundamental frequency, level and tempo of a clip as 25 numbers",
        "sound",
        "vector",
        ClipSummarySettings,
        _start,
        lambda settings: NAMES,
    ),
)
