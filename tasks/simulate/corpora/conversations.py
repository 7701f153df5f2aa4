"""Simulated talk: IEMOCAP's sessions, MELD's dialogues with talking faces, CMU-MOSEI's monologues, a plain CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core import tables
from tasks.core.errors import InputError
from tasks.simulate import acting, faces
from tasks.simulate.acting import Stage, Take
from tasks.simulate.sentences import ADJECTIVES, FRAMES
from tasks.simulate.voices import RATE_HZ

_VALENCE = {
    "neutral": "neutral", "happiness": "positive", "excitement": "positive", "surprise": "positive",
    "sadness": "negative", "anger": "negative", "fear": "negative", "disgust": "negative", "frustration": "negative",
}  # fmt: skip


_AROUSAL = (
    ("anger", "happiness", "excitement", "surprise", "fear", "frustration"),
    ("sadness", "neutral", "disgust", "other"),
)
_FACES = (("anger", "happiness", "neutral"), ("sadness", "surprise"), ("fear", "disgust"))
"""Groups that voices and faces tell apart where they tell a part only; with the valence, every emotion of MELD's."""


_OVERDONE, _FEW = 2.0, 3


@dataclass(frozen=True)
class Signals:
    """What conversations tell, and how many there are: for trying out what a fusion makes of modalities.

    Each of `text`, `sound` and `video` is the share of utterances in which that modality shows the utterance's emotion;
    in the others it shows any, by chance. 1: always; 0: it tells nothing at all.

    Args:
        parts: whether each modality that tells something tells a part only, so that one needs them all: words the
            valence, voices, which overdo it, the arousal, faces which of three groups an emotion is in. IEMOCAP's
            speakers have one voice then: their turns come in a fixed order, and who speaks would tell the emotion
        times: as many dialogues as the small corpus has
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

    @property
    def strength(self) -> float:
        """How much voices change with an emotion, of how much they usually do."""
        return _OVERDONE if self.parts else 1.0

    @property
    def sentences(self) -> int | None:
        """How many frames and words sentences are made of: where words tell a part, too few to be learned by heart."""
        return _FEW if self.parts else None

    def shown(self, emotion: str, among: Sequence[str], rng: np.random.Generator) -> Shown:
        """Return which emotion each modality shows."""
        found = Shown(*(emotion if rng.random() < share else str(rng.choice(among)) for share in
                        (self.text, self.sound, self.video)))  # fmt: skip
        if not self.parts:
            return found
        # sentences tell no more than the valence anyhow
        return Shown(found.text, _grouped(found.sound, _AROUSAL), _grouped(found.video, _FACES))


@dataclass(frozen=True)
class Shown:
    """The emotion that each modality of an utterance shows."""

    text: str
    sound: str
    video: str


def _grouped(emotion: str, groups: Sequence[Sequence[str]]) -> str:
    """Return the emotion that stands for its group, the group's first."""
    return next((group[0] for group in groups if emotion in group), emotion)


CLEAR = Signals()
"""Every modality tells, in a corpus as small as it can be."""


@dataclass(frozen=True)
class Line:
    """Something said: a text that an emotion colours, by an actor."""

    text: str
    actor: int
    emotion: str
    strength: float = 1.0

    def take(self, number: int = 0) -> Take:
        """Return how it is spoken."""
        return Take(self.text, self.actor, self.emotion, number, self.strength)


def iemocap(folder: Path, seed: int, signals: Signals) -> None:
    """Five sessions of two actors: two scripted dialogues, the same in all, and improvised ones, one or more."""
    rng, chance = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    emotions = ("neu", "hap", "exc", "sad", "ang", "fru", "xxx")
    spoken_as = dict(
        zip(emotions, ("neutral", "happiness", "excitement", "sadness", "anger", "frustration", "other"), strict=True)
    )
    among = sorted(set(spoken_as.values()))

    def written() -> list[tuple[str, str]]:
        """What is said in each turn of a dialogue, and as which emotion it sounds."""
        shown = [signals.shown(spoken_as[code], among, chance) for code in emotions]
        return [(_said(one.text, rng, signals.sentences), one.sound) for one in shown]

    scripts = {name: written() for name in ("script01_1", "script02_2")}
    with acting.stage() as stage:
        for session in range(1, 6):
            improvised = {f"impro{number + 1:02d}": written() for number in range(signals.times)}
            for kind, turns in (scripts | improvised).items():
                lines = [
                    (
                        f"{'FM'[turn % 2]}{turn // 2:03d}",
                        code,
                        Line(
                            text,
                            seed * 100 + (0 if signals.parts else 2 * session + turn % 2),
                            heard_as,
                            signals.strength,
                        ),
                    )
                    for turn, (code, (text, heard_as)) in enumerate(zip(emotions, turns, strict=True))
                ]
                name, takes = f"Ses0{session}F_{kind}", session if signals.parts else 0
                _dialogue(folder / f"Session{session}", name, lines, stage, takes)


def _dialogue(folder: Path, dialogue: str, lines: list[tuple[str, str, Line]], stage: Stage, take: int) -> None:
    evaluated, transcribed, clock_s = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], [], 1.0
    for turn, code, line in lines:
        samples = stage.perform(line.take(take))
        end_s = clock_s + samples.size / RATE_HZ
        name = f"{dialogue}_{turn}"
        acting.write(samples, folder / "sentences" / "wav" / dialogue / f"{name}.wav")
        evaluated += [
            f"[{clock_s:.4f} - {end_s:.4f}]\t{name}\t{code}\t[3.0000, 2.5000, 3.0000]",
            "C-E1:\tNeutral;\t()",
            "",
        ]
        transcribed.append(f"{name} [{clock_s:08.4f}-{end_s:08.4f}]: {line.text}")
        clock_s = end_s + 0.4
    tables.write_text(folder / "dialog" / "EmoEvaluation" / f"{dialogue}.txt", "\n".join(evaluated) + "\n")
    tables.write_text(folder / "dialog" / "transcriptions" / f"{dialogue}.txt", "\n".join(transcribed) + "\n")


def meld(folder: Path, seed: int, signals: Signals) -> None:
    """Nine dialogues of four turns with mp4s: a face that moves with the emotion; damaged quotes in the tables."""
    rng, chance = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    places = {
        "train": ("train_splits", 5),
        "dev": ("dev_splits_complete", 2),
        "test": ("output_repeated_splits_test", 2),
    }
    emotions = {
        "neutral": "neutral", "joy": "happiness", "sadness": "sadness", "anger": "anger", "surprise": "surprise",
        "fear": "fear", "disgust": "disgust",
    }  # fmt: skip
    people, started = ("Robin", "Kim", "Alex"), 0
    with acting.stage() as stage:
        for split, (place, n_dialogues) in places.items():
            rows: list[dict[str, Any]] = []
            for dialogue in range(n_dialogues * signals.times):
                for turn in range(4):
                    code = list(emotions)[(started + dialogue * 4 + turn) % len(emotions)]
                    who = (dialogue + turn) % len(people)
                    shown = signals.shown(emotions[code], list(emotions.values()), chance)
                    line = Line(
                        _said(shown.text, rng, signals.sentences), seed * 100 + 80 + who, shown.sound, signals.strength
                    )
                    # the same sentence by the same voice is another take, where dialogues are many
                    samples = stage.perform(line.take(started + dialogue if signals.times > 1 else 0))
                    begin_s = 60.0 * (started + dialogue) + 8 * turn
                    span_s = (begin_s, begin_s + samples.size / RATE_HZ)
                    row = _meld_row(line.text, people[who], (code, emotions[code]), (dialogue, turn), span_s)
                    rows.append({"Sr No.": len(rows) + 1, **row})
                    clip = folder / place / f"dia{dialogue}_utt{turn}.mp4"
                    faces.film(samples, shown.video, clip, seed=started + turn)
            started += n_dialogues * signals.times
            tables.write_csv(folder / f"{split}_sent_emo.csv", rows)


def _meld_row(
    said: str, who: str, emotion: tuple[str, str], place: tuple[int, int], span_s: tuple[float, float]
) -> dict[str, Any]:
    """Return a row of MELD's tables; `emotion` is MELD's code for it, and ours."""
    # as some copies have it: a Windows quote read as Latin-1
    text = f"I\x92d say {said}" if place == (0, 1) else said
    return {
        "Utterance": text, "Speaker": who, "Emotion": emotion[0], "Sentiment": _VALENCE[emotion[1]],
        "Dialogue_ID": place[0], "Utterance_ID": place[1], "Season": 1, "Episode": 2,
        "StartTime": _clock(span_s[0]), "EndTime": _clock(span_s[1]),
    }  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"00:{int(minutes):02d}:{int(rest):02d},{round(rest % 1 * 1000) % 1000:03d}"


def mosei(folder: Path, seed: int) -> None:
    """Six monologues of three segments: whole recordings, transcripts, labels as HDF5, folds."""
    import h5py

    rng = np.random.default_rng(seed)
    emotions = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
    labels: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
    with acting.stage() as stage:
        for number in range(6):
            video, clock_s, pieces, lines = f"vid-{number}aB", 0.0, [], []
            features: list[list[float]] = []
            intervals: list[list[float]] = []
            for turn in range(3):
                felt = [emotions[(number + turn) % 6]] if turn else []
                emotion = felt[0] if felt else "neutral"
                text = _said(emotion, rng)
                samples = stage.perform(Line(text, seed * 100 + 120 + number, emotion).take())
                end_s = clock_s + samples.size / RATE_HZ
                lines.append(f"{video}___{turn}___{clock_s:.3f}___{end_s:.3f}___{text}")
                features.append(
                    [
                        {"positive": 1.0, "neutral": 0.0, "negative": -2.0}[_VALENCE[emotion]],
                        *(float(name in felt) for name in emotions),
                    ]
                )
                intervals.append([round(clock_s, 3), round(end_s, 3)])
                pieces.append(samples)
                clock_s = end_s
            acting.write(np.concatenate(pieces), folder / "Audio" / f"{video}.wav")
            tables.write_text(folder / "Transcript" / f"{video}.txt", "\n".join(lines) + "\n")
            labels[video] = (features, intervals)
    for fold, videos in {"train": range(4), "valid": range(4, 5), "test": range(5, 6)}.items():
        tables.write_text(folder / "folds" / f"{fold}.txt", "".join(f"vid-{number}aB\n" for number in videos))
    with tables.whole(folder / "CMU_MOSEI_Labels.csd") as part, h5py.File(part, "w", track_order=True) as file:
        data = file.create_group("All Labels").create_group("data")
        for video, (found, times) in labels.items():
            group = data.create_group(video)
            group.create_dataset("features", data=np.array(found), track_times=False)
            group.create_dataset("intervals", data=np.array(times), track_times=False)


def plain(folder: Path, seed: int) -> None:
    """Twelve clips of four speakers in a CSV."""
    rng = np.random.default_rng(seed)
    rows = []
    with acting.stage() as stage:
        for number in range(12):
            emotion, speaker = ("neutral", "happiness", "anger")[number % 3], number % 4
            text = _said(emotion, rng)
            name = f"clips/{number:02d}.flac"
            acting.write(stage.perform(Line(text, seed * 100 + 140 + speaker, emotion).take()), folder / name)
            rows.append({"audio": name, "speaker": f"s{speaker}", "text": text, "emotion": emotion, "language": "en"})
    tables.write_csv(folder / "utterances.csv", rows)


def _said(emotion: str, rng: np.random.Generator, most: int | None = None) -> str:
    """Return a sentence; of the first so many frames and words alone, where `most` says how many."""
    frames = FRAMES[:most]
    frame = frames[int(rng.integers(len(frames)))]
    adjectives = ADJECTIVES[_VALENCE.get(emotion, "neutral")][:most]
    return frame.format(adjectives[int(rng.integers(len(adjectives)))])


MAKERS: dict[str, Callable[[Path, int], None]] = {"mosei": mosei, "plain": plain}
WITH_SIGNALS: dict[str, Callable[[Path, int, Signals], None]] = {"iemocap": iemocap, "meld": meld}
"""Those whose modalities may tell less than everything."""
