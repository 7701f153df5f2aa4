"""Tables between stages: schema and rules are checked on the way in and out; files are written whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from tasks import tables
from tasks.errors import TableError


def utterance(**changes: object) -> dict[str, object]:
    row = {"utterance_id": "weak/train-1/0001", "corpus": "weak", "group": "train-1", "start_s": 1.0, "end_s": 2.0}
    return {**row, **changes}


def test_round_trip_gives_the_same_bytes(tmp_path: Path) -> None:
    table = tables.from_rows([utterance()], tables.UTTERANCES)
    for name in ("a", "b"):
        tables.write(table, tmp_path / name, tables.UTTERANCES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert tables.read(tmp_path / "a", tables.UTTERANCES).equals(table)


@pytest.mark.parametrize(
    "rows",
    [
        [utterance(), utterance()],
        [utterance(utterance_id="../../etc/passwd")],
        [utterance(end_s=0.5)],
        [utterance(start_s=-1.0)],
        [utterance(sentiment="happy")],
        [utterance(weight=1.5)],
    ],
)
def test_rules_are_held(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    with pytest.raises(TableError, match="row 0"):
        tables.write(tables.from_rows(rows, tables.UTTERANCES), tmp_path / "t.parquet", tables.UTTERANCES)
    assert not list(tmp_path.iterdir())


def test_columns_and_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such table"):
        tables.read(tmp_path / "none.parquet", tables.VOTES)
    (tmp_path / "junk.parquet").write_bytes(b"junk")
    with pytest.raises(TableError, match="not a Parquet file"):
        tables.read(tmp_path / "junk.parquet", tables.VOTES)
    with pytest.raises(TableError, match="column stage, reason, detail is missing"):
        tables.conform(pa.table({"item": ["a"]}), tables.REJECTED, "x")
    with pytest.raises(TableError, match="unknown column more"):
        tables.conform(pa.table({name: ["a"] for name in [*tables.REJECTED.names, "more"]}), tables.REJECTED, "x")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "t.txt"
    tables.write_text(target, "old")
    with pytest.raises(RuntimeError), tables.whole(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_carriage_return_does_not_break_a_csv_row(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "one\rtwo"}, {"id": "2", "text": 'three\r\n"four"'}]
    tables.write_csv(tmp_path / "rows.csv", rows)
    with (tmp_path / "rows.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == rows
