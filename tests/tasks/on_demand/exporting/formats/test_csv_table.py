"""CSV: all cells and samples come back, nulls differ from empty texts, and formulas are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import soundfile

from tests.tasks.on_demand.exporting.conftest import Toy, digest


def read(folder: Path) -> dict[str, dict[str, Any]]:
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    nulls = pacsv.ConvertOptions(
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        column_types=json.loads((folder / "columns.json").read_text()),
    )
    rows = {}
    for row in pacsv.read_csv(folder / "utterances.csv", parse_options=parsing, convert_options=nulls).to_pylist():
        file = row.pop("file")
        row["samples"] = file and digest(soundfile.read(folder / file, dtype="int16")[0])
        rows[row["utterance_id"]] = row
    return rows


def test_nothing_is_lost(toy: Toy, tmp_path: Path) -> None:
    exported = toy.export("csv", tmp_path / "out")
    assert read(tmp_path / "out") == toy.expected()
    assert (exported.n_rows, exported.n_with_sound) == (8, 7)


def test_cells_that_spreadsheets_run_are_counted_and_kept(toy: Toy, tmp_path: Path) -> None:
    (note,) = toy.export("csv", tmp_path / "out").notes
    assert note.startswith("1 cells begin with =, +, - or @")
    assert note in (tmp_path / "out" / "README.md").read_text()
    assert '"=SUM(A1:A9)"' in (tmp_path / "out" / "utterances.csv").read_text()


def test_wav_instead_of_flac(toy: Toy, tmp_path: Path) -> None:
    toy.export("csv", tmp_path / "out", encoding="wav")
    assert {path.suffix for path in (tmp_path / "out" / "audio").iterdir()} == {".wav"}
    assert read(tmp_path / "out") == toy.expected()


def test_only_rows_with_a_label(toy: Toy, tmp_path: Path) -> None:
    toy.export("csv", tmp_path / "out", labelled=True)
    rows = read(tmp_path / "out")
    assert rows.keys() == {name for name, row in toy.expected().items() if row["label"]}
    assert "2 of 8 rows have no label and are left out." in (tmp_path / "out" / "README.md").read_text()
