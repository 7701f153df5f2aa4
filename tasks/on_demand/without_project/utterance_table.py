"""Tables of utterances in anyone's format: CSV, TSV and Parquet files and data frames, and what their columns mean."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import text_files
from tasks.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

ROLES: Mapping[str, tuple[str, ...]] = {
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "spkid", "actor", "actor_id", "subject", "subject_id",
                "client_id", "participant", "participant_id", "talker"),
    "group": ("group", "video", "video_id", "videoid", "dialogue", "dialogue_id", "dialog", "dialog_id",
              "conversation", "conversation_id", "session", "session_id", "interview", "interview_id", "recording_id",
              "episode", "episode_id"),
    "script": ("script", "script_id", "sentence_id", "sentence_code", "statement", "prompt", "prompt_id"),
    "text": ("text", "transcript", "transcription", "sentence", "utterance", "words", "caption", "normalized_text"),
    "audio": ("audio", "audio_path", "audio_file", "path", "file", "file_name", "filename", "filepath", "file_path",
              "wav", "wav_path", "wav_file", "clip", "sound", "recording", "media"),
    "start_s": ("start_s", "start", "start_time", "starttime", "onset", "begin", "begin_s", "begin_time"),
    "end_s": ("end_s", "end", "end_time", "endtime", "stop", "stop_s", "finish"),
    "label": ("label", "emotion", "sentiment", "class", "category", "target"),
}  # fmt: skip
"""What a column can hold → usual names of such columns, in lower case with `_` between words."""
COMPARED = ("speaker", "group", "script", "text", "audio")
"""Roles of which an audit needs at least one."""
MAX_BYTES = 512 << 20
_TIMES = ("start_s", "end_s")
_CLOCK = re.compile(r"(?:(?:(\d+) days? )?(\d{1,3}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)
_DELIMITERS = ",\t;"
_NO_VALUE = frozenset({"", "nan", "none", "null", "<na>"})


@dataclass(frozen=True)
class UtteranceTable:
    """A table of utterances.

    Args:
        name: of the table, for messages
        folder: that paths in it are relative to
        numbers: of its rows; in CSV files as in a spreadsheet, where the header is row 1
        columns: role → name of the column that has it
        unused: names of the other columns
        values: role → cells, None where there is none, each of length n_rows
        times: `start_s` and `end_s` in seconds, NaN where there is none, each of length n_rows
    """

    name: str
    folder: Path
    numbers: tuple[int | str, ...]
    columns: Mapping[str, str]
    unused: tuple[str, ...]
    values: Mapping[str, tuple[str | None, ...]]
    times: Mapping[str, tuple[float, ...]]

    def __len__(self) -> int:
        return len(self.numbers)

    def row_names(self, label: str) -> list[str]:
        """Return a unique name for each row, such as `test.csv row 7`.

        Args:
            label: of the table
        """
        return [f"{label} row {number}" for number in self.numbers]


def read(path: Path, roles: Mapping[str, Sequence[str]] | None = None) -> UtteranceTable:
    """Read a table of utterances.

    Args:
        path: a .csv (comma or semicolon), .tsv or .parquet file
        roles: role → names of its column, where that is not one of `ROLES`: the first that the table has is used; no
            name: the role is left out

    Raises:
        InputError: if the file cannot be read, has no rows, or none of its columns has a role; names file and row
    """
    ending = path.suffix.casefold()
    if ending in (".parquet", ".pq"):
        names, columns, numbers = _parquet(path)
    elif ending in (".csv", ".tsv", ".txt", ".tab"):
        names, columns, numbers = _delimited(path)
    else:
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected .csv, .tsv or .parquet")
    return _table(str(path), path.absolute().parent, numbers, dict(zip(names, columns, strict=True)), roles or {})


def of_frame(frame: pd.DataFrame, name: str, roles: Mapping[str, Sequence[str]] | None = None) -> UtteranceTable:
    """Return the table of a data frame; its rows have the labels of its index.

    Args:
        frame: one row per utterance
        name: of the table, for messages
        roles: as in `read`

    Raises:
        InputError: as `read`
    """
    columns = {str(column): frame.iloc[:, place].tolist() for place, column in enumerate(frame.columns)}
    if frame.index.is_unique:
        # ids in the index of a data frame are more useful in messages than positions
        return _table(name, Path.cwd(), [_plain(label) for label in frame.index.tolist()], columns, roles or {})
    return _table(name, Path.cwd(), list(range(len(frame))), columns, roles or {})


def _plain(label: Any) -> int | str:
    return label if isinstance(label, int) else str(label)


def seconds(cell: str) -> float:
    """Return the time that a cell holds in seconds: `1.5`, `00:16:16,059`, `0 days 00:00:01.5`.

    Args:
        cell: the cell

    Raises:
        ValueError: if it holds no time
    """
    if match := _CLOCK.fullmatch(cell.strip()):
        days, hours, minutes, rest = match.groups()
        return 86_400 * int(days or 0) + 3600 * int(hours or 0) + 60 * int(minutes) + float(rest.replace(",", "."))
    return text_files.number(cell)


def _table(
    name: str,
    folder: Path,
    numbers: Sequence[int | str],
    columns: Mapping[str, Sequence[Any]],
    roles: Mapping[str, Sequence[str]],
) -> UtteranceTable:
    if not numbers:
        raise InputError(f"{name}: there are no rows; expected a header and a row for each utterance")
    chosen = _roles(name, tuple(columns), roles)
    values = {role: tuple(_cell(cell) for cell in columns[column]) for role, column in chosen.items()}
    times = dict[str, tuple[float, ...]]()
    for role in _TIMES:
        if role in values:
            times[role] = _seconds(name, numbers, chosen[role], values.pop(role))
    unused = tuple(column for column in columns if column not in chosen.values())
    return UtteranceTable(name, folder, tuple(numbers), chosen, unused, values, times)


def _roles(name: str, columns: Sequence[str], given: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the column of each role: the given one, or the first of the usual names."""
    if unknown := sorted(set(given) - set(ROLES)):
        raise InputError(f"there is no kind of column {', '.join(unknown)}; there are {', '.join(ROLES)}")
    present = {role: next((column for column in names if column in columns), "") for role, names in given.items()}
    if missing := [f"{role}={name}" for role, names in given.items() for name in names if not present[role]]:
        raise InputError(f"{name}: no column for {', '.join(missing)}; its columns: {text_files.listed(columns)}")
    by_key = {re.sub(r"[^a-z0-9]+", "_", column.casefold()).strip("_"): column for column in reversed(columns)}
    chosen = {role: column for role, column in present.items() if column}
    for role, usual in ROLES.items():
        if role not in given:
            free = (by_key[key] for key in usual if key in by_key and by_key[key] not in chosen.values())
            if (column := next(free, None)) is not None:
                chosen[role] = column
    if not any(role in chosen for role in COMPARED):
        raise InputError(
            f"{name}: no column that could be compared; expected one such as speaker, video_id, text or audio. Its "
            f"columns: {text_files.listed(columns)}. Name them: --column speaker=NAME"
        )
    return {role: chosen[role] for role in ROLES if role in chosen}


def _cell(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    # pandas turns whole numbers into floats if others are missing: 7.0 is the id 7
    text = str(value).strip()
    text = text.removesuffix(".0") if text.removesuffix(".0").isdecimal() else text
    return None if text.casefold() in _NO_VALUE else text


def _seconds(name: str, numbers: Sequence[int | str], column: str, cells: Sequence[str | None]) -> tuple[float, ...]:
    times = []
    for number, cell in zip(numbers, cells, strict=True):
        try:
            times.append(math.nan if cell is None else seconds(cell))
        except ValueError:
            raise InputError(
                f"{name}: row {number}, column {column}: found {text_files.quoted(cell or '')}, expected seconds or "
                "HH:MM:SS.mmm. To ignore the column: --column start_s= (or end_s=)"
            ) from None
    return tuple(times)


def _delimited(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Return column names, columns, and row numbers as in a spreadsheet, of a file of delimited cells."""
    text = text_files.read_text(path, MAX_BYTES)
    rows = [(number, cells) for number, cells in enumerate(_rows(text, path), start=1) if any(map(str.strip, cells))]
    if not rows:
        raise InputError(f"{path}: the file is empty; expected a header and a row for each utterance")
    (_, header), *data = rows
    names = [cell.strip() for cell in header]
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise InputError(f"{path}: the header names {text_files.listed(repeated)} twice; rename one of them")
    for number, cells in data:
        if len(cells) > len(names):
            raise InputError(
                f"{path}: row {number}: found {len(cells)} cells, expected at most {len(names)} as in the header; put "
                "quotation marks around cells that hold the delimiter"
            )
    padded = [[*cells, *[""] * (len(names) - len(cells))] for _, cells in data]
    # a column without a name is usually an index that was written along
    columns = [[cells[place] for cells in padded] for place in range(len(names))]
    named = [
        (name or f"column {place}", column) for place, (name, column) in enumerate(zip(names, columns, strict=True), 1)
    ]
    return [name for name, _ in named], [column for _, column in named], [number for number, _ in data]


def _rows(text: str, path: Path) -> Iterator[list[str]]:
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    if delimiter == ",":
        yield from (cells for _, cells in text_files.csv_rows(text, path))
        return
    if "\0" in text:
        raise InputError(f"{path}: found a NUL character; is the file UTF-16 or damaged? Save it as UTF-8")
    quoting: Any = csv.QUOTE_NONE if delimiter == "\t" and '"' not in head else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(
            f"{path}: line {reader.line_num}: cannot be read ({error}); correct the quotes there"
        ) from None


def _parquet(path: Path) -> tuple[list[str], list[list[Any]], list[int]]:
    """Return column names, columns, and row numbers from 1 of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"{path}: there is no such file; expected .csv, .tsv or .parquet")
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            # nested columns, such as sound inside the table, are neither ids nor texts
            simple = [field.name for field in schema if not pa.types.is_nested(field.type)]
            simple = [name for name in simple if not pa.types.is_binary(schema.field(name).type)]
            table = file.read(columns=simple)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]})") from None
    return simple, [table[name].to_pylist() for name in simple], list(range(1, table.num_rows + 1))
