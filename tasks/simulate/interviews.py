"""Plan of the sample's interviews: people, sentences and their delivery, by a seed; no sound is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from tasks.core.config import Simulate
from tasks.simulate import sentences
from tasks.simulate.voices import ACCENTS, TIMBRES, Delivery

Split = Literal["train", "test"]
Captions = Literal["manual vtt", "automatic vtt", "manual srt", "both", "laughter", "none"]
Container = Literal["m4a", "webm"]

LAUGHTER = "[Laughing]"
_LAUGHTER_SOUNDS = "Ha ha ha ha."
SENTIMENTS = tuple(sentences.ADJECTIVES)

_CAPTIONS: tuple[Captions, ...] = ("manual vtt", "automatic vtt", "manual srt", "automatic vtt", "both")
_CONTAINERS: tuple[Container, ...] = ("m4a", "webm")
_SHARES = (0.3, 0.4, 0.3)
"""Probabilities of a clear sentence being negative, neutral or positive."""
_SENTENCES = (8, 10)
_OPENED = 0.3
"""Probability that a sentence begins with one of `OPENINGS`."""
_HELD_OUT = 4
"""One in this many adjectives, conflicting sentences and timbres is reserved for the test interviews."""
_PEOPLE, _SHARING = 1_000_000, 3_000_000
"""Numbers of random streams; interviews use their own numbers as streams."""


@dataclass(frozen=True)
class Effect:
    """Change of a voice with the sentiment at `prosody` 1, in espeak's units."""

    pitch: float
    range: float
    rate: float
    volume: float


EFFECTS = {
    "negative": Effect(pitch=-13, range=4, rate=-28, volume=8),
    "neutral": Effect(pitch=-2, range=-30, rate=16, volume=-10),
    "positive": Effect(pitch=30, range=36, rate=10, volume=6),
}
_SPEAKERS_VARY = Effect(pitch=6, range=6, rate=9, volume=6)
_SENTENCES_VARY = Effect(pitch=5, range=7, rate=7, volume=4)


@dataclass(frozen=True)
class ScriptLine:
    """A line of an interview.

    Args:
        text: as manual captions print it
        spoken: text for the synthesiser; differs from `text` for laughter
        delivery: the voice and its settings
        intent: the intended sentiment; None for lines that are not labelled
        pause_s: silence after it
    """

    text: str
    spoken: str
    delivery: Delivery
    intent: str | None
    pause_s: float


@dataclass(frozen=True)
class Interview:
    """An interview: its lines, and how the site serves it."""

    id: str
    split: Split
    title: str
    lines: tuple[ScriptLine, ...]
    container: Container
    captions: Captions


@dataclass(frozen=True)
class _Person:
    voice: str
    habit: Effect


def plan(settings: Simulate) -> tuple[Interview, ...]:
    """Return the interviews with sound: the usable ones of both splits, and two with useless captions.

    Guests have different voices while voices last; no timbre and no labelled adjective occurs in both splits. Words,
    voices and random variation do not depend on `prosody`, which only scales `EFFECTS`.

    Args:
        settings: number of interviews, seed and prosody
    """
    train: list[Captions] = [_CAPTIONS[i % len(_CAPTIONS)] for i in range(settings.train)]
    train += ["none", "laughter"]
    test: list[Captions] = [_CAPTIONS[i % len(_CAPTIONS)] for i in range(settings.test)]
    ordered: list[tuple[Split, Captions]] = [("train", kind) for kind in train] + [("test", kind) for kind in test]
    people = {split: _people(split, settings) for split in ("train", "test")}
    return tuple(
        _interview(index, split, captions, people[split], settings) for index, (split, captions) in enumerate(ordered)
    )


def _interview(
    index: int, split: Split, captions: Captions, people: Sequence[_Person], settings: Simulate
) -> Interview:
    rng = np.random.default_rng([settings.seed, index])
    guest = people[index % len(people)]
    host = people[-1 - index % len(people)]
    lines = [
        _line(rng, text, intent, guest, settings.prosody)
        for text, intent in _guest_sentences(rng, split, settings.seed)
    ]
    for remark in rng.choice(sentences.SHORT, size=2, replace=False):
        lines.insert(int(rng.integers(1, len(lines) + 1)), _line(rng, str(remark), None, guest, settings.prosody))
    for question in rng.choice(sentences.QUESTIONS, size=2, replace=False):
        lines.insert(int(rng.integers(0, len(lines))), _line(rng, str(question), None, host, settings.prosody))
    laughter = replace(_line(rng, LAUGHTER, None, guest, settings.prosody), spoken=_LAUGHTER_SOUNDS)
    lines.insert(int(rng.integers(1, len(lines))), laughter)
    return Interview(
        str(index + 1), split, _title(rng, index), tuple(lines), _CONTAINERS[index % len(_CONTAINERS)], captions
    )


def _guest_sentences(rng: Generator, split: Split, seed: int) -> list[tuple[str, str]]:
    """Return sentences with their sentiments; frame and sentiment are drawn independently."""
    frames = rng.choice(sentences.FRAMES, size=int(rng.integers(*_SENTENCES, endpoint=True)), replace=False)
    chosen: list[tuple[str, str]] = []
    for frame in frames:
        mood = str(rng.choice(SENTIMENTS, p=_SHARES))
        adjective = _pick(rng, _of_split(sentences.ADJECTIVES[mood], split, seed))
        opening = _pick(rng, sentences.OPENINGS) if rng.random() < _OPENED else ""
        chosen.append((sentences.spoken(str(frame).format(adjective), opening), mood))
    twist = _pick(rng, _of_split(tuple(sentences.CONFLICTING), split, seed))
    chosen.insert(int(rng.integers(len(chosen) + 1)), (sentences.spoken(twist), sentences.CONFLICTING[twist]))
    return chosen


def _line(rng: Generator, text: str, intent: str | None, person: _Person, prosody: float) -> ScriptLine:
    variation = _drawn(rng, _SENTENCES_VARY)
    effect = EFFECTS[intent] if intent else Effect(0, 0, 0, 0)

    def value(name: str, default: float, lowest: int, highest: int) -> int:
        total: float = (
            default + getattr(person.habit, name) + getattr(variation, name) + prosody * getattr(effect, name)
        )
        return round(min(max(total, lowest), highest))

    delivery = Delivery(
        person.voice,
        pitch=value("pitch", 48, 0, 100),
        range=value("range", 45, 0, 100),
        rate=value("rate", 165, 120, 220),
        volume=value("volume", 60, 20, 100),
    )
    return ScriptLine(text, text, delivery, intent, pause_s=round(float(rng.uniform(0.3, 0.7)), 3))


def _people(split: Split, settings: Simulate) -> list[_Person]:
    """Return people with each timbre once, then with each timbre in another accent, until accents are used up."""
    rng = np.random.default_rng([settings.seed, _PEOPLE + ("train", "test").index(split)])
    timbres = rng.permutation(_of_split(TIMBRES, split, settings.seed))
    accents = rng.permutation(ACCENTS)
    return [
        _Person(f"{accents[(i + turn) % len(accents)]}+{timbre}", _drawn(rng, _SPEAKERS_VARY))
        for turn in range(len(accents))
        for i, timbre in enumerate(timbres)
    ]


def _of_split(pool: Sequence[str], split: Split, seed: int) -> Sequence[str]:
    shuffled = np.random.default_rng([seed, _SHARING]).permutation(pool)
    held_out = len(pool) // _HELD_OUT
    return [str(item) for item in (shuffled[:held_out] if split == "test" else shuffled[held_out:])]


def _drawn(rng: Generator, spread: Effect) -> Effect:
    pitch, range_, rate, volume = rng.standard_normal(4)
    return Effect(pitch * spread.pitch, range_ * spread.range, rate * spread.rate, volume * spread.volume)


def _pick(rng: Generator, pool: Sequence[str]) -> str:
    return pool[int(rng.integers(len(pool)))]


_NAMES = ("Ida", "Tomas", "Nkechi", "Ruth", "Anders", "Mei", "Farid", "Lucia", "Owen", "Priya", "Jonas", "Salma")
_SUBJECTS = (
    "the lighthouse years",
    "bread & other beginnings",
    "growing up by the railway",
    "a life in the choir",
    "what the river took",
    'the house on "Harbour Street"',
    "teaching in the hills",
    "work, rest <and play>",
    "a season on the road",
    "the long winter",
)


def _title(rng: Generator, index: int) -> str:
    return f"Interview {index + 1}: {_pick(rng, _NAMES)} on {_pick(rng, _SUBJECTS)}"
