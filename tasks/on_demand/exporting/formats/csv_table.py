"""CSV: one table, and a sound file for each row that has sound.

Text is in quotation marks, numbers are not, and an empty cell without quotation marks is null: readers that tell both
apart (pyarrow) lose nothing. Cells are not changed, so that a text may begin with `=`, `+`, `-` or `@`; spreadsheet
programs take that for a formula. The notes and the README count such cells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_demand.exporting.export_format import Export, ExportFormat, plain

if TYPE_CHECKING:
    import pyarrow as pa

TABLE, TYPES, SOUNDS = "utterances.csv", "columns.json", "audio"
_ROWS_AT_ONCE = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(folder: Path, export: Export) -> list[str]:
    """Write the table, the sound files and the README.

    Args:
        folder: an empty folder
        export: the rows
    """
    from tasks.on_demand.exporting import readme, sound_files

    sound_files.write(folder / SOUNDS, export)
    table = sound_files.with_paths(export, SOUNDS)
    n_formulas = _write_table(folder / TABLE, table)
    types = {column.name: str(column.type) for column in table.schema}
    (folder / TYPES).write_text(json.dumps(types, indent=2) + "\n", encoding="utf-8")
    note = (
        f"{n_formulas:,} cells begin with =, +, - or @, and spreadsheet programs run such cells as formulas: in a "
        "spreadsheet, import the columns as text."
    )
    notes = [note] if n_formulas else []
    layout = [
        f"`{TABLE}`: UTF-8; text in quotation marks, numbers without; an empty cell without quotation marks is null. "
        "`file` is the path of the sound.",
        f"`{TYPES}`: the type of each column: programs that guess take a code such as `01` for a number.",
        f"`{SOUNDS}/`: the sound of each row, {export.encoding.upper()}.",
        *notes,
    ]
    (folder / readme.FILE).write_text(readme.text(export, layout), encoding="utf-8")
    return notes


def cells(values: Sequence[Any]) -> str:
    """Return a line of CSV with its line break.

    Args:
        values: of the cells
    """
    return ",".join(map(_cell, values)) + "\n"


def _write_table(path: Path, table: pa.Table) -> int:
    """Write a table; return the number of cells that begin like a formula."""
    n_formulas = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(cells(table.column_names))
        for row in _rows(table):
            n_formulas += sum(isinstance(value, str) and value.startswith(_FORMULA) for value in row)
            file.write(cells(row))
    return n_formulas


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(_ROWS_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


FORMATS = (ExportFormat("csv", "Write a CSV table and sound files.", "flac", write),)
