"""Tables of utterances in several formats: roles of columns, row numbers, times, errors that name the row."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from tasks.core.errors import InputError
from tasks.on_demand.without_project import utterance_table


def written(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_recognised_by_their_usual_names(tmp_path: Path) -> None:
    table = utterance_table.read(
        written(tmp_path, 'Sr No.,Utterance,Speaker,Emotion,Dialogue_ID,StartTime\n1,Hi,Ross,joy,0,"00:16:16,059"\n')
    )
    assert table.columns == {
        "speaker": "Speaker", "group": "Dialogue_ID", "text": "Utterance", "start_s": "StartTime", "label": "Emotion",
    }  # fmt: skip
    assert table.unused == ("Sr No.",)
    assert table.values["text"] == ("Hi",)
    assert table.times["start_s"] == (976.059,)


def test_rows_have_the_numbers_of_a_spreadsheet(tmp_path: Path) -> None:
    table = utterance_table.read(written(tmp_path, 'text,speaker\n"two\nlines",a\n\nlast,b\n'))
    assert table.numbers == (2, 4)
    assert table.row_names("t.csv") == ["t.csv row 2", "t.csv row 4"]


@pytest.mark.parametrize(("name", "mark"), [("table.tsv", "\t"), ("table.csv", ";")])
def test_other_delimiters(tmp_path: Path, name: str, mark: str) -> None:
    text = f'client_id{mark}sentence{mark}path\nx{mark}he said "no"{mark}a.mp3\n'
    if mark == ";":
        text = text.replace('he said "no"', '"he said ""no"""')
    table = utterance_table.read(written(tmp_path, text, name))
    assert (table.values["speaker"], table.values["text"]) == (("x",), ('he said "no"',))
    assert table.values["audio"] == ("a.mp3",)


def test_a_column_may_be_named_or_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "Who,speaker,text\nx,1,hi\n")
    assert utterance_table.read(path, {"speaker": ["Other", "Who"]}).values["speaker"] == ("x",)
    assert "speaker" not in utterance_table.read(path, {"speaker": []}).columns
    with pytest.raises(InputError, match="no column for speaker=Spkr; its columns: Who, speaker, text"):
        utterance_table.read(path, {"speaker": ["Spkr"]})
    with pytest.raises(InputError, match="no kind of column voice"):
        utterance_table.read(path, {"voice": ["Who"]})


def test_parquet_and_data_frames_agree_with_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"speaker": [1.0, None, 2.0], "text": ["a", None, ""], "n": [1, 2, 3], "sound": [b"x", b"y", b"z"]}
    )
    frame.drop(columns="sound").to_csv(tmp_path / "table.csv", index=False)
    frame.to_parquet(tmp_path / "table.parquet")
    read = utterance_table.read(tmp_path / "table.parquet")
    assert read.values["speaker"] == ("1", None, "2")
    assert read.values["text"] == ("a", None, None)
    assert read.numbers == (1, 2, 3)
    assert utterance_table.read(tmp_path / "table.csv").values["speaker"] == ("1", None, "2")
    named = utterance_table.of_frame(frame.set_index(pd.Index(["u1", "u2", "u3"])), "test")
    assert named.numbers == ("u1", "u2", "u3")
    assert named.values["speaker"] == ("1", None, "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("text\n", "there are no rows"),
        ("a,b\n1,2\n", "no column that could be compared; expected one such as speaker.* Its columns: a, b"),
        ("text,text\nx,y\n", "the header names text twice"),
        ("text,speaker\nx,y,z\n", "row 2: found 3 cells, expected at most 2"),
        ('text,speaker\n"x,y\n', "a quotation mark is opened and never closed"),
        ("text,start\nx,soon\n", "row 2, column start: found 'soon', expected seconds or HH:MM:SS.mmm"),
    ],
)
def test_errors_name_the_file_and_the_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        utterance_table.read(written(tmp_path, text))
    assert "table.csv" in str(error.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found the ending '.xlsx', expected .csv, .tsv or .parquet"):
        utterance_table.read(tmp_path / "table.xlsx")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        utterance_table.read(written(tmp_path, "text\nx\n", "table.parquet"))
    with pytest.raises(InputError, match="there is no such file"):
        utterance_table.read(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("cell", "expected"), [("1.5", 1.5), ("00:16:16,059", 976.059), ("1:02", 62.0), ("0 days 00:00:01.500000", 1.5)]
)
def test_times(cell: str, expected: float) -> None:
    assert math.isclose(utterance_table.seconds(cell), expected)
