"""Extractors of one statistics vector per utterance: our functionals and pyAudioAnalysis's mid-term features."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.mid_term import mid_term
from tasks.features.sound import functionals

Vector = NDArray[np.float32]
_FULL_SCALE = 32_768


@dataclass(frozen=True)
class FunctionalsSettings:
    """No settings."""


@dataclass(frozen=True)
class MidTermSettings(mid_term.AnalysisWindows):
    """Windows and steps in seconds, each above 0; the defaults are those of the weak path."""

    def __post_init__(self) -> None:
        for name in ("short_window_s", "short_step_s", "mid_window_s", "mid_step_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.mid_window_s < self.short_window_s or self.mid_step_s < self.short_step_s:
            raise ValueError("mid-term windows and steps must be no shorter than short-term ones")


def _start_functionals(_: FunctionalsSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    def extract(batch: Sequence[Sound]) -> list[Vector]:
        sounds = [(sound.samples, sound.rate_hz) for sound in batch]
        return [_to_float32(features) for features in functionals.functionals_of(sounds)]

    return extract


def _start_mid_term(settings: MidTermSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    def extract(batch: Sequence[Sound]) -> list[Vector]:
        vectors: list[Vector] = []
        # many signals at once take a third of the time; those of a batch usually have the same rate
        for rate_hz, sounds in itertools.groupby(batch, lambda sound: sound.rate_hz):
            for features in mid_term.mid_terms([_sixteen_bit(sound.samples) for sound in sounds], rate_hz, settings):
                if isinstance(features, AudioError):
                    raise features
                vectors.append(_to_float32(features))
        return vectors

    return extract


def _sixteen_bit(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Convert to 16 bits; exact for samples that were decoded from 16 bits, values beyond full scale are clipped."""
    if not np.isfinite(samples).all():
        raise AudioError("a sample is not finite")
    scaled = np.round(samples.astype(np.float64) * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def _to_float32(features: NDArray[np.float64]) -> Vector:
    return features.astype(np.float32)


EXTRACTORS = (
    Extractor(
        "functionals",
        "statistics of pitch, loudness, spectrum, voice quality and rhythm",
        "sound",
        "vector",
        FunctionalsSettings,
        _start_functionals,
        lambda _: functionals.NAMES,
    ),
    Extractor(
        "mid-term",
        "pyAudioAnalysis's mid-term statistics, as the weak path has them",
        "sound",
        "vector",
        MidTermSettings,
        _start_mid_term,
        lambda _: mid_term.NAMES,
        alongside=True,
    ),
)
