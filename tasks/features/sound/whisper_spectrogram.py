"""Whisper's log-mel spectrogram, frame by frame: the input of `whisper-fine-tuned`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing
from tasks.features.sound.whisper_encoder import Vector, log_mel, mel_settings


@dataclass(frozen=True)
class WhisperSpectrogramSettings:
    """Settings of Whisper's spectrogram.

    Args:
        n_mels: number of bands: 80; 128 in the third version of the large model
    """

    n_mels: int = 80

    def __post_init__(self) -> None:
        mel_settings(self.n_mels)

    @property
    def step_s(self) -> float:
        """Seconds from one frame to the next."""
        return mel_settings(self.n_mels).step_s


def _start(settings: WhisperSpectrogramSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    mel = mel_settings(settings.n_mels)

    def spectrogram(sound: Sound) -> Vector:
        return np.ascontiguousarray(log_mel(framing.to_16_khz(sound.samples, sound.rate_hz), mel).T)

    return lambda batch: [spectrogram(sound) for sound in batch]


EXTRACTORS = (
    Extractor(
        "whisper-spectrogram",
        "the log-mel spectrogram that Whisper's encoder takes",
        "sound",
        "sequence",
        WhisperSpectrogramSettings,
        _start,
    ),
)
