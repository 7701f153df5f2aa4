"""What people heard: CSV files of several listeners' votes, and the label that a row's votes come to.

A file has one row per span of a test video: `Id,start_s,end_s,<one column per listener>,[adjudicated],text`. `Id` is
the video's Id in its list (`train-7` names one of the training list); votes are negative, neutral or positive, or empty
where someone did not vote, or `skipped` where someone listened and could not tell. Misspelt votes are mended where only
one can be meant, and every such repair is told. `adjudicated` is the verdict of one more person on a row that tied.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import tables
from tasks.core.errors import InputError

SKIPPED = "skipped"
"""What a cell says where someone listened and could not tell: as no vote, everywhere but in what it was made from."""
ADJUDICATED = "adjudicated"
RATED = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("majority", pa.string()),
        (ADJUDICATED, pa.string()),
        ("ratings", pa.map_(pa.string(), pa.string())),
    ]
)
"""One row per utterance that people listened to; `majority` is null where the most frequent votes tie, `adjudicated`
where nobody gave a verdict. The label is the verdict where there is one, else the majority (`gold`)."""

_LEAST_LIKENESS = 0.8
"""How much of a misspelt vote must match a label (difflib's ratio): above it, no two labels can both match."""
_LEAST_OVERLAP = 0.5
_SPAN_COLUMNS = ("Id", "start_s", "end_s")

Ratings = Mapping[str, str]


@dataclass(frozen=True)
class Repair:
    """A misspelt vote, and what it was taken for; `row` counts the file's lines of data from 1."""

    file: str
    row: int
    listener: str
    found: str
    taken: str


@dataclass(frozen=True)
class RatingSheet:
    """A CSV file of votes, checked.

    Attributes:
        file: its path
        listeners: in the order of their columns
        rows: all cells of every row, by column, stripped
        votes: listener to vote, per row
        skipped: the listeners who could not tell, per row
        repairs: what was mended
    """

    file: str
    listeners: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    votes: tuple[Ratings, ...]
    skipped: tuple[frozenset[str], ...]
    repairs: tuple[Repair, ...]


@dataclass(frozen=True)
class RatedSpan:
    """What the listeners voted on a span of a video, in seconds, and the verdict of who heard it after a tie."""

    video_id: str
    start_s: float
    end_s: float
    votes: Ratings
    adjudicated: str | None = None


@dataclass(frozen=True)
class RatingFile:
    """One file: its listeners, the spans they heard, and the repairs."""

    file: str
    listeners: tuple[str, ...]
    heard: tuple[RatedSpan, ...]
    repairs: tuple[Repair, ...]


def read_folder(folder: Path) -> list[RatingFile]:
    """Read all CSV files of a folder, sorted by name; none where there is no such folder.

    Raises:
        InputError: naming file, row and what is wrong
    """
    return [read(path) for path in sorted(folder.glob("*.csv"))]


def read(path: Path) -> RatingFile:
    """Read one file of votes on spans.

    Raises:
        InputError: naming file, row and what is wrong
    """
    sheet = read_spans(path)
    return RatingFile(sheet.file, sheet.listeners, spans(path, sheet), sheet.repairs)


def read_spans(path: Path) -> RatingSheet:
    """Read the cells of a file of votes on spans.

    Raises:
        InputError: naming file, row and what is wrong
    """
    return read_sheet(path, _SPAN_COLUMNS, also=(ADJUDICATED, "text"))


def spans(path: Path, sheet: RatingSheet) -> tuple[RatedSpan, ...]:
    """Return what each row of a file of votes on spans says.

    Raises:
        InputError: naming file, row and what is wrong with its span or its verdict
    """
    return tuple(
        _heard(path, number, row, votes)
        for number, (row, votes) in enumerate(zip(sheet.rows, sheet.votes, strict=True), start=1)
    )


def read_sheet(path: Path, columns: Sequence[str], also: Sequence[str] = ()) -> RatingSheet:
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
    votes, skipped, repairs = list[Ratings](), list[frozenset[str]](), list[Repair]()
    for number, row in enumerate(rows, start=1):
        voted = {}
        skipped.append(frozenset(one for one in listeners if row[one].casefold() == SKIPPED))
        for listener in listeners:
            if (cell := row[listener].casefold()) and cell != SKIPPED:
                voted[listener] = _label(path, number, listener, cell)
                if voted[listener] != cell:
                    repairs.append(Repair(str(path), number, listener, row[listener], voted[listener]))
        votes.append(voted)
    return RatingSheet(str(path), listeners, tuple(rows), tuple(votes), tuple(skipped), tuple(repairs))


def majority(votes: Ratings) -> str | None:
    """Return the most frequent vote, or None where there is no single one."""
    ranked = Counter(votes.values()).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def gold_label(row: Mapping[str, Any]) -> str | None:
    """Return the label of a row of `RATED`: the verdict where one was given, else the majority, else None."""
    label: str | None = row[ADJUDICATED] or row["majority"]
    return label


def match(listening: RatingFile, utterances: pa.Table) -> pa.Table:
    """Find the utterance that every heard span is: the one it shares most time with.

    Spans and utterances pair one to one, best first, where their intersection is at least half of their union.
    What is left unmatched is `len(listening.heard)` less the rows returned.

    Args:
        listening: spans people heard
        utterances: a table with `utterance_id`, `group`, `start_s`, `end_s`

    Returns:
        rows of `RATED`, sorted by utterance
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
    return _table({one: [listening.heard[place]] for one, place in taken.items()})


def pooled(folder: Path, utterances: pa.Table) -> pa.Table:
    """Find what every utterance was heard as, over all files of a folder.

    An utterance that stands in several files counts once, with all its votes; of two votes under one name, and of two
    verdicts, that of the first file stands.

    Args:
        folder: files of votes on spans
        utterances: as `match` takes them

    Returns:
        rows of `RATED`, sorted by utterance
    """
    found: dict[str, list[RatedSpan]] = {}
    for listening in read_folder(folder):
        for row in match(listening, utterances).to_pylist():
            heard = RatedSpan(row["utterance_id"], 0.0, 0.0, dict(row["ratings"]), row[ADJUDICATED])
            found.setdefault(row["utterance_id"], []).append(heard)
    return _table(found)


def _table(found: Mapping[str, Sequence[RatedSpan]]) -> pa.Table:
    rows = []
    for one, heard in sorted(found.items()):
        votes = {name: vote for file in reversed(heard) for name, vote in file.votes.items()}
        verdict = next((file.adjudicated for file in heard if file.adjudicated), None)
        majority_vote = majority(votes)
        rows.append(
            {"utterance_id": one, "majority": majority_vote, ADJUDICATED: verdict, "ratings": list(votes.items())}
        )
    return tables.from_rows(rows, RATED)


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


def _heard(path: Path, number: int, row: Mapping[str, str], votes: Ratings) -> RatedSpan:
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
    cell = row.get(ADJUDICATED, "").casefold()
    verdict = _label(path, number, ADJUDICATED, cell) if cell and cell != SKIPPED else None
    return RatedSpan(row["Id"] if named else f"test-{row['Id']}", start_s, end_s, votes, verdict)


def _overlap(span: RatedSpan, start_s: float, end_s: float) -> float:
    shared_s = min(span.end_s, end_s) - max(span.start_s, start_s)
    return shared_s / (max(span.end_s, end_s) - min(span.start_s, start_s))
