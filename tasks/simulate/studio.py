"""Voices, faces and sentences for simulated corpora, and how clearly each modality shows an emotion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    """The share of the emotion that each modality shows, and the size of the corpus: for testing fusion models.

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
    write_sound = staticmethod(acting.write)
    write_film = staticmethod(faces.film)

    def __init__(self, voice: Speaker, seed: int, signals: Signals) -> None:
        self._voice, self._seed, self._signals = voice, seed, signals
        self._sentences, self._chance = np.random.default_rng(seed), np.random.default_rng([seed, 1])
        self.times, self.partial = signals.times, signals.parts

    def speak(
        self, text: str, actor: int, emotion: str, *, take: int = 0, strength: float = 1.0
    ) -> NDArray[np.float64]:
        """See `tasks.corpora.readers.reading.Studio`, as for the other methods; voices of different seeds differ."""
        strength *= _EXAGGERATED if self.partial else 1.0
        return acting.perform(self._voice, Take(text, self._seed * 100 + actor, emotion, take, strength))

    def sentence(self, emotion: str) -> str:
        """Return a random sentence; the adjective is neutral for emotions without a sentiment, such as `other`."""
        # few frames and adjectives, where text shows only a part: a model cannot memorise the sentences
        most = _FEW if self.partial else None
        frames, adjectives = FRAMES[:most], ADJECTIVES[_SENTIMENTS.get(emotion, "neutral")][:most]
        frame = frames[int(self._sentences.integers(len(frames)))]
        return frame.format(adjectives[int(self._sentences.integers(len(adjectives)))])

    def sentiment(self, emotion: str) -> str:
        """Return the sentiment of one of MELD's or CMU-MOSEI's emotions."""
        return _SENTIMENTS[emotion]

    def shown(self, emotion: str, among: Sequence[str]) -> ShownEmotions:
        """Return the emotion that each modality of an utterance shows."""
        return self._signals.shown(emotion, among, self._chance)


@contextmanager
def studio(seed: int, signals: Signals | None = None) -> Iterator[SyntheticStudio]:
    """Open a studio for one corpus.

    Args:
        seed: of everything random
        signals: how clearly modalities show emotions; None: always and wholly
    """
    with speaker() as voice:
        yield SyntheticStudio(voice, seed, signals or Signals())
