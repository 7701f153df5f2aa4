"""CSV, JSON and text files from outside, read with limits; an error is one line that names the file and the row.

Spreadsheets and other programs write these files, and people edit them by hand. The readers of this module refuse what
Python's own accept in silence or fail on: a quotation mark that is never closed and swallows all rows after it, numbers
in other scripts' digits or of thousands of digits, NUL characters, JSON with a key twice.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import math
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core import os_errors
from tasks.core.errors import InputError

MAX_BYTES = 64 << 20
MAX_COLUMNS = 1_000
MAX_WHOLE = 2**31 - 1
"""Largest whole number that tables hold."""
_MAX_DIGITS = 400
_MAX_JSON_DIGITS = 30
_MAX_SHOWN, _MAX_NAMES = 80, 10
_END = ["\0", "\0"]
"""A row after the last row of a CSV file; behind an open quotation mark it is a part of a cell."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile("[+-]?[0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_SPACE = re.compile(r"[ \t\n\r]*")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class CsvRow:
    """A row of a CSV file under its header.

    Attributes:
        line: its last line in the file, from 1; a cell in quotes may have several lines
        cells: column → cell; "" where the row has fewer cells than the header
        is_ragged: whether it has more or fewer cells than the header
    """

    line: int
    cells: dict[str, str]
    is_ragged: bool


@dataclass(frozen=True)
class CsvTable:
    """The header of a CSV file and its rows; rows without a cell are left out."""

    names: tuple[str, ...]
    rows: tuple[CsvRow, ...]


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Args:
        path: the file
        max_bytes: the largest size

    Raises:
        InputError: if it cannot be read, is larger, or is a device or a pipe, which need not end
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError(f"{path}: found a device or a pipe, expected a file; save its content to a file first")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        if os_errors.is_of_the_machine(error):
            raise
        raise InputError(os_errors.explain(error) or f"{path}: cannot be read ({error})") from None
    if len(content) > max_bytes:
        raise InputError(f"{path}: larger than {max_bytes >> 20} MiB, the limit for such files; split it")
    return content


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a file in UTF-8, without its byte order mark.

    Args:
        path: the file
        max_bytes: the largest size

    Raises:
        InputError: as `read_bytes`; or it is not UTF-8
    """
    content = read_bytes(path, max_bytes)
    if content.startswith(_UTF_16):
        raise InputError(f"{path}: not UTF-8 but UTF-16; save the file as UTF-8 (in Excel: CSV UTF-8)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} is not UTF-8 ({error.reason} at byte {error.start}); save the file as UTF-8"
        ) from None


def csv_table(text: str, path: Path) -> CsvTable:
    """Return the table of a CSV file whose first row is its header.

    Args:
        text: the file's content
        path: for messages

    Raises:
        InputError: as `csv_rows`
    """
    lines = ((line, cells) for line, cells in csv_rows(text, path) if cells)
    _, header = next(lines, (0, []))
    names = tuple(header)
    empty = dict.fromkeys(names, "")
    rows = (
        CsvRow(line, {**empty, **dict(zip(names, cells, strict=False))}, len(cells) != len(names))
        for line, cells in lines
    )
    return CsvTable(names, tuple(rows))


def csv_rows(text: str, path: Path, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file: the number of their last line, from 1, and their cells.

    Args:
        text: the file's content
        path: for messages
        strict: whether characters after a closing quotation mark are an error

    Raises:
        InputError: if a quotation mark is not closed, a cell or a row is too long, or there is a NUL character
    """
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        raise InputError(f"{path}: line {line}: found a NUL character; is the file UTF-16 or damaged? Save it as UTF-8")
    # unless `strict`, csv takes the end of the file for a quotation mark: a row of our own shows what happened to it
    reader = csv.reader(itertools.chain(io.StringIO(text, newline=""), [",".join(_END)]), strict=strict)
    first = 1
    try:
        for cells in reader:
            if cells == _END:
                return
            if cells and _END[0] in cells[-1]:
                break
            if len(cells) > MAX_COLUMNS:
                raise InputError(f"{path}: line {first} has {len(cells):,} cells; the limit is {MAX_COLUMNS:,}")
            yield reader.line_num, cells
            first = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" not in str(error):
            limit = "field larger than" in str(error)
            problem = (
                f"a cell of more than {csv.field_size_limit():,} characters"
                if limit
                else f"cannot be read as a CSV file: {error}"
            )
            hint = "is a quotation mark left open?" if limit else "correct the quotes or commas there"
            raise InputError(f"{path}: line {first}: {problem}; {hint}") from None
    raise InputError(f"{path}: line {first}: cannot be read as a CSV file: a quotation mark is opened and never closed")


def json_items(path: Path, what: str, expected: str, max_bytes: int = MAX_BYTES) -> Iterator[tuple[int, Any]]:
    """Yield the items of a JSON file that is a list, with their numbers, from 1.

    Args:
        path: the file
        what: an item, for messages
        expected: the file, for messages
        max_bytes: the largest size of the file

    Raises:
        InputError: as `read_text`; or it is not a list in JSON; or an item is nested too deep, has a key twice, or a
            number that is none or of more than 30 digits
    """
    text = read_text(path, max_bytes)
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_int, parse_constant=_refuse)
    place = _after_space(text, 0)
    if not text.startswith("[", place):
        begin = shown(text[place : place + _MAX_SHOWN + 1]) if place < len(text) else "nothing"
        raise InputError(f"{path}: found {begin}, expected {expected}")
    place = _after_space(text, place + 1)
    for number in itertools.count(1):
        if number == 1 and text.startswith("]", place):
            break
        try:
            item, place = decoder.raw_decode(text, place)
        except RecursionError:
            raise InputError(f"{path}: {what} {number}: lists or objects nested too deep") from None
        except ValueError as error:
            raise InputError(f"{path}: {what} {number}: cannot be read as JSON ({error})") from None
        yield number, item
        place = _after_space(text, place)
        if text.startswith("]", place):
            break
        if not text.startswith(",", place):
            row = text.count("\n", 0, place) + 1
            raise InputError(
                f"{path}: {what} {number}: cannot be read as JSON (in line {row}, expected , or ] after it)"
            )
        place = _after_space(text, place + 1)
    if (place := _after_space(text, place + 1)) != len(text):
        row = text.count("\n", 0, place) + 1
        raise InputError(f"{path}: cannot be read as JSON (line {row}: text after the end of the list); remove it")


def number(text: str) -> float:
    """Return the finite number that a cell holds, in the digits 0 to 9.

    Args:
        text: the cell

    Raises:
        ValueError: if it holds none, or one that is too large
    """
    text = text.strip()
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError(f"{quoted(text)} is no number in the digits 0 to 9")
    return value


def whole_number(text: str) -> int:
    """Return the whole number that a cell holds, in the digits 0 to 9.

    Args:
        text: the cell

    Raises:
        ValueError: if it holds none, or one of a magnitude above `MAX_WHOLE`
    """
    text = text.strip()
    if len(text) > _MAX_DIGITS or not _WHOLE.fullmatch(text) or abs(value := int(text)) > MAX_WHOLE:
        raise ValueError(f"{quoted(text)} is no whole number up to {MAX_WHOLE:,} in the digits 0 to 9")
    return value


def is_storable(text: str) -> bool:
    """Return whether files and databases can hold a text: no NUL character, no half of a surrogate pair.

    Args:
        text: a text from outside
    """
    return "\0" not in text and not _SURROGATE.search(text)


def quoted(text: str) -> str:
    """Return a text from a file in quotation marks, on one line and not too long, for a message.

    Args:
        text: the text
    """
    return repr(text) if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]!r}…"


def shown(text: str) -> str:
    """Return a text from a file as one line that is not too long, for a message.

    Args:
        text: the text
    """
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:_MAX_SHOWN])
    return line if len(text) <= _MAX_SHOWN else f"{line}…"


def listed(names: Sequence[str]) -> str:
    """Return the first names of columns, for a message; "none" if there is none.

    Args:
        names: of the columns of a file
    """
    more = [f"… and {len(names) - _MAX_NAMES:,} more"] if len(names) > _MAX_NAMES else []
    return ", ".join([*map(shown, names[:_MAX_NAMES]), *more]) or "none"


def _after_space(text: str, place: int) -> int:
    match = _JSON_SPACE.match(text, place)
    return match.end() if match else place


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {quoted(repeated)} occurs twice")
    return content


def _int(digits: str) -> int:
    if len(digits) > _MAX_JSON_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits; the limit is {_MAX_JSON_DIGITS}")
    return int(digits)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number in JSON")
