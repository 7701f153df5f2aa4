"""audformat: header and tables agree, ratings have their raters, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import soundfile
from ruamel.yaml import YAML

from tests.tasks.on_demand.exporting.conftest import Toy, digest

DTYPES = {"str": "string", "int": "int64", "float": "double", "bool": "bool"}


def read(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    header = YAML(typ="safe").load(folder / "db.yaml")
    rows = {}
    for name, described in header["tables"].items():
        table = pq.read_table(folder / f"db.{name}.parquet")
        assert table.column_names == ["file", *described["columns"]]
        for column, entry in described["columns"].items():
            scheme = header["schemes"][entry["scheme_id"]]
            assert str(table.schema.field(column).type) == DTYPES[scheme["dtype"]]
            assert set(table[column].drop_null().to_pylist()) <= set(scheme.get("labels", table[column].to_pylist()))
        for row in table.to_pylist() if name.startswith("utterances.") else ():
            assert row["split"] == described["split_id"]
            row["samples"] = digest(soundfile.read(folder / row.pop("file"), dtype="int16")[0])
            rows[row["utterance_id"]] = row
    return header, rows


def test_nothing_is_lost(toy: Toy, tmp_path: Path) -> None:
    toy.export("audformat", tmp_path / "out")
    header, rows = read(tmp_path / "out")
    assert rows == toy.expected(sound_only=True)
    assert header["splits"] == {"train": {"type": "train"}, "dev": {"type": "dev"}, "test": {"type": "test"}}
    assert header["media"]["sound"]["sampling_rate"] == 16_000
    assert (header["languages"], header["usage"]) == (["eng"], "other")
    assert header["schemes"]["label"]["labels"] == ["anger", "sadness"]


def test_ratings_have_their_raters(toy: Toy, tmp_path: Path) -> None:
    toy.export("audformat", tmp_path / "out")
    header, _ = read(tmp_path / "out")
    assert header["raters"] == {"ada": {"type": "human"}, "bob b.": {"type": "human"}}
    columns = header["tables"]["ratings.train"]["columns"]
    assert {name: entry["rater_id"] for name, entry in columns.items()} == {"listener-0": "ada", "listener-1": "bob b."}
    ratings = pq.read_table(tmp_path / "out" / "db.ratings.train.parquet").to_pylist()
    rated = [row for row in ratings if row["listener-0"]]
    assert [(row["listener-0"], row["listener-1"]) for row in rated] == [("negative", "positive")]
