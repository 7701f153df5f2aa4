"""A fabricated run: the files of every stage before the report, small and consistent."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tasks.core import paths, tables
from tasks.evaluation import scores
from tasks.experiments import plot_data, scoring
from tasks.experiments.row_selection import NO_TARGET
from tasks.labelling.people.rated_utterances import UnmatchedRow
from tasks.labelling.people.rating_coverage import RatingCoverage
from tasks.labelling.quality import label_quality
from tasks.labelling.votes.combine import Thresholds
from tests.tasks.pages.experiment_results import BOOTSTRAP, REFERENCES, common, drawn

VOTERS = ("afinn", "textblob", "vader")
N_SHARDS = 3
EXTRACT, CORPUS = "extract@interviews-mid-term", "corpus@interviews"
FEATURES = paths.features("interviews", "interviews-mid-term")
EXPERIMENT = paths.experiment("interviews-source")
REJECTED = {stage: paths.rejected(stage) for stage in ("crawl", "captions", "polarity", "segments", CORPUS)}
REJECTED[EXTRACT] = FEATURES / "rejected.parquet"
TEXTS = {
    "negative": "It was a terrible year and we lost nearly everything we had worked for.",
    "neutral": "The second office is on the other side of the river, next to the station.",
    "positive": "I loved every minute of it and the people there were wonderful to us.",
    None: "Well it was fine I suppose, although the weather was not what we had hoped.",
}
LEFT_OUT = ("too short", "too few words", "votes differ", "weak score")


@dataclass
class Run:
    """What a fabricated run holds, as rows, until it is written."""

    seed: int = 5
    n_train: int = 22
    n_test: int = 8
    per_video: int = 14
    classes: tuple[str, ...] = tables.SENTIMENTS
    with_rejects: bool = True
    listeners: bool = False
    title: str = "An interview"
    text: str | None = None
    detail: str = "HTTP Error 404: Not Found"
    videos: list[dict[str, Any]] = field(default_factory=list)
    utterances: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    rejects: list[tuple[str, str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        for split, count in (("train", self.n_train), ("test", self.n_test)):
            for number in range(1, count + 1):
                self._add_video(f"{split}-{number:02}", split)
        if self.with_rejects:
            self._reject()

    def write(self) -> None:
        """Write the files of every stage under the current folder."""
        _write(self.videos, tables.VIDEOS, paths.VIDEOS)
        _write(self.utterances, tables.UTTERANCES, paths.UTTERANCES)
        _write(self.votes, tables.VOTES, paths.VOTES)
        self._write_segments()
        lost = {item for stage, item, *_ in self.rejects if stage == EXTRACT}
        rows = [{"utterance_id": utterance_id} for utterance_id in self.cut if utterance_id not in lost]
        _write(rows, pa.schema([("utterance_id", pa.string())]), FEATURES / "index.parquet")
        for stage, path in REJECTED.items():
            mine = [
                {"item": item, "stage": stage, "reason": reason, "detail": detail}
                for which, item, reason, detail in self.rejects
                if which == stage
            ]
            _write(mine, tables.REJECTED, path)
        signals = [
            {"utterance_id": name, "speech_s": 1.5, "speech_share": 0.75, "snr_db": float(number)}
            for number, name in enumerate(self.cut)
        ]
        _write(signals, tables.SIGNALS, paths.signals("interviews"))
        self.write_predictions()
        _write_json(EXPERIMENT / "results.json", self.metrics())
        _write_json(EXPERIMENT / "audit.json", AUDIT)
        tables.write_text(EXPERIMENT / "plot_data.json", plot_data.dumps(drawn(self.classes)))
        _write_json(paths.LABELS, self.label_quality())

    def write_predictions(self, *more: dict[str, Any]) -> None:
        """Write the predictions of the test rows, and two of another variant and another seed, which are not shown."""
        rows = [*self.tested("test"), *more]
        columns = {"utterance_id": pa.string(), "group": pa.string(), "actual": pa.string(), "predicted": pa.string()}
        shown = [{**row, "actual": row["label"], "variant": "recipe", "run": 0} for row in rows]
        others = [
            {**shown[0], "predicted": "?", "variant": "shuffled labels"},
            {**shown[0], "predicted": "?", "run": 1},
        ]
        schema = pa.schema({**columns, "variant": pa.string(), "run": pa.int64()})
        _write([*others, *shown], schema, EXPERIMENT / "predictions.parquet")

    def tested(self, split: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["split"] == split and row["label"]]

    def metrics(self) -> dict[str, Any]:
        test, train, names = self.tested("test"), self.tested("train"), ("uar", "macro_f1", "weighted_f1", "accuracy")
        guesses = {name: self.rng.choice(self.classes, len(test)).tolist() for name in ("shuffled labels", "recipe")}
        guesses |= {"recipe": [row["predicted"] for row in test], "majority": ["neutral"] * len(test)}
        scored = {name: _scores(test, predicted, self.classes) for name, predicted in guesses.items()}
        fold = {"fold": "official", "seed": 7, "n_train": len(train), "n_test": len(test), **dict.fromkeys(names, 0.5)}
        return common(
            "classes", self.classes, experiment="interviews-source", corpus="interviews", reader="interviews",
            target="sentiment", protocol="official", protocol_in_words="Train and test as listed.", seeds=[7],
            features=[{"name": "interviews-mid-term", "extractor": "mid-term", "title": "statistics", "settings": {}}],
            n=len(test), n_groups=len({row["group"] for row in test}), windows=None, folds=[fold],
            scores=scored.pop("recipe"), references=REFERENCES[: 1 + self.listeners], left_out={NO_TARGET: 12},
            baselines={name: {measure: values[measure] for measure in names} for name, values in scored.items()},
        )  # fmt: skip

    def _ratings(self) -> dict[str, Any]:
        """Nine rows of ratings: two are of no utterance, one has no majority."""
        if not self.listeners:
            return RatingCoverage(0, 0, 0, {}, ()).to_dict()
        lost = [UnmatchedRow("<i>.csv", row, "test-9", 1.0, 2.5, "no such video") for row in (3, 8)]
        return RatingCoverage(9, 7, 6, {"no majority": 1}, tuple(lost)).to_dict()

    def judged(self) -> label_quality.VotedTexts:
        """What the voters said of what is fit to be judged; listeners heard every third test utterance otherwise."""
        utterances = {row["utterance_id"]: row for row in self.utterances}
        rows = [row for row in self.votes if row["left_out"] not in LEFT_OUT[:2]]
        ratings = [
            (row["sentiment"] if number % 3 else "neutral")
            if self.listeners and "/test-" in row["utterance_id"]
            else ""
            for number, row in enumerate(rows)
        ]
        return label_quality.VotedTexts(
            [utterances[row["utterance_id"]]["text"] for row in rows],
            np.array([[dict(row["votes"])[name] for name in VOTERS] for row in rows]),
            VOTERS,
            np.array([rating or "" for rating in ratings], dtype=str),
            np.array([utterances[row["utterance_id"]]["group"] for row in rows], dtype=str),
            np.array([utterances[row["utterance_id"]]["split"] == "train" for row in rows], dtype=bool),
        )

    def label_quality(self) -> dict[str, Any]:
        judged, thresholds = self.judged(), Thresholds(0.25, 0.5)
        ids = [row["utterance_id"] for row in self.votes if row["left_out"] not in LEFT_OUT[:2]]
        chosen = judged.combined("consensus", thresholds)
        return {
            **label_quality.measured(judged, "consensus", thresholds, scores.Bootstrap(100, 0.95, 0)),
            "ratings": self._ratings(),
            "licences": dict.fromkeys(VOTERS, "MIT"),
            "disagreements": [
                {"utterance_id": ids[k], "heard": str(judged.gold[k]), "label": str(chosen.labels[k])}
                for k in label_quality.disagreements(judged, chosen, 4).tolist()
            ],
            "proposed": None,
            "learning_curve": None,
            "selection": {"in_words": "Combination consensus: named in params.yaml.", "table": [], "nested": None},
            "rules": [],
        }

    def _add_video(self, video_id: str, split: str) -> None:
        self.videos.append(
            {
                "video_id": video_id,
                "split": split,
                "url": f"http://127.0.0.1:8417/watch/{video_id}",
                "title": f"{self.title} {video_id}",
                "duration_s": 90.0,
                "caption_kind": "manual",
                "audio": f"{video_id}.flac",
                "audio_sha256": hashlib.sha256(video_id.encode()).hexdigest(),
            }
        )
        lean = self.rng.dirichlet([2.0] * len(self.classes))
        for number in range(self.per_video):
            self._add_utterance(f"weak/{video_id}/{number:04}", video_id, split, number, lean)

    def _add_utterance(self, utterance_id: str, video_id: str, split: str, number: int, lean: Any) -> None:
        left_out = str(self.rng.choice(LEFT_OUT)) if self.rng.random() < 0.35 else None
        label = None if left_out else str(self.rng.choice(self.classes, p=lean))
        start_s = number * 6.0
        end_s = start_s + float(self.rng.uniform(2.1, 5.5)) if left_out != "too short" else start_s + 1.2
        shared = {"utterance_id": utterance_id, "corpus": "weak", "group": video_id, "split": split, "start_s": start_s}
        self.utterances.append({**shared, "end_s": end_s, "text": self.text or TEXTS[label]})
        votes = self._votes(label)
        score = sum(votes.values()) / len(votes)
        self.votes.append(
            {
                "utterance_id": utterance_id,
                "votes": list(votes.items()),
                "score": score,
                "sentiment": label,
                "left_out": left_out,
                "majority": label,
                "weight": 1.0 if label else None,
                **{name: float(name == (label or "neutral")) for name in tables.SENTIMENTS},
            }
        )
        if left_out not in LEFT_OUT[:2]:
            self.cut.append(utterance_id)
            if label or split == "test":
                self._predict(utterance_id, video_id, split, label)

    def _votes(self, label: str | None) -> dict[str, float]:
        if label == "neutral":
            return dict.fromkeys(VOTERS, 0.0)
        low, high = {"negative": (-0.95, -0.3), "positive": (0.3, 0.95), None: (-0.4, 0.4)}[label]
        return {voter: float(self.rng.uniform(low, high)) for voter in VOTERS}

    def _predict(self, utterance_id: str, video_id: str, split: str, label: str | None) -> None:
        right = label is not None and self.rng.random() < 0.62
        predicted = label if right else str(self.rng.choice(self.classes))
        row = {"utterance_id": utterance_id, "group": video_id, "split": split}
        self.rows.append({**row, "label": label, "predicted": predicted})

    def _reject(self) -> None:
        for number in (91, 92, 93):
            self.rejects.append(("crawl", f"train-{number}", "removed" if number < 93 else "no captions", self.detail))
        self.rejects.append(("crawl", "test-91", "too long", self.detail))
        silent = {**self.videos[0], "video_id": "train-80", "title": "Only laughter"}
        self.videos.append(silent)
        self.rejects.append(("captions", "train-80", "only tags", self.detail))
        self.rejects.append(("captions", "weak/train-01/0099", "past the end", self.detail))
        agreed = [row["utterance_id"] for row in self.rows if row["label"]]
        for stage, utterance_id in (("segments", agreed[3]), (EXTRACT, agreed[-4])):
            self.rejects.append(
                (stage, utterance_id, {"segments": "past the end", EXTRACT: "no features"}[stage], self.detail)
            )
            self.rows = [row for row in self.rows if row["utterance_id"] != utterance_id]
        self.cut.remove(agreed[3])

    def _write_segments(self) -> None:
        sounds = _sounds()
        index: list[dict[str, Any]] = []
        paths.SHARDS.mkdir(parents=True)
        spans = {row["utterance_id"]: row for row in self.utterances}
        for shard in range(N_SHARDS):
            videos = [row["video_id"] for row in self.videos][shard::N_SHARDS]
            name = f"{shard:04}.parquet"
            with pq.ParquetWriter(paths.SHARDS / name, tables.SEGMENTS, compression="none") as writer:
                for row_group, video in enumerate(videos):
                    cut = [spans[utterance_id] for utterance_id in self.cut if spans[utterance_id]["group"] == video]
                    rows = [_segment(row, sounds) for row in cut]
                    writer.write_table(tables.from_rows(rows, tables.SEGMENTS))
                    entry = {"shard": name, "row_group": row_group, "n_segments": len(rows), "sha256": "0" * 64}
                    index.append({"video_id": video, **entry})
        _write(index, tables.SEGMENT_INDEX, paths.SEGMENT_INDEX)


@pytest.fixture
def finished(project: Path) -> Callable[..., Run]:
    """Fabricate a finished run in the current folder and return its rows."""

    def make(**options: Any) -> Run:
        shutil.rmtree(paths.DATA, ignore_errors=True)
        run = Run(**options)
        run.write()
        return run

    return make


def _scores(rows: list[dict[str, Any]], predicted: list[str], classes: tuple[str, ...]) -> dict[str, Any]:
    ids, actual, groups = (np.array([row[name] for row in rows]) for name in ("utterance_id", "label", "group"))
    columns = np.array([[float(guess == name) for name in classes] for guess in predicted])
    run = scoring.Run(ids, actual, columns, groups, np.zeros(len(rows), dtype=np.int64))
    return scoring.of_classes([run], classes, BOOTSTRAP, per_fold=False)


def _sounds() -> list[bytes]:
    time_s = np.arange(12_800) / 16_000
    return [
        _flac(0.2 * np.sin(2 * np.pi * pitch_hz * time_s) * np.hanning(time_s.size)) for pitch_hz in (180, 220, 330)
    ]


def _flac(signal: Any) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, signal, 16_000, format="FLAC", subtype="PCM_16")
    return sink.getvalue()


def _segment(row: dict[str, Any], sounds: list[bytes]) -> dict[str, Any]:
    utterance_id = row["utterance_id"]
    audio = {"bytes": sounds[len(row["text"]) % len(sounds)], "path": f"{utterance_id.replace('/', '_')}.flac"}
    return {"utterance_id": utterance_id, "start_s": row["start_s"], "end_s": row["end_s"], "audio": audio}


def _write(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    tables.write(tables.from_rows(rows, schema), path, schema)


def _write_json(path: Path, content: Any) -> None:
    tables.write_text(path, json.dumps(content))


AUDIT = {
    "protocol": "official",
    "words": "Train and test as listed.",
    "n": 40,
    "parts": [{"name": "official", "n_train": 30, "n_test": 10}],
    "passed": True,
    "findings": [
        {
            "check": "same text", "severity": "warning", "n": 2, "of": 10, "what": "20.0% of the test utterances …",
            "examples": ["weak/test-01/0001", "<b>"],
        },
        {"check": "same sound", "severity": "violation", "n": 0, "of": 10, "what": "0.0% …", "examples": []},
    ],
}  # fmt: skip
