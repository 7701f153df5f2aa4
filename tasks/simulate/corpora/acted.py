"""Simulated corpora of acted clips: names as in the real ones, sentences and voices of the interview site."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.core import tables
from tasks.simulate import acting
from tasks.simulate.acting import Take

Clip = tuple[str, Take, int]
"""A clip's path, how it is spoken, and its sampling rate in Hz."""


def ravdess(folder: Path, seed: int) -> None:
    """Four actors, both statements, all emotions, two repetitions in normal and one in strong intensity."""
    statements = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
    emotions = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
    _write(
        folder,
        (
            (
                f"Actor_{actor:02d}/03-01-{code:02d}-{intensity}-{statement}-{repetition}-{actor:02d}.wav",
                Take(
                    text,
                    seed * 100 + actor,
                    emotion,
                    10 * int(repetition) + int(intensity),
                    0.8 + 0.4 * (intensity == "02"),
                ),
                48_000,
            )
            for actor in range(1, 5)
            for code, emotion in enumerate(emotions, 1)
            for intensity in ("01", "02")
            if (code, intensity) != (1, "02")
            for statement, text in statements.items()
            for repetition in ("01", "02")
        ),
    )


def tess(folder: Path, seed: int) -> None:
    """Both speakers, six words, seven emotions."""
    words = ("back", "bar", "base", "bath", "bean", "beg")
    codes = {
        "neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger",
        "fear": "fear", "disgust": "disgust", "ps": "surprise",
    }  # fmt: skip
    _write(
        folder,
        (
            (
                f"{speaker}_{'pleasant_surprise' if code == 'ps' else code}/{speaker}_{word}_{code}.wav",
                Take(f"Say the word {word}", seed * 100 + number, emotion),
                24_414,
            )
            for number, speaker in enumerate(("OAF", "YAF"))
            for word in words
            for code, emotion in codes.items()
        ),
    )


def crema_d(folder: Path, seed: int) -> None:
    """Six actors, two sentences, six emotions; votes and demographics beside the clips."""
    sentences = {"DFA": "Don't forget a jacket", "IEO": "It's eleven o'clock"}
    codes = {
        "NEU": "neutral", "HAP": "happiness", "SAD": "sadness", "ANG": "anger", "FEA": "fear", "DIS": "disgust",
    }  # fmt: skip
    clips = [
        (f"{1001 + actor}_{sentence}_{code}_XX", Take(text, seed * 100 + actor, emotion))
        for actor in range(6)
        for sentence, text in sentences.items()
        for code, emotion in codes.items()
    ]
    _write(folder, ((f"AudioWAV/{name}.wav", take, 16_000) for name, take in clips))
    votes = [_heard(number, name, mode) for mode in (_VOICE, _FACE) for number, (name, _) in enumerate(clips, mode)]
    tables.write_csv(folder / "processedResults" / "tabulatedVotes.csv", votes)
    people = [
        {"ActorID": str(1001 + actor), "Age": str(20 + 7 * actor), "Sex": "Male" if actor % 2 else "Female",
         "Race": "Caucasian", "Ethnicity": "Not Hispanic"}
        for actor in range(6)
    ]  # fmt: skip
    tables.write_csv(folder / "VideoDemographics.csv", people)


_VOICE, _FACE = 100_001, 200_001
_RATERS = 10


def _heard(number: int, name: str, mode: int) -> dict[str, str]:
    """Ten raters' votes: a seventh of the voices is heard as neutral, an eleventh is a tie, faces are plain."""
    asked, place = name.split("_")[2][0], number - mode
    votes = dict.fromkeys("ADFHNS", 0)
    if mode == _VOICE and place % 11 == 5:
        votes |= {"A": 5, "D": 5}
    else:
        won = 6 + place % 4
        winner = "N" if mode == _VOICE and place % 7 == 3 else asked
        votes |= {winner: won, "D" if winner == "S" else "S": _RATERS - won}
    most = max(votes.values())
    return {
        "": str(number),
        **{code: str(n) for code, n in votes.items()},
        "fileName": name,
        "numResponses": str(_RATERS),
        "agreement": str(most / _RATERS),
        "emoVote": ":".join(code for code, n in votes.items() if n == most),
    }


def emodb(folder: Path, seed: int) -> None:
    """Four speakers, two sentences, seven emotions."""
    codes = {
        "N": "neutral", "F": "happiness", "T": "sadness", "W": "anger", "A": "fear", "E": "disgust", "L": "boredom",
    }  # fmt: skip
    texts = {"a01": "Der Lappen liegt auf dem Eisschrank", "b10": "Die wird auf dem Platz sein"}
    _write(
        folder,
        (
            (f"wav/{speaker}{sentence}{code}a.wav", Take(text, seed * 100 + int(speaker), emotion), 16_000)
            for speaker in ("03", "08", "09", "10")
            for sentence, text in texts.items()
            for code, emotion in codes.items()
        ),
    )


def savee(folder: Path, seed: int) -> None:
    """Four speakers, two sentences an emotion."""
    codes = {
        "n": "neutral", "h": "happiness", "sa": "sadness", "a": "anger", "f": "fear", "d": "disgust", "su": "surprise",
    }  # fmt: skip
    _write(
        folder,
        (
            (
                f"{speaker}/{code}{number:02d}.wav",
                Take(f"{_OWN[number]} {emotion_number}", seed * 100 + 40 + place, emotion),
                44_100,
            )
            for place, speaker in enumerate(("DC", "JE", "JK", "KL"))
            for emotion_number, (code, emotion) in enumerate(codes.items())
            for number in (1, 2)
        ),
    )


def aesdd(folder: Path, seed: int) -> None:
    """Three speakers, three utterances, five emotions."""
    emotions = ("anger", "disgust", "fear", "happiness", "sadness")
    _write(
        folder,
        (
            (
                f"{emotion}/{emotion[0]}{number:02d} ({speaker}).wav",
                Take(_OWN[number], seed * 100 + 60 + speaker, emotion),
                44_100,
            )
            for emotion in emotions
            for number in (1, 2, 3)
            for speaker in (1, 2, 3)
        ),
    )


_OWN = {
    1: "the train to the coast leaves from the other platform",
    2: "they painted the kitchen on a Tuesday in April",
    3: "my cousin keeps the letters in a box by the window",
}


def _write(folder: Path, clips: Iterable[Clip]) -> None:
    with acting.stage() as stage:
        for name, take, rate_hz in clips:
            acting.write(stage.perform(take), folder / name, rate_hz=rate_hz)


MAKERS: dict[str, Callable[[Path, int], None]] = {
    "ravdess": ravdess,
    "tess": tess,
    "crema-d": crema_d,
    "emodb": emodb,
    "savee": savee,
    "aesdd": aesdd,
}
