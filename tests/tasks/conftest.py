"""A crawled, captioned project made on the spot, without network or voices: enough for every stage after captions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks import paths, tables
from tasks.tables import SENTIMENTS

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
                        {"utterance_id": one, "votes": {"vader": score}, "score": score, "sentiment": sentiment}
                    )
        tables.write(tables.from_rows(videos, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
        tables.write(tables.from_rows(utterances, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
        for row in votes:
            row["votes"] = list(row["votes"].items())
        tables.write(tables.from_rows(votes, tables.VOTES), paths.VOTES, tables.VOTES)

    return write
