"""Emotional speech for simulated corpora, with the voices of the interview site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.simulate.voices import ACCENTS, RATE_HZ, TIMBRES, Delivery, Speaker

_NEUTRAL = {"pitch": 50, "range": 45, "rate": 160, "volume": 60}
_SHIFTS: dict[str, dict[str, int]] = {
    "neutral": {},
    "calm": {"range": -20, "rate": -20, "volume": -10},
    "happiness": {"pitch": 16, "range": 30, "rate": 20, "volume": 12},
    "sadness": {"pitch": -14, "range": -28, "rate": -40, "volume": -22},
    "anger": {"pitch": 6, "range": 24, "rate": 34, "volume": 34},
    "fear": {"pitch": 26, "range": -12, "rate": 46, "volume": -6},
    "disgust": {"pitch": -20, "range": 12, "rate": -24, "volume": 6},
    "surprise": {"pitch": 30, "range": 44, "rate": 4, "volume": 16},
    "boredom": {"pitch": -10, "range": -40, "rate": -34, "volume": -14},
    "anxiety": {"pitch": 20, "range": -6, "rate": 40, "volume": -10},
    "excitement": {"pitch": 20, "range": 38, "rate": 32, "volume": 24},
    "frustration": {"pitch": -4, "range": 14, "rate": 12, "volume": 22},
    "other": {"pitch": 4, "rate": -8},
}
"""An emotion's change of pitch, range, rate and volume, in espeak's units: directions as in Banse and Scherer (1996),
"Acoustic profiles in vocal emotion expression", table 1; sizes are ours."""
_SPREAD = {"pitch": 5, "range": 6, "rate": 10, "volume": 4}
_NOISE = 0.002


@dataclass(frozen=True)
class Take:
    """A recording of an actor.

    Args:
        text: the spoken text
        actor: number of the voice
        emotion: one of `labels.EMOTIONS`
        number: which repetition it is
        strength: size of the emotion's effect on the voice
    """

    text: str
    actor: int
    emotion: str
    number: int = 0
    strength: float = 1.0


def delivery(take: Take) -> Delivery:
    """Return the delivery of a take: the actor's voice and habits, the emotion's prosody, and random variation.

    Args:
        take: the recording

    Raises:
        KeyError: if the emotion is none of `labels.EMOTIONS`
    """
    habits = np.random.default_rng([11, take.actor]).normal(size=4)
    chance = np.random.default_rng([13, take.actor, take.number, *take.text.encode()]).normal(size=4)
    spoken = {
        name: round(base + take.strength * _SHIFTS[take.emotion].get(name, 0) + _SPREAD[name] * (habit + variation))
        for (name, base), habit, variation in zip(_NEUTRAL.items(), habits, chance, strict=True)
    }
    limits = {"pitch": (0, 99), "range": (0, 99), "rate": (90, 320), "volume": (25, 110)}
    clipped = {name: int(np.clip(value, *limits[name])) for name, value in spoken.items()}
    return Delivery(voice(take.actor), **clipped)


def voice(actor: int) -> str:
    """Return an actor's voice; the first 350 differ in accent or timbre.

    Args:
        actor: number of the actor
    """
    return f"{ACCENTS[(actor + actor // len(TIMBRES)) % len(ACCENTS)]}+{TIMBRES[actor % len(TIMBRES)]}"


def perform(voice: Speaker, take: Take) -> NDArray[np.float64]:
    """Return a take's sound: mono, in [-1, 1] at `RATE_HZ`, shape (n_samples,), with pauses at both ends and noise.

    Args:
        voice: a speech synthesiser; the same takes in the same order since its start sound the same
        take: the recording to make
    """
    speech = voice.say(take.text, delivery(take)).samples / 32_768
    pause = np.zeros(round(0.25 * RATE_HZ))
    sound = np.concatenate([pause, speech, pause])
    rng = np.random.default_rng([17, take.actor, take.number, sound.size])
    noisy: NDArray[np.float64] = np.clip(sound + _NOISE * rng.standard_normal(sound.size), -1, 1)
    return noisy


def write(samples: NDArray[np.float64], path: Path, *, rate_hz: int = 16_000) -> None:
    """Write sound at `RATE_HZ` as a 16-bit `.wav` or `.flac` of another rate.

    Args:
        samples: shape (n_samples,) or (n_samples, n_channels)
        path: the file; its suffix is the format
        rate_hz: the file's sampling rate
    """
    import soundfile
    from scipy.signal import resample_poly

    # pass the format: soundfile would infer it from the temporary file's name
    resampled: Any = resample_poly(samples, rate_hz, RATE_HZ, axis=0)
    with tables.whole(path) as part:
        soundfile.write(part, np.clip(resampled, -1, 1), rate_hz, subtype="PCM_16", format=path.suffix[1:].upper())
