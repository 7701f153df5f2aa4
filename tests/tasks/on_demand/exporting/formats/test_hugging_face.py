"""Hugging Face: parts, features of the schema's metadata, card, and nothing is lost; memory stays bounded."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from ruamel.yaml import YAML

from tasks.core import paths
from tasks.on_demand.exporting.formats import hugging_face
from tests.tasks.on_demand.exporting import conftest
from tests.tasks.on_demand.exporting.conftest import Toy, digest


def features(path: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    return described


def read(folder: Path) -> dict[str, dict[str, Any]]:
    rows = {}
    for path in sorted((folder / "data").iterdir()):
        names = features(path).get("label", {}).get("names")
        for row in pq.read_table(path).to_pylist():
            assert path.name.startswith(f"{row['split']}-")
            sound = row.pop("audio")
            row["samples"] = sound and digest(soundfile.read(io.BytesIO(sound["bytes"]), dtype="int16")[0])
            if names and row["label"] is not None:
                row["label"] = names[row["label"]]
            rows[row["utterance_id"]] = row
    return rows


def test_nothing_is_lost(toy: Toy, tmp_path: Path) -> None:
    toy.export("hf", tmp_path / "out")
    assert read(tmp_path / "out") == toy.expected()
    files = [path.name for path in sorted((tmp_path / "out" / "data").iterdir())]
    assert files == [f"{part}-00000-of-00001.parquet" for part in ("dev", "test", "train")]


def test_sound_is_an_audio_feature_and_the_label_a_class(toy: Toy, tmp_path: Path) -> None:
    toy.export("hf", tmp_path / "out")
    described = features(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    assert described["audio"] == {"sampling_rate": 16_000, "_type": "Audio"}
    assert described["label"] == {"names": ["anger", "sadness"], "_type": "ClassLabel"}
    assert described["weight"] == {"dtype": "float64", "_type": "Value"}


def test_large_parts_are_several_files_of_several_row_groups(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugging_face, "_MAX_GROUP_ROWS", 1)
    monkeypatch.setattr(hugging_face, "_MAX_SHARD_BYTES", 40_000)
    toy.export("hf", tmp_path / "out")
    train = sorted((tmp_path / "out" / "data").glob("train-*"))
    assert [path.name for path in train] == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert [pq.ParquetFile(path).num_row_groups for path in train] == [2, 2]
    assert read(tmp_path / "out") == toy.expected()


def test_the_card_has_the_header_of_the_hub(toy: Toy, tmp_path: Path) -> None:
    toy.export("hf", tmp_path / "out")
    _, header, body = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    read_header = YAML(typ="safe").load(header)
    assert (read_header["license"], read_header["language"]) == ("other", ["en"])
    assert read_header["size_categories"] == ["n<1K"]
    assert read_header["configs"][0]["data_files"] == [
        {"split": part, "path": f"data/{part}-*.parquet"} for part in ("train", "dev", "test")
    ]
    for title in ("Sources and licences", "From the sources to these rows", "Protocol", "Labels", "Known limits"):
        assert f"\n## {title}\n" in body


def test_predictions(toy: Toy, predicted: Callable[..., None], tmp_path: Path) -> None:
    predicted()
    toy.export("hf", tmp_path / "out", name="guess")
    rows = read(tmp_path / "out")
    assert rows.keys() == {row["utterance_id"] for row in toy.rows[:4]}
    first = rows["toy/0"]
    assert (first["label"], first["predicted"], first["fold"]) == ("fear", "anger", 0)
    assert (first["score_anger"], first["score_fear"], first["emotion"]) == (0.0, -0.5, "anger")
    assert first["samples"] == toy.expected()["toy/0"]["samples"]
    described = features(next((tmp_path / "out" / "data").iterdir()))
    assert described["label"]["names"] == ["anger", "fear"]
    assert "LEAKY" in (tmp_path / "out" / "README.md").read_text()


def test_parts_whose_names_are_alike(toy: Toy, tmp_path: Path) -> None:
    for row, split in zip(toy.rows, ["Session 1/a", "session_1_a"] * 4, strict=True):
        row["split"] = split
    conftest._write(toy)
    toy.export("hf", tmp_path / "out")
    files = sorted(path.name for path in (tmp_path / "out" / "data").iterdir())
    assert files[0] == "Session_1_a-00000-of-00001.parquet"
    assert re.fullmatch(r"session_1_a_[0-9a-f]{8}-00000-of-00001\.parquet", files[1])
    toy.export("audformat", tmp_path / "db")
    assert len(list((tmp_path / "db").glob("db.utterances.*.parquet"))) == 2


def test_predictions_of_values_and_of_several_labels(toy: Toy, predicted: Callable[..., None], tmp_path: Path) -> None:
    predicted()
    path = paths.experiment("guess") / "predictions.parquet"
    table = pq.read_table(path).drop_columns(["actual", "predicted", "score anger", "score fear"])
    rows = pa.array(range(table.num_rows), pa.float64())
    pq.write_table(table.append_column("actual", rows).append_column("score emotion", rows), path)
    toy.export("hf", tmp_path / "values", name="guess")
    (file,) = (tmp_path / "values" / "data").iterdir()
    assert features(file)["label"] == {"dtype": "float64", "_type": "Value"}
    assert pq.read_table(file)["score_emotion"].to_pylist() == [0.0, 1.0, 2.0, 3.0]
    columns = {f"{kind} {name}": rows for kind in ("actual", "score") for name in ("a b", "a-b")}
    for name, column in columns.items():
        table = table.append_column(name, column)
    pq.write_table(table, path)
    toy.export("hf", tmp_path / "labels", name="guess")
    (file,) = (tmp_path / "labels" / "data").iterdir()
    assert "label" not in features(file)
    assert len([name for name in features(file) if name.startswith(("actual_a_b", "score_a_b"))]) == 4
