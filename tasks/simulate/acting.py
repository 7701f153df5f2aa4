"""Actors of simulated corpora: the interview site's voices, speaking a sentence as an emotion has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.simulate.voices import ACCENTS, RATE_HZ, TIMBRES, Delivery, Speaker, speaker

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
"""How an emotion changes pitch, range, rate and volume, in espeak's units: directions as in Banse and Scherer (1996),
"Acoustic profiles in vocal emotion expression", table 1; sizes are ours."""
_SPREAD = {"pitch": 5, "range": 6, "rate": 10, "volume": 4}
_NOISE = 0.002


@dataclass(frozen=True)
class Take:
    """One recording of an actor: what is said, by whom, how, and which try it is."""

    text: str
    actor: int
    emotion: str
    number: int = 0
    strength: float = 1.0


def delivery(take: Take) -> Delivery:
    """Return how a take is spoken: the actor's voice and habits, the emotion's prosody, and a little chance.

    Raises:
        KeyError: if the emotion is none of `labels.EMOTIONS`
    """
    habits = np.random.default_rng([11, take.actor]).normal(size=4)
    chance = np.random.default_rng([13, take.actor, take.number, *take.text.encode()]).normal(size=4)
    spoken = {
        name: round(base + take.strength * _SHIFTS[take.emotion].get(name, 0) + _SPREAD[name] * (habit + one))
        for (name, base), habit, one in zip(_NEUTRAL.items(), habits, chance, strict=True)
    }
    limits = {"pitch": (0, 99), "range": (0, 99), "rate": (90, 320), "volume": (25, 110)}
    clipped = {name: int(np.clip(value, *limits[name])) for name, value in spoken.items()}
    return Delivery(voice(take.actor), **clipped)


def voice(actor: int) -> str:
    """Return an actor's voice: no two of the first 350 share accent and timbre."""
    return f"{ACCENTS[(actor + actor // len(TIMBRES)) % len(ACCENTS)]}+{TIMBRES[actor % len(TIMBRES)]}"


@contextmanager
def stage() -> Iterator[Stage]:
    """Give a stage on which takes are spoken; the same takes in the same order sound the same."""
    with speaker() as one:
        yield Stage(one)


class Stage:
    """Where takes are spoken, from `stage()`."""

    def __init__(self, one: Speaker) -> None:
        self._speaker = one

    def perform(self, take: Take) -> NDArray[np.float64]:
        """Return a take's sound, mono, in [-1, 1] at `RATE_HZ`, with quiet at both ends and a little noise."""
        speech = self._speaker.say(take.text, delivery(take)).samples / 32_768
        quiet = np.zeros(round(0.25 * RATE_HZ))
        sound = np.concatenate([quiet, speech, quiet])
        rng = np.random.default_rng([17, take.actor, take.number, sound.size])
        noisy: NDArray[np.float64] = np.clip(sound + _NOISE * rng.standard_normal(sound.size), -1, 1)
        return noisy


def write(samples: NDArray[np.float64], path: Path, *, rate_hz: int = 16_000) -> None:
    """Write sound at `RATE_HZ` as a 16-bit `.wav` or `.flac` of another rate.

    Args:
        samples: shape (n_samples,) or (n_samples, n_channels)
        path: the file; its suffix says the format
        rate_hz: the file's sampling rate
    """
    import soundfile
    from scipy.signal import resample_poly

    # soundfile reads the format off the name, and the temporary file has another one
    resampled: Any = resample_poly(samples, rate_hz, RATE_HZ, axis=0)
    with tables.whole(path) as part:
        soundfile.write(part, np.clip(resampled, -1, 1), rate_hz, subtype="PCM_16", format=path.suffix[1:].upper())


def takes(texts: Sequence[str], actors: Sequence[int], emotions: Sequence[str], numbers: int = 1) -> list[Take]:
    """Return every actor speaking every text in every emotion so many times, in that order."""
    return [
        Take(text, actor, emotion, number)
        for actor in actors
        for text in texts
        for emotion in emotions
        for number in range(numbers)
    ]
