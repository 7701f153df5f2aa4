"""What people heard: CSV files of several listeners' votes, their majority, and how well they agree.

A file has one row per span of a test video: `Id,start_s,end_s,<one column per listener>,text`. `Id` is the video's Id
in its list (`train-7` names one of the training list); votes are negative, neutral or positive, or empty where someone
did not vote. Misspelt votes are mended where only one can be meant, and every such repair is told.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks import scores, tables
from tasks.errors import InputError

HEARD = pa.schema(
    [("utterance_id", pa.string()), ("majority", pa.string()), ("votes", pa.map_(pa.string(), pa.string()))]
)
"""One row per utterance that people listened to; `majority` is null where the most frequent votes tie."""

_LEAST_LIKENESS = 0.8
"""How much of a misspelt vote must match a label (difflib's ratio): above it, no two labels can both match."""
_LEAST_OVERLAP = 0.5
_SPAN_COLUMNS = ("Id", "start_s", "end_s")

Votes = Mapping[str, str]


@dataclass(frozen=True)
class Repair:
    """A misspelt vote, and what it was taken for; `row` counts the file's lines of data from 1."""

    file: str
    row: int
    listener: str
    found: str
    taken: str


@dataclass(frozen=True)
class Sheet:
    """A CSV file of votes, checked.

    Attributes:
        file: its path
        listeners: in the order of their columns
        rows: all cells of every row, by column, stripped
        votes: listener to vote, per row
        repairs: what was mended
    """

    file: str
    listeners: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    votes: tuple[Votes, ...]
    repairs: tuple[Repair, ...]


@dataclass(frozen=True)
class Heard:
    """What the listeners voted on a span of a video, in seconds."""

    video_id: str
    start_s: float
    end_s: float
    votes: Votes


@dataclass(frozen=True)
class Listening:
    """One file: its listeners, the spans they heard, and the repairs."""

    file: str
    listeners: tuple[str, ...]
    heard: tuple[Heard, ...]
    repairs: tuple[Repair, ...]


@dataclass(frozen=True)
class Agreement:
    """How well listeners agree.

    Attributes:
        alpha: Krippendorff's alpha for nominal votes; None where everybody voted the same on everything
        pairs: macro F1 of one listener against another
        against_majority: macro F1 of each listener against the majority, of which their own vote is a part
        ties: rows whose most frequent votes tie
    """

    alpha: float | None
    pairs: Mapping[tuple[str, str], float]
    against_majority: Mapping[str, float]
    ties: int


def read_folder(folder: Path) -> list[Listening]:
    """Read all CSV files of a folder, sorted by name; none where there is no such folder.

    Raises:
        InputError: naming file, row and what is wrong
    """
    return [read(path) for path in sorted(folder.glob("*.csv"))]


def read(path: Path) -> Listening:
    """Read one file of votes on spans.

    Raises:
        InputError: naming file, row and what is wrong
    """
    sheet = read_sheet(path, _SPAN_COLUMNS, also=("text",))
    heard = tuple(
        _heard(path, number, row, votes)
        for number, (row, votes) in enumerate(zip(sheet.rows, sheet.votes, strict=True), start=1)
    )
    return Listening(sheet.file, sheet.listeners, heard, sheet.repairs)


def read_sheet(path: Path, columns: Sequence[str], also: Sequence[str] = ()) -> Sheet:
    """Read a CSV file of votes; every named column besides those given is a listener's.

    Args:
        path: the file
        columns: columns it must have
        also: further columns that are no listener's

    Raises:
        InputError: if the file cannot be read, a column is missing, no listener is left, or a vote means no label
    """
    names, rows = _cells(path)
    if missing := [name for name in columns if name not in names]:
        raise InputError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(names)}")
    listeners = tuple(name for name in names if name not in columns and name not in also)
    if not listeners:
        raise InputError(f"{path}: no listener's column; expected one besides {', '.join((*columns, *also))}")
    votes, repairs = [], list[Repair]()
    for number, row in enumerate(rows, start=1):
        voted = {}
        for listener in listeners:
            if cell := row[listener].casefold():
                voted[listener] = _label(path, number, listener, cell)
                if voted[listener] != cell:
                    repairs.append(Repair(str(path), number, listener, row[listener], voted[listener]))
        votes.append(voted)
    return Sheet(str(path), listeners, tuple(rows), tuple(votes), tuple(repairs))


def majority(votes: Votes) -> str | None:
    """Return the most frequent vote, or None where there is no single one."""
    ranked = Counter(votes.values()).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def match(listening: Listening, utterances: pa.Table) -> pa.Table:
    """Find the utterance that every heard span is: the one it shares most time with.

    Spans and utterances pair one to one, best first, where their intersection is at least half of their union.
    What is left unmatched is `len(listening.heard)` less the rows returned.

    Args:
        listening: spans people heard
        utterances: a table with `utterance_id`, `group`, `start_s`, `end_s`

    Returns:
        rows of `HEARD`, sorted by utterance
    """
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in utterances.select(["utterance_id", "group", "start_s", "end_s"]).to_pylist():
        by_video.setdefault(row["group"], []).append(row)
    pairs = sorted(
        (-overlap, place, row["utterance_id"])
        for place, span in enumerate(listening.heard)
        for row in by_video.get(span.video_id, ())
        if (overlap := _overlap(span, row["start_s"], row["end_s"])) >= _LEAST_OVERLAP
    )
    taken: dict[str, int] = {}
    for _, place, utterance_id in pairs:
        if utterance_id not in taken and place not in taken.values():
            taken[utterance_id] = place
    rows = [
        {"utterance_id": one, "majority": majority(votes), "votes": list(votes.items())}
        for one, place in sorted(taken.items())
        for votes in [listening.heard[place].votes]
    ]
    return tables.from_rows(rows, HEARD)


def agreement(votes: Sequence[Votes]) -> Agreement:
    """Measure how well the listeners of some rows agree.

    Args:
        votes: listener to vote, per row
    """
    names = sorted({name for row in votes for name in row})
    majorities = [majority(row) for row in votes]
    return Agreement(
        alpha=krippendorff(votes),
        pairs={
            (one, other): macro_f1([(row[one], row[other]) for row in votes if one in row and other in row])
            for one, other in combinations(names, 2)
        },
        against_majority={
            name: macro_f1([(m, row[name]) for row, m in zip(votes, majorities, strict=True) if m and name in row])
            for name in names
        },
        ties=sum(one is None for one in majorities),
    )


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return macro F1 of (true, given) labels over the labels that occur; symmetric in the two."""
    actual, given = (np.array([pair[side] for pair in pairs], dtype=str) for side in (0, 1))
    counted = scores.confusions(actual, given, np.zeros(len(pairs), dtype=str), tables.SENTIMENTS)
    return float(scores.overall(counted.sum(axis=0))["macro_f1"])


def krippendorff(votes: Sequence[Votes]) -> float | None:
    """Return Krippendorff's alpha for nominal data: 1 is full agreement, 0 what chance gives.

    Computed from coincidences within rows of two votes or more (Krippendorff 2011, "Computing Krippendorff's
    Alpha-Reliability", https://repository.upenn.edu/asc_papers/43); missing votes are allowed.

    Args:
        votes: listener to vote, per row

    Returns:
        alpha, or None where there is no variation, so that chance agreement is full agreement
    """
    counts = np.array([[list(row.values()).count(label) for label in tables.SENTIMENTS] for row in votes], dtype=float)
    counts = counts.reshape(-1, len(tables.SENTIMENTS))
    paired = counts[counts.sum(axis=1) >= 2]
    raters = paired.sum(axis=1)
    totals = paired.sum(axis=0)
    n = totals.sum()
    expected = n**2 - (totals**2).sum()
    if expected == 0:
        return None
    observed = ((raters**2 - (paired**2).sum(axis=1)) / (raters - 1)).sum()
    return float(1 - (n - 1) * observed / expected)


def _cells(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header, *lines = list(csv.reader(stream, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a CSV file in UTF-8 ({error})") from None
    names = [name.strip() for name in header]
    named = [name for name in names if name]
    if repeated := [name for name, count in Counter(named).items() if count > 1]:
        raise InputError(f"{path}: column {', '.join(repeated)} occurs twice")
    return named, list(_rows(path, names, lines))


def _rows(path: Path, names: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    for number, line in enumerate((line for line in lines if any(cell.strip() for cell in line)), start=1):
        # spreadsheets leave trailing columns without a name: only named ones have to be there
        if len(line) < len(named := [name for name in names if name]) or any(line[len(names) :]):
            raise InputError(f"{path}: row {number} has {len(line)} cells, expected {len(names)} ({', '.join(named)})")
        yield {name: cell.strip() for name, cell in zip(names, line, strict=False) if name}


def _label(path: Path, number: int, listener: str, cell: str) -> str:
    likely = get_close_matches(cell, tables.SENTIMENTS, n=2, cutoff=_LEAST_LIKENESS)
    if len(likely) != 1:
        allowed = ", ".join(tables.SENTIMENTS)
        raise InputError(f"{path}: row {number}, column {listener}: found the vote {cell!r}, expected one of {allowed}")
    return likely[0]


def _heard(path: Path, number: int, row: Mapping[str, str], votes: Votes) -> Heard:
    try:
        start_s, end_s = float(row["start_s"]), float(row["end_s"])
    except ValueError:
        start_s = end_s = float("nan")
    if not 0 <= start_s < end_s < float("inf"):
        raise InputError(
            f"{path}: row {number}: found start_s {row['start_s']!r} and end_s {row['end_s']!r}, "
            "expected seconds, the second more than the first"
        )
    named = row["Id"].startswith(tuple(f"{split}-" for split in tables.SPLITS))
    return Heard(row["Id"] if named else f"test-{row['Id']}", start_s, end_s, votes)


def _overlap(span: Heard, start_s: float, end_s: float) -> float:
    shared_s = min(span.end_s, end_s) - max(span.start_s, start_s)
    return shared_s / (max(span.end_s, end_s) - min(span.start_s, start_s))
