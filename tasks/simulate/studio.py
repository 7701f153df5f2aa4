"""Voices, faces and sentences for simulated corpora, and how clearly each modality shows an emotion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.simulate import acting, faces
from tasks.simulate.acting import Take
from tasks.simulate.sentences import ADJECTIVES, FRAMES
from tasks.simulate.voices import RATE_HZ, Speaker, speaker

_SENTIMENTS = {
    "neutral": "neutral", "happiness": "positive", "excitement": "positive", "surprise": "positive",
    "sadness": "negative", "anger": "negative", "fear": "negative", "disgust": "negative", "frustration": "negative",
}  # fmt: skip
_AROUSAL = (
    ("anger", "happiness", "excitement", "surprise", "fear", "frustration"),
    ("sadness", "neutral", "disgust", "other"),
)
_FACES = (("anger", "happiness", "neutral"), ("sadness", "surprise"), ("fear", "disgust"))
"""Groups that partial voices and faces distinguish; with the sentiment they identify each of MELD's emotions."""
_EXAGGERATED, _FEW = 2.0, 3


class ShownEmotions(NamedTuple):
    """The emotion that each modality of an utterance shows."""

    text: str
    sound: str
    video: str


@dataclass(frozen=True)
class Signals:
    """How much of the emotion each modality shows, and the size of the corpus: for testing fusion models.

    `text`, `sound` and `video` are shares of the utterances in which that modality shows the utterance's emotion; in
    the others it shows a random one. 1: always; 0: the modality carries no information.

    Args:
        parts: whether each modality shows only a part of the emotion, so that all are needed: words the sentiment,
            voices (exaggerated) the arousal, faces one of three groups. IEMOCAP's speakers then share one voice:
            their turns come in a fixed order, and the speaker would reveal the emotion
        times: number of dialogues, as a multiple of the small corpus's
    """

    text: float = 1.0
    sound: float = 1.0
    video: float = 1.0
    parts: bool = False
    times: int = 1

    def __post_init__(self) -> None:
        for name in ("text", "sound", "video"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; it is a share of the utterances, from 0 to 1")
        if self.times < 1:
            raise InputError(f"times is {self.times}; it must be 1 or more")

    def shown(self, emotion: str, among: Sequence[str], rng: np.random.Generator) -> ShownEmotions:
        """Return the emotion that each modality of an utterance shows.

        Args:
            emotion: the utterance's
            among: emotions to draw from where a modality does not show it
            rng: three or more numbers are drawn from it
        """
        text, sound, video = (
            emotion if rng.random() < share else str(rng.choice(among)) for share in (self.text, self.sound, self.video)
        )
        if not self.parts:
            return ShownEmotions(text, sound, video)
        # sentences show no more than the sentiment in any case
        return ShownEmotions(text, _representative(sound, _AROUSAL), _representative(video, _FACES))


def _representative(emotion: str, groups: Sequence[Sequence[str]]) -> str:
    """Return the first emotion of the group that holds an emotion."""
    return next((group[0] for group in groups if emotion in group), emotion)


class SyntheticStudio:
    """The tools with which a sample is written; one speaker and two random generators per corpus.

    Args:
        voice: a speech synthesiser that has not spoken yet
        seed: of actors, sentences and `shown`
        signals: how clearly modalities show emotions
    """

    rate_hz = RATE_HZ

    def __init__(self, voice: Speaker, seed: int, signals: Signals) -> None:
        self._voice, self._seed, self._signals = voice, seed, signals
        self._sentences, self._chance = np.random.default_rng(seed), np.random.default_rng([seed, 1])
        self.times, self.partial = signals.times, signals.parts

    def speak(
        self, text: str, actor: int, emotion: str, *, take: int = 0, strength: float = 1.0
    ) -> NDArray[np.float64]:
        """Return speech, mono in [-1, 1] at `rate_hz`, shape (n_samples,).

        Args:
            text: what is spoken
            actor: number of the voice, below 100 for voices that differ from those of other seeds
            emotion: one of `labels.EMOTIONS`
            take: varies the delivery
            strength: size of the emotion's effect on the voice
        """
        strength *= _EXAGGERATED if self.partial else 1.0
        return acting.perform(self._voice, Take(text, self._seed * 100 + actor, emotion, take, strength))

    def sentence(self, emotion: str) -> str:
        """Return a random sentence whose adjective fits the emotion.

        Args:
            emotion: one without a sentiment, such as `other`, is treated as neutral
        """
        # with few sentences, a model cannot memorise them where text shows only a part
        most = _FEW if self.partial else None
        frames, adjectives = FRAMES[:most], ADJECTIVES[_SENTIMENTS.get(emotion, "neutral")][:most]
        frame = frames[int(self._sentences.integers(len(frames)))]
        return frame.format(adjectives[int(self._sentences.integers(len(adjectives)))])

    def sentiment(self, emotion: str) -> str:
        """Return the sentiment of an emotion: negative, neutral or positive.

        Args:
            emotion: one of MELD's or CMU-MOSEI's
        """
        return _SENTIMENTS[emotion]

    def shown(self, emotion: str, among: Sequence[str]) -> ShownEmotions:
        """Return the emotion that each modality of an utterance shows.

        Args:
            emotion: the utterance's
            among: emotions to draw from where a modality does not show it
        """
        return self._signals.shown(emotion, among, self._chance)

    def write_sound(self, samples: NDArray[np.float64], path: Path, *, rate_hz: int = 16_000) -> None:
        """Write sound as a 16-bit `.wav` or `.flac`.

        Args:
            samples: shape (n_samples,), at `RATE_HZ`
            path: the file
            rate_hz: the file's sampling rate
        """
        acting.write(samples, path, rate_hz=rate_hz)

    def write_film(self, samples: NDArray[np.float64], emotion: str, path: Path, *, seed: int) -> None:
        """Write a talking face as `.mp4`.

        Args:
            samples: its sound, shape (n_samples,), at `RATE_HZ`
            emotion: what the face shows
            path: the file
            seed: of the head's movement
        """
        faces.film(samples, emotion, path, seed=seed)


@contextmanager
def studio(seed: int, signals: Signals | None = None) -> Iterator[SyntheticStudio]:
    """Open a studio for one corpus.

    Args:
        seed: of everything random
        signals: how clearly modalities show emotions; None: always and wholly
    """
    with speaker() as voice:
        yield SyntheticStudio(voice, seed, signals or Signals())
