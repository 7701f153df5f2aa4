"""Projects made on the spot, without network or voices: a crawled one with captions, and a corpus with features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from tasks.core import config, paths, tables
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.core.tables import SENTIMENTS
from tasks.features.base import store
from tasks.labelling.quality import combination_file

RATE_HZ = 16_000
TEXT = "several words that someone once said about nothing"


def _voice(sentiment: str, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    pitch_hz = {"negative": 110, "neutral": 150, "positive": 230}[sentiment] * rng.uniform(0.85, 1.15)
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    loudness = {"negative": 0.15, "neutral": 0.2, "positive": 0.35}[sentiment] * rng.uniform(0.7, 1.3)
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 6))
    return loudness * tone * (1 + 0.3 * np.sin(2 * np.pi * 4 * time_s)) + 0.01 * rng.standard_normal(time_s.size)


@pytest.fixture
def captioned(project: Path) -> Callable[..., None]:
    """Write videos, media, utterances and votes for so many videos a split; sound says the sentiment."""

    def write(n_train: int = 6, n_test: int = 3, per_video: int = 9) -> None:
        rng = np.random.default_rng(5)
        videos, utterances, votes = [], [], []
        paths.MEDIA.mkdir(parents=True)
        for split, n_videos in (("train", n_train), ("test", n_test)):
            for number in range(n_videos):
                video_id = f"{split}-{number}"
                spoken = [SENTIMENTS[(number + turn) % 3] for turn in range(per_video)]
                signal = np.concatenate([_voice(sentiment, 2.5, rng) for sentiment in spoken])
                audio = paths.MEDIA / f"{video_id}.flac"
                soundfile.write(audio, signal, RATE_HZ, subtype="PCM_16")
                videos.append(
                    {
                        "video_id": video_id, "split": split, "url": f"http://example.org/{video_id}",
                        "duration_s": signal.size / RATE_HZ, "audio": audio.name,
                        "audio_sha256": hashlib.sha256(audio.read_bytes()).hexdigest(), "caption_kind": "manual",
                        "language": "en", "caption_format": "vtt",
                    }
                )  # fmt: skip
                for turn, sentiment in enumerate(spoken):
                    one = f"weak/{video_id}/{turn:04d}"
                    utterances.append(
                        {
                            "utterance_id": one, "corpus": "weak", "language": "en", "group": video_id, "turn": turn,
                            "audio": audio.name, "start_s": turn * 2.5, "end_s": turn * 2.5 + 2.4,
                            "text": TEXT, "text_source": "manual", "split": split,
                        }
                    )  # fmt: skip
                    score = {"negative": -0.5, "neutral": 0.0, "positive": 0.5}[sentiment]
                    votes.append(
                        {
                            "utterance_id": one,
                            "votes": {"vader": score},
                            "score": score,
                            "sentiment": sentiment,
                            "majority": sentiment,
                            "weight": 1.0,
                            **{name: float(name == sentiment) for name in SENTIMENTS},
                        }
                    )
        tables.write(tables.from_rows(videos, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
        tables.write(tables.from_rows(utterances, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
        for row in votes:
            row["votes"] = list(row["votes"].items())
        tables.write(tables.from_rows(votes, tables.VOTES), paths.VOTES, tables.VOTES)
        tables.write_text(paths.COMBINATION, combination_file.text(combination_file.made("consensus", None)))

    return write


EMOTIONS = ("anger", "happiness", "neutral")
_SENTIMENT = {"anger": "negative", "happiness": "positive", "neutral": "neutral"}


def _corpus(
    name: str = "toy", n_speakers: int = 8, per_speaker: int = 9, *, extra: bool = False
) -> list[dict[str, Any]]:
    """Write the utterance table of a corpus with three classes, spread over speakers, and return its rows."""
    rows = []
    for speaker in range(n_speakers):
        for turn in range(per_speaker):
            emotion = EMOTIONS[(speaker + turn) % 3]
            part = "test" if speaker >= n_speakers - 2 else "dev" if speaker == n_speakers - 3 else "train"
            rows.append(
                {
                    "utterance_id": f"{name}/s{speaker}-{turn:02d}", "corpus": name, "language": "en",
                    "speaker": f"{name}/s{speaker}", "group": f"{name}/g{speaker}", "turn": turn,
                    "text": f"take {turn} of speaker {speaker}", "emotion": emotion, "native_label": emotion[:3],
                    "sentiment": _SENTIMENT[emotion], "split": part, "script": f"{name}/t{turn}",
                }
            )  # fmt: skip
    schema = tables.UTTERANCES
    if extra:
        names = ["sentiment_intensity", *(f"{one}_intensity" for one in
                 ("happiness", "sadness", "anger", "surprise", "disgust", "fear"))]  # fmt: skip
        schema = pa.schema([*schema, *((one, pa.float64()) for one in names)])
        for row in rows:
            row |= dict.fromkeys(names, 0.0)
            row["sentiment_intensity"] = {"anger": -2.0, "happiness": 2.0, "neutral": 0.0}[row["emotion"]]
            row["happiness_intensity"] = float(row["emotion"] == "happiness")
            row["anger_intensity"] = float(row["emotion"] == "anger")
            row["sadness_intensity"] = float(row["emotion"] != "neutral")
    folder = paths.folder(f"corpus@{name}")
    tables.write(tables.from_rows(rows, schema), folder / "utterances.parquet", schema)
    tables.write(tables.SOUNDS.empty_table(), folder / "sounds.parquet", tables.SOUNDS)
    tables.write(tables.PICTURES.empty_table(), folder / "pictures.parquet", tables.PICTURES)
    tables.write_text(folder / "reading.json", json.dumps({"simulated": True}))
    return rows


def _features(
    rows: list[dict[str, Any]],
    name: str,
    *,
    strength: float = 3.0,
    gives: str = "vector",
    seed: int = 1,
    step_s: float | None = None,
) -> None:
    """Write features of rows that say the class as loudly as `strength`; 0: not at all."""
    rng = np.random.default_rng(seed)
    found = []
    for row in rows:
        if gives == "text":
            value: Any = f"{row['emotion'] if strength else 'word'} said number {rng.integers(9)}"
        else:
            n_steps = int(rng.integers(2, 6)) if gives == "sequence" else 1
            value = rng.normal(size=(n_steps, 6)).astype(np.float32)
            value[:, EMOTIONS.index(row["emotion"])] += strength
            value = value if gives == "sequence" else value[0]
        found.append(store.row(row["utterance_id"], value))
    card = {"extractor": "toy", "title": "toy", "settings": {}, "gives": gives, "step_s": step_s}
    folder = paths.features("toy", name)
    store.write(folder, [tables.from_rows(found, store.EXTRACTED)], card)


@pytest.fixture
def toy(project: Path) -> Callable[..., Config]:
    """Write a corpus and its features; return settings with one experiment, `trial`, that recipe entries override."""

    def write(
        reader: str = "plain", strength: float = 3.0, extra: bool = False, size: tuple[int, int] = (8, 9), **recipe: Any
    ) -> Config:
        rows = _corpus("toy", *size, extra=extra)
        _features(rows, "toy-voice", strength=strength)
        _features(rows, "toy-more", strength=strength, seed=2)
        _features(rows, "toy-words", strength=strength, gives="text")
        _features(rows, "toy-steps", strength=strength, gives="sequence")
        _features(rows, "toy-frames", strength=strength, gives="sequence", step_s=0.01)
        entries = {
            "toy-voice": ("functionals", {}),
            "toy-more": ("text-embedding", {}),
            "toy-words": ("text", {}),
            "toy-steps": ("token-states", {}),
            "toy-frames": ("mfcc", {}),
        }
        base: dict[str, Any] = {
            "corpus": "toy", "target": "emotion", "features": ["toy-voice"], "model": {"name": "logistic"},
            "protocol": "speaker-out(4)", "declare": [],
        }  # fmt: skip
        shipped = config.load(paths.PARAMS)
        return shipped.model_copy(
            update={
                "corpora": {"toy": Corpus(reader=reader, path="nowhere")},
                "features": {
                    name: Extraction(corpus="toy", extractor=one, settings=settings)
                    for name, (one, settings) in entries.items()
                },
                "experiments": {"trial": Experiment(**{**base, **recipe})},
            }
        )

    return write
