"""Simulated talk: IEMOCAP's sessions, MELD's dialogues with talking faces, CMU-MOSEI's monologues, a plain CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks import tables
from tasks.simulate import acting, faces
from tasks.simulate.acting import Stage, Take
from tasks.simulate.sentences import ADJECTIVES, FRAMES
from tasks.simulate.voices import RATE_HZ

_VALENCE = {
    "neutral": "neutral", "happiness": "positive", "excitement": "positive", "surprise": "positive",
    "sadness": "negative", "anger": "negative", "fear": "negative", "disgust": "negative", "frustration": "negative",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Something said: a text that an emotion colours, by an actor."""

    text: str
    actor: int
    emotion: str

    def take(self, number: int = 0) -> Take:
        """Return how it is spoken."""
        return Take(self.text, self.actor, self.emotion, number)


def iemocap(folder: Path, seed: int) -> None:
    """Five sessions of two actors: two scripted dialogues, the same in all, and one improvised."""
    rng = np.random.default_rng(seed)
    emotions = ("neu", "hap", "exc", "sad", "ang", "fru", "xxx")
    spoken_as = dict(
        zip(emotions, ("neutral", "happiness", "excitement", "sadness", "anger", "frustration", "other"), strict=True)
    )
    scripts = {name: [_said(spoken_as[code], rng) for code in emotions] for name in ("script01_1", "script02_2")}
    with acting.stage() as stage:
        for session in range(1, 6):
            improvised = [_said(spoken_as[code], rng) for code in emotions]
            for kind, texts in (*scripts.items(), ("impro01", improvised)):
                lines = [
                    (
                        f"{'FM'[turn % 2]}{turn // 2:03d}",
                        code,
                        Line(text, seed * 100 + 2 * session + turn % 2, spoken_as[code]),
                    )
                    for turn, (code, text) in enumerate(zip(emotions, texts, strict=True))
                ]
                _dialogue(folder / f"Session{session}", f"Ses0{session}F_{kind}", lines, stage)


def _dialogue(folder: Path, dialogue: str, lines: list[tuple[str, str, Line]], stage: Stage) -> None:
    evaluated, transcribed, clock_s = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], [], 1.0
    for turn, code, line in lines:
        samples = stage.perform(line.take())
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


def meld(folder: Path, seed: int) -> None:
    """Nine dialogues of four turns with mp4s: a face that moves with the emotion; damaged quotes in the tables."""
    rng = np.random.default_rng(seed)
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
            for dialogue in range(n_dialogues):
                for turn in range(4):
                    code = list(emotions)[(started + dialogue * 4 + turn) % len(emotions)]
                    who = (dialogue + turn) % len(people)
                    line = Line(_said(emotions[code], rng), seed * 100 + 80 + who, emotions[code])
                    samples = stage.perform(line.take())
                    begin_s = 60.0 * (started + dialogue) + 8 * turn
                    span_s = (begin_s, begin_s + samples.size / RATE_HZ)
                    row = _meld_row(line, people[who], code, (dialogue, turn), span_s)
                    rows.append({"Sr No.": len(rows) + 1, **row})
                    faces.film(
                        samples, line.emotion, folder / place / f"dia{dialogue}_utt{turn}.mp4", seed=started + turn
                    )
            started += n_dialogues
            tables.write_csv(folder / f"{split}_sent_emo.csv", rows)


def _meld_row(line: Line, who: str, code: str, place: tuple[int, int], span_s: tuple[float, float]) -> dict[str, Any]:
    # as some copies have it: a Windows quote read as Latin-1
    text = f"I\x92d say {line.text}" if place == (0, 1) else line.text
    return {
        "Utterance": text, "Speaker": who, "Emotion": code, "Sentiment": _VALENCE[line.emotion],
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


def _said(emotion: str, rng: np.random.Generator) -> str:
    frame = FRAMES[int(rng.integers(len(FRAMES)))]
    adjectives = ADJECTIVES[_VALENCE.get(emotion, "neutral")]
    return frame.format(adjectives[int(rng.integers(len(adjectives)))])


MAKERS: dict[str, Callable[[Path, int], None]] = {"iemocap": iemocap, "meld": meld, "mosei": mosei, "plain": plain}
