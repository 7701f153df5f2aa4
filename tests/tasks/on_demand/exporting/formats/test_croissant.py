"""Croissant: digests are those of the files, every column is a field, and the sound files are there."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import soundfile

from tests.tasks.on_demand.exporting.conftest import Toy, digest


def test_metadata_of_a_table(toy: Toy, tmp_path: Path) -> None:
    toy.export("croissant", tmp_path / "out")
    folder = tmp_path / "out"
    described = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    table, sounds = described["distribution"]
    assert table["sha256"] == hashlib.sha256((folder / table["contentUrl"]).read_bytes()).hexdigest()
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*.flac")]
    assert len(fnmatch.filter(files, sounds["includes"])) == 7
    header = pq.read_schema(folder / "utterances.parquet").names
    fields = described["recordSet"][0]["field"]
    assert [field["source"]["extract"]["column"] for field in fields] == header
    kinds = {field["name"]: field["dataType"] for field in fields}
    assert (kinds["age"], kinds["weight"], kinds["text"]) == ("sc:Integer", "sc:Float", "sc:Text")


def test_nothing_is_lost(toy: Toy, tmp_path: Path) -> None:
    toy.export("croissant", tmp_path / "out")
    rows = {}
    for row in pq.read_table(tmp_path / "out" / "utterances.parquet").to_pylist():
        file = row.pop("file")
        row["samples"] = file and digest(soundfile.read(tmp_path / "out" / file, dtype="int16")[0])
        rows[row["utterance_id"]] = row
    assert rows == toy.expected()


def test_metadata_of_parquet_files(toy: Toy, tmp_path: Path) -> None:
    toy.export("hf", tmp_path / "out")
    described = json.loads((tmp_path / "out" / "croissant.json").read_text(encoding="utf-8"))
    *files, _ = described["distribution"]
    for file in files:
        assert file["sha256"] == hashlib.sha256((tmp_path / "out" / file["contentUrl"]).read_bytes()).hexdigest()
    fields = {field["name"]: field for field in described["recordSet"][0]["field"]}
    assert (fields["audio"]["dataType"], fields["audio"]["source"]["transform"]) == (
        "sc:AudioObject", {"jsonPath": "bytes"},
    )  # fmt: skip
    assert fields["label"]["description"] == "class, by its number: 0: anger, 1: sadness"
