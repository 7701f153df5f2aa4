"""Tables between stages: schema and rules are checked on the way in and out; files are written whole."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import tables
from tasks.core.errors import TableError


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


_IDS = st.sampled_from(["weak/train-1/0001", "weak/a", "tess/b.c-d", "../x", "weak", "weak/ü", None])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "utterance_id": _IDS,
                "corpus": st.sampled_from(["weak", "weak", None]),
                "group": st.sampled_from(["g", "g", None]),
                "start_s": st.sampled_from([0.0, 1.0, None, -1.0, float("nan")]),
                "end_s": st.sampled_from([2.0, 2.5, None, 1.0, float("nan")]),
                "sentiment": st.sampled_from(["neutral", "negative", None, "happy"]),
                "weight": st.sampled_from([None, 0.0, 1.0, 0.3, 1.1, float("nan")]),
            }
        ),
        min_size=1,
        max_size=3,
    )
)
def test_what_looks_right_at_a_glance_is_right(rows: list[dict[str, object]]) -> None:
    table = tables.from_rows(rows, tables.UTTERANCES)
    rules = tables._RULES[tuple(tables.UTTERANCES.names)]
    if rules.surely_kept(table):
        tables._check(table, rules.schema(), "t")


@pytest.mark.parametrize(
    ("wrong", "plain"),
    [
        ({}, True),
        ({"video_id": "other-1"}, False),
        ({"split": "dev"}, False),
        ({"split": None}, False),
        ({"duration_s": 0.0}, False),
        ({"audio_sha256": "ab"}, False),
    ],
)
def test_a_glance_at_videos(wrong: dict[str, object], plain: bool) -> None:
    row = {"video_id": "train-1", "split": "train", "duration_s": 3.0, "audio_sha256": "0" * 64, **wrong}
    table = tables.from_rows([row], tables.VIDEOS)
    rules = tables._RULES[tuple(tables.VIDEOS.names)]
    assert rules.surely_kept(table) == plain
    if plain:
        tables._check(table, rules.schema(), "t")
    else:
        with pytest.raises(TableError):
            tables._check(table, rules.schema(), "t")


def test_an_ordinary_table_is_read_without_pandera(tmp_path: Path) -> None:
    rows = [utterance(), utterance(utterance_id="weak/train-1/0002", sentiment="neutral", weight=0.5, end_s=None)]
    tables.write(tables.from_rows(rows, tables.UTTERANCES), tmp_path / "t.parquet", tables.UTTERANCES)
    script = (
        "import sys; from pathlib import Path; from tasks.core import tables; "
        f"found = tables.read(Path({str(tmp_path / 't.parquet')!r}), tables.UTTERANCES); "
        "print(found.num_rows, 'pandera' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["2", "False"]


def test_arrays_are_made_without_pandas_and_data_frames_with_it() -> None:
    script = """
import sys
import pyarrow as pa
from tasks.core import tables
table = tables.from_rows([{"utterance_id": "weak/a", "start_s": 1.0}], tables.UTTERANCES)
pa.array(["a", None]), pa.array([[1.5]]), table.sort_by("utterance_id").to_pylist()
print("pandas" in sys.modules, any(type(hook).__name__ == "_NoPandas" for hook in sys.meta_path))
frame = table.to_pandas()
print(type(frame).__module__, pa.Table.from_pandas(frame)["start_s"].to_pylist())
import pandas
print(pa.array(pandas.Series([1, 2])).to_pylist())
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["False False", "pandas [1.0]", "[1, 2]"]


def test_columns_and_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file yet"):
        tables.read(tmp_path / "none.parquet", tables.VOTES)
    (tmp_path / "junk.parquet").write_bytes(b"junk")
    with pytest.raises(TableError, match="is damaged"):
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


def test_a_device_or_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    link, pipe = tmp_path / "null", tmp_path / "pipe"
    link.symlink_to("/dev/null")
    tables.write_text(link, "text")
    assert link.is_symlink()
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    tables.write_text(pipe, "text")
    assert reader.communicate(timeout=10) == ("text", None)
    assert pipe.is_fifo()


def test_standard_output_can_be_a_files_name(tmp_path: Path) -> None:
    code = "from pathlib import Path; from tasks.core import tables; tables.write_text(Path('/dev/stdout'), 'text')"
    with (tmp_path / "text.txt").open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "text.txt").read_text() == "text"


def test_a_table_that_is_sorted_is_not_sorted_again_and_lies_in_one_chunk() -> None:
    rows = pa.table({"name": ["a", "b", "b", "c"], "value": [1, 2, 3, 4]})
    chunked = pa.concat_tables([rows.slice(0, 1), rows.slice(1)])
    assert tables.in_order(chunked, "name").equals(rows)
    assert tables.in_order(chunked, "name")["value"].num_chunks == 1
    assert tables.in_order(pa.concat_tables([rows.slice(3), rows.slice(0, 2)]), "name")["value"].to_pylist() == [
        1,
        2,
        4,
    ]
    assert tables.in_order(rows.slice(0, 0), "name").num_rows == 0


def test_columns_that_are_not_given_are_null_and_shared_values_are_in_all_rows() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.string())])
    table = tables.from_columns({"a": range(2)}, {"b": "x"}, schema)
    assert table.to_pylist() == [{"a": 0, "b": "x", "c": None}, {"a": 1, "b": "x", "c": None}]
    assert tables.from_columns({"a": []}, {"b": "x"}, schema).num_rows == 0
