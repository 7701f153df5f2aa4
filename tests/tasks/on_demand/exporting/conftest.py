"""A corpus of a few rows that are hard to write: odd texts and names, no sound, no speaker, no label, several parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Config, Corpus
from tasks.on_demand.exporting import export
from tasks.on_demand.exporting.selection import ExportRequest

EXTRA = pa.schema([("ratings", pa.string()), ("age", pa.int64()), ("label", pa.string()), ("voice", pa.string())])
TEXTS = [
    'He said: "no, never".',
    "two\nlines\r and  spaces ",
    "NA",
    "=SUM(A1:A9)",
    "naïve – 日本 🎧 100%",
    "",
    None,
    "without sound",
]
SPEAKERS = ["toy/Ann-Marie", "toy/Ann", "toy/ann", None, "toy/a b", "toy/Ann", "toy/Ann-Marie", None]
RATE_HZ = 16_000
N_FILES = 4
"""Rows 0 and 1, 2 and 3, … share a file, but the last one, which has none."""


@dataclass
class Toy:
    """The corpus in a project, its rows, and their samples by id."""

    config: Config
    rows: list[dict[str, Any]]
    samples: dict[str, NDArray[np.int16]] = field(default_factory=dict)

    def export(
        self, format_name: str, folder: Path, /, *, encoding: str | None = None, **request: Any
    ) -> export.Exported:
        wanted = ExportRequest(**{"name": "toy", **request})
        return export.export(format_name, wanted, folder, self.config, encoding=encoding, progress=lambda *_: None)

    def expected(self, *, sound_only: bool = False) -> dict[str, dict[str, Any]]:
        """The exported columns of each row by id, with the digest of its samples."""
        renamed = {"audio": "source_audio", "label": "corpus_label"}
        dropped = {"video", "voice", "turn", "script", "valence", "arousal", "dominance"}
        expected = {}
        for row in self.rows:
            values = {renamed.get(name, name): value for name, value in row.items() if name not in dropped}
            samples = self.samples.get(row["utterance_id"])
            if samples is None and sound_only:
                continue
            values["label"] = row["emotion"]
            values["duration_s"] = None if samples is None else samples.size / RATE_HZ
            values["samples"] = None if samples is None else digest(samples)
            expected[row["utterance_id"]] = values
        return expected


def digest(samples: NDArray[np.int16]) -> str:
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()


@pytest.fixture
def toy(project: Path, settings: Config) -> Toy:
    rows = [_row(number) for number in range(len(TEXTS))]
    # ids that are the same file name, but for case or a sign that names of files lack
    rows[1]["utterance_id"], rows[2]["utterance_id"] = "toy/A", "toy/a"
    rows[3]["utterance_id"], rows[4]["utterance_id"] = "toy/x/y", "toy/x_y"
    media = project / "media"
    media.mkdir()
    signals = np.random.default_rng(5).integers(-20_000, 20_000, (N_FILES, 2 * RATE_HZ)).astype(np.int16)
    made = Toy(settings.model_copy(update={"corpora": {"toy": Corpus(reader="plain", path=str(media))}}), rows)
    for number, signal in enumerate(signals):
        soundfile.write(media / f"file {number}.wav", signal, RATE_HZ, subtype="PCM_16")
    for row in rows:
        if row["audio"]:
            signal = signals[int(row["audio"][5])]
            made.samples[row["utterance_id"]] = signal[round(row["start_s"] * RATE_HZ) : round(row["end_s"] * RATE_HZ)]
    _write(made)
    return made


def _row(number: int) -> dict[str, Any]:
    has_sound = number < len(TEXTS) - 1
    return {
        "utterance_id": f"toy/{number}",
        "corpus": "toy",
        "language": "en",
        "speaker": SPEAKERS[number],
        "group": f"toy/{number // 2}",
        **dict.fromkeys(("turn", "script", "valence", "arousal", "dominance", "video", "voice")),
        "audio": f"file {number // 2}.wav" if has_sound else None,
        "start_s": 0.25 + 0.75 * (number % 2) if has_sound else None,
        "end_s": 1.0 + 0.75 * (number % 2) if has_sound else None,
        "text": TEXTS[number],
        "text_source": "manual",
        "emotion": ["anger", "sadness", None][number % 3],
        "native_label": ["01", "NA", None][number % 3],
        "sentiment": ["negative", "negative", None][number % 3],
        "label_source": "corpus",
        "weight": [1.0, 1 / 3, None][number % 3],
        "split": ["train", "train", "dev", "test"][number // 2],
        "licence": "CC BY 4.0",
        "ratings": json.dumps({"ada": "negative", "bob b.": "positive"}) if number == 0 else None,
        "age": 30 + number if number % 2 else None,
        "label": "theirs",
    }


def _write(toy: Toy) -> None:
    schema = tables.utterances(EXTRA)
    rows = [{**row, "voice": "identifies a person"} for row in toy.rows]
    tables.write(tables.from_rows(rows, schema), paths.utterances("toy"), schema)
    sounds = [
        {"utterance_id": name, "duration_s": samples.size / RATE_HZ, "samples_sha256": digest(samples)}
        for name, samples in toy.samples.items()
    ]
    tables.write(tables.from_rows(sounds, tables.SOUNDS), paths.sounds("toy"), tables.SOUNDS)
    rejected = [{"item": "toy/9", "stage": "corpus@toy", "reason": "no such file", "detail": "a row names it"}]
    tables.write(tables.from_rows(rejected, tables.REJECTED), paths.rejected("corpus@toy"), tables.REJECTED)
    note = {"title": "A corpus of your own", "simulated": False, "n_utterances": len(rows), "n_with_sound": len(sounds)}
    tables.write_text(paths.reading("toy"), json.dumps(note))


@pytest.fixture
def predicted(toy: Toy) -> Callable[..., None]:
    """Write the predictions of an experiment on the first rows, with two runs and a baseline."""

    def write(n_rows: int = 4) -> None:
        from tasks.core.config import Experiment

        rows = sorted(toy.rows[:n_rows], key=lambda row: row["utterance_id"])
        table = [
            {
                "variant": variant,
                "run": run,
                "fold": place % 2,
                "utterance_id": row["utterance_id"],
                "group": row["group"],
                "actual": "anger" if place % 2 else "fear",
                "predicted": ["anger", "joy"][run],
                "score anger": 0.1 * place + run,
                "score fear": -0.5,
            }
            for variant in ("recipe", "majority class")
            for run in (0, 1)
            for place, row in enumerate(rows)
        ]
        from tasks.core import artifacts

        with tables.whole(paths.experiment("guess") / "predictions.parquet") as part:
            artifacts.write_parquet(pa.Table.from_pylist(table), part)
        metrics = {
            "target": "emotion", "protocol": "random(2)", "protocol_in_words": "LEAKY: random.", "leaky": True,
            "n": n_rows, "scores": {"n": n_rows, "uar": {"value": 0.5, "low": 0.25, "high": 0.75}, "confusion": [[1]]},
            "baselines": {"majority": {"uar": {"value": 0.25}}},
        }  # fmt: skip
        tables.write_text(paths.experiment("guess") / "results.json", json.dumps(metrics))
        recipe = Experiment.model_construct(corpus="toy")
        toy.config = toy.config.model_copy(update={"experiments": {"guess": recipe}})

    return write
