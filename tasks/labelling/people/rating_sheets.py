"""Cells of CSV files of ratings: one column per listener, with checked labels, playback and repeated ratings.

Every column is a listener's, but for those that the caller names and those of the listening page: `NAME:played_s` and
`NAME:plays` (how long and how often the sound was played before the rating), and `NAME:again` (the rating of a hidden
repetition of the item). Misspelt ratings are corrected if only one label can be meant, and every correction is
reported.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tasks.core import tables, text_files
from tasks.core.errors import InputError

SKIPPED = "skipped"
"""Cell of a listener who could not tell. Counts as no rating; only the annotation store keeps the difference."""
PLAYED_S, PLAYS, AGAIN = "played_s", "plays", "again"
SEPARATOR = ":"
"""Between a listener's name, which cannot contain it, and `PLAYED_S`, `PLAYS` or `AGAIN`."""
_MIN_SIMILARITY = 0.8
"""Least similarity (difflib's ratio) of a misspelt rating and a label; above it, no two labels can both match."""
_LONGEST_LABEL = 20
"""Characters of a cell that may be a misspelt label; longer ones are not compared."""
Ratings = Mapping[str, str]


@dataclass(frozen=True)
class Playback:
    """Playback of an item before it was rated.

    Args:
        played_s: seconds played, all starts together
        plays: number of starts; 1 is no replay
    """

    played_s: float
    plays: int


@dataclass(frozen=True)
class Repair:
    """A corrected misspelling; `row` counts the file's data rows from 1."""

    file: str
    row: int
    listener: str
    original: str
    corrected: str


@dataclass(frozen=True)
class RatingSheet:
    """The checked cells of a CSV file of ratings.

    Attributes:
        file: its path
        listeners: in column order
        rows: all cells of every row, by column, stripped
        ratings: listener to label, per row
        skipped: listeners who could not tell, per row
        repairs: corrected misspellings
        playback: listener to how the row was played, per row
        again: listener to label of the hidden repetition, None if they could not tell then, per row
    """

    file: str
    listeners: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    ratings: tuple[Ratings, ...]
    skipped: tuple[frozenset[str], ...]
    repairs: tuple[Repair, ...]
    playback: tuple[Mapping[str, Playback], ...] = ()
    again: tuple[Mapping[str, str | None], ...] = ()


def read_sheet(path: Path, columns: Sequence[str], also: Sequence[str] = ()) -> RatingSheet:
    """Read a CSV file of ratings; every other named column is a listener's, but for those on playback and repetitions.

    Args:
        path: the CSV file
        columns: required columns
        also: optional columns that are not a listener's

    Raises:
        InputError: if the file cannot be read, lacks a column or any listener, or a rating matches no label
    """
    names, rows = _cells(path)
    if missing := [name for name in columns if name not in names]:
        raise InputError(f"{path}: column {', '.join(missing)} is missing; found {text_files.listed(names)}")
    listeners = tuple(name for name in names if name not in columns and name not in also and not _about(name, names))
    if not listeners:
        raise InputError(f"{path}: no listener's column; expected one besides {', '.join((*columns, *also))}")
    ratings, skipped, repairs = list[Ratings](), list[frozenset[str]](), list[Repair]()
    for number, row in enumerate(rows, start=1):
        labels = {}
        skipped.append(frozenset(listener for listener in listeners if row[listener].casefold() == SKIPPED))
        for listener in listeners:
            if (cell := row[listener].casefold()) and cell != SKIPPED:
                labels[listener] = label_of(path, number, listener, cell)
                if labels[listener] != cell:
                    repairs.append(Repair(str(path), number, listener, row[listener], labels[listener]))
        ratings.append(labels)
    numbered = list(enumerate(rows, start=1))
    playback = tuple(_playback(path, number, row, listeners) for number, row in numbered)
    again = tuple(_again(path, number, row, listeners) for number, row in numbered)
    return RatingSheet(
        str(path), listeners, tuple(rows), tuple(ratings), tuple(skipped), tuple(repairs), playback, again
    )


def _cells(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    rows = [cells for _, cells in text_files.csv_rows(text_files.read_text(path), path, strict=True)]
    header, *lines = rows or [[]]
    names = [name.strip() for name in header]
    named = [name for name in names if name]
    if repeated := [name for name, count in Counter(named).items() if count > 1]:
        raise InputError(f"{path}: column {text_files.listed(repeated)} occurs twice")
    return named, list(_rows(path, names, lines))


def _rows(path: Path, names: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    named = [name for name in names if name]
    # spreadsheets add trailing columns without a name: require the cells up to the last named column
    n_cells = max((k for k, name in enumerate(names, start=1) if name), default=0)
    for number, line in enumerate((line for line in lines if any(cell.strip() for cell in line)), start=1):
        if len(line) < n_cells or any(line[len(names) :]):
            raise InputError(
                f"{path}: row {number} has {len(line)} cells, expected {len(names)} ({text_files.listed(named)})"
            )
        yield {name: cell.strip() for name, cell in zip(names, line, strict=False) if name}


def _about(name: str, names: Sequence[str]) -> bool:
    """Return whether a column is about the ratings of another column."""
    listener, _, kind = name.rpartition(SEPARATOR)
    return kind in (PLAYED_S, PLAYS, AGAIN) and listener in names


def _playback(path: Path, number: int, row: Mapping[str, str], listeners: Sequence[str]) -> dict[str, Playback]:
    playback = {}
    for name in listeners:
        column = f"{name}{SEPARATOR}{PLAYED_S}"
        cells = (row.get(column, ""), row.get(f"{name}{SEPARATOR}{PLAYS}", ""))
        if not any(cells):
            continue
        try:
            played_s, plays = text_files.number(cells[0]), text_files.whole_number(cells[1])
        except ValueError:
            played_s, plays = -1.0, -1
        if not (0 <= played_s < float("inf") and plays >= 0):
            raise InputError(
                f"{path}: row {number}, columns {text_files.shown(column)} and {PLAYS}: found "
                f"{text_files.quoted(cells[0])} and {text_files.quoted(cells[1])}, expected seconds and a whole number"
            )
        playback[name] = Playback(played_s, plays)
    return playback


def _again(path: Path, number: int, row: Mapping[str, str], listeners: Sequence[str]) -> dict[str, str | None]:
    again: dict[str, str | None] = {}
    for name in listeners:
        column = f"{name}{SEPARATOR}{AGAIN}"
        if cell := row.get(column, "").casefold():
            again[name] = None if cell == SKIPPED else label_of(path, number, column, cell)
    return again


def label_of(path: Path, number: int, listener: str, cell: str) -> str:
    """Return the label that a cell means; a misspelt one is corrected if only one label can be meant.

    Args:
        path: the file, for error messages
        number: of the row, from 1
        listener: name of the column
        cell: in lower case

    Raises:
        InputError: if it can mean none or several labels
    """
    likely = _likely_labels(cell) if len(cell) <= _LONGEST_LABEL else ()
    if len(likely) != 1:
        allowed = ", ".join(tables.SENTIMENTS)
        raise InputError(
            f"{path}: row {number}, column {text_files.shown(listener)}: found the rating {text_files.quoted(cell)}, "
            f"expected one of {allowed}"
        )
    return likely[0]


@functools.lru_cache(maxsize=1_000)
def _likely_labels(cell: str) -> tuple[str, ...]:
    return tuple(get_close_matches(cell, tables.SENTIMENTS, 2, _MIN_SIMILARITY))
