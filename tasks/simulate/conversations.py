"""Simulated conversations of several voices, with the times of their turns: a host asks, guests answer in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.simulate import sentences
from tasks.simulate.voices import ACCENTS, RATE_HZ, TIMBRES, Delivery, speaker

_LEVEL = 0.06
_NEAR_COPIES = (
    ("adam", "edward2", "benjamin"), ("steph", "steph2"), ("Diogo", "Henrique", "michel", "miguel"), ("rob", "robert"),
    ("f2", "f5"), ("Mike", "grandpa", "m1", "m3", "max"),
)  # fmt: skip
"""Variants of espeak-ng with nearly the same formants; a conversation has at most one of each group."""
_TURNS, _SENTENCES, _REMARKS = (8, 14), (1, 4), (0, 1)
"""Number of turns for two voices; of sentences in an answer; of sentences before a question."""
_PAUSE_S, _CHANGE_S = (0.15, 0.6), (0.1, 0.8)
"""Silence between sentences of a turn, and between turns."""
_HABIT_SPREAD = {"pitch": 14, "range": 8, "rate": 14}
_SENTENCE_SPREAD = {"pitch": 4, "range": 6, "rate": 6}
_DEFAULTS = {"pitch": 48, "range": 45, "rate": 165}
_LIMITS = {"pitch": (5, 95), "range": (15, 90), "rate": (120, 220)}


@dataclass(frozen=True)
class SimulatedPerson:
    """A person: a voice of espeak-ng, and how pitch, pitch range and rate differ from the defaults."""

    voice: str
    pitch: float
    range: float
    rate: float


@dataclass(frozen=True)
class SpokenLine:
    """A sentence of a conversation.

    Args:
        text: its words
        voice: number of its voice
        start_s: its start
        end_s: its end
        opens_turn: whether another voice spoke before it
    """

    text: str
    voice: int
    start_s: float
    end_s: float
    opens_turn: bool


@dataclass(frozen=True)
class Conversation:
    """A conversation: mono samples in [-1, 1] at `RATE_HZ`, shape (n_samples,), and its lines."""

    samples: NDArray[np.float64]
    lines: tuple[SpokenLine, ...]


def timbres(part: int, n_parts: int) -> list[str]:
    """Return a share of the timbres; shares do not overlap, and near copies of a timbre are in the same share.

    Args:
        part: which share
        n_parts: number of shares
    """
    group_of = {name: group for group in _NEAR_COPIES for name in group}
    groups = list(dict.fromkeys(group_of.get(name, (name,)) for name in TIMBRES))
    return [name for number, group in enumerate(groups) if number % n_parts == part for name in group]


def people(seed: Sequence[int], n: int, pool: Sequence[str] = TIMBRES) -> list[SimulatedPerson]:
    """Return people with different timbres, none of them near copies of each other.

    Args:
        seed: of the choice
        n: number of people; not more than there are different timbres in the pool
        pool: timbres to choose from
    """
    rng = np.random.default_rng([53, *seed])
    group_of = {name: group[0] for group in _NEAR_COPIES for name in group}
    chosen = dict[str, str]()
    for timbre in rng.permutation(pool).tolist():
        chosen.setdefault(group_of.get(timbre, timbre), timbre)
    accents = rng.permutation(ACCENTS)
    voices = [f"{accents[k % len(accents)]}+{timbre}" for k, timbre in enumerate(list(chosen.values())[:n])]
    return [SimulatedPerson(voice, *(rng.normal(size=3) * list(_HABIT_SPREAD.values())).tolist()) for voice in voices]


def converse(seed: Sequence[int], speakers: Sequence[SimulatedPerson], *, noise_db: float = -30.0) -> Conversation:
    """Speak a conversation.

    Args:
        seed: of the words and their delivery
        speakers: the first asks questions, the others answer in turn; a single person tells
        noise_db: level of the background noise relative to the speech, in dB
    """
    rng = np.random.default_rng([59, *seed])
    pieces, lines, at = [np.zeros(RATE_HZ // 2)], list[SpokenLine](), RATE_HZ // 2
    with speaker() as synthesiser:
        for voice, texts in _script(rng, len(speakers)):
            for number, text in enumerate(texts):
                samples = synthesiser.say(text, _delivery(rng, speakers[voice])).samples / 32_768
                samples = samples * (_LEVEL / np.sqrt(np.mean(samples**2)))
                lines.append(SpokenLine(text, voice, at / RATE_HZ, (at + samples.size) / RATE_HZ, number == 0))
                low, high = _PAUSE_S if number + 1 < len(texts) else _CHANGE_S
                pause = np.zeros(round(rng.uniform(low, high) * RATE_HZ))
                pieces += [samples, pause]
                at += samples.size + pause.size
    clean = np.concatenate(pieces)
    noise = _LEVEL * 10 ** (noise_db / 20) * rng.standard_normal(clean.size)
    return Conversation(np.clip(clean + noise, -1, 1), tuple(lines))


def _script(rng: np.random.Generator, n_voices: int) -> list[tuple[int, list[str]]]:
    """Return voice and sentences of each turn: questions of the first voice, answers of the others in rotation."""
    turns = list[tuple[int, list[str]]]()
    for number in range(int(rng.integers(*_TURNS, endpoint=True)) * max(1, n_voices - 1) // 2 * 2):
        guest = 1 + (number // 2) % (n_voices - 1) if n_voices > 1 else 0
        asks = number % 2 == 0 and n_voices > 1
        low, high = _REMARKS if asks else _SENTENCES
        texts = [_sentence(rng) for _ in range(int(rng.integers(low, high, endpoint=True)))]
        turns.append((0, [*texts, str(rng.choice(sentences.QUESTIONS))]) if asks else (guest, texts))
    return turns


def _sentence(rng: np.random.Generator) -> str:
    mood = str(rng.choice(list(sentences.ADJECTIVES)))
    return sentences.spoken(str(rng.choice(sentences.FRAMES)).format(rng.choice(sentences.ADJECTIVES[mood])))


def _delivery(rng: np.random.Generator, person: SimulatedPerson) -> Delivery:
    values = {
        name: int(np.clip(round(base + getattr(person, name) + rng.normal() * _SENTENCE_SPREAD[name]), *_LIMITS[name]))
        for name, base in _DEFAULTS.items()
    }
    return Delivery(person.voice, **values)
