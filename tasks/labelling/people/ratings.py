"""Listeners' ratings: CSV files with one column per listener, and the label that a row's ratings add up to.

A file has one row per span of a test video: `Id,start_s,end_s,<one column per listener>,[adjudicated],[sampling],text`.
`Id` is the video's Id in its list (`train-7`: in the training list). A rating is negative, neutral or positive; an
empty cell means no rating, `skipped` that the listener could not tell. Misspelt ratings are corrected if only one label
can be meant, and every correction is reported. `adjudicated` is the decision of another person on a row whose ratings
tie. `sampling` is `random` or `proposed` where the listening page drew a row at random, or proposed it for its votes.
Files of the listening page have further columns for each listener, which are no ratings: `NAME:played_s` and
`NAME:plays` (how long and how often the sound was played before the rating), and `NAME:again` (the rating of a hidden
repetition of the item). Older files lack them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import forgotten, tables, text_files
from tasks.core.errors import InputError

SKIPPED = "skipped"
"""Cell of a listener who could not tell. Counts as no rating; only the annotation store keeps the difference."""
ADJUDICATED = "adjudicated"
SAMPLING = "sampling"
RANDOM, PROPOSED = SAMPLINGS = ("random", "proposed")
"""Cells of the column `sampling`. Proposed rows are no random sample: an estimate of label quality leaves them out."""
PLAYED_S, PLAYS, AGAIN = "played_s", "plays", "again"
SEPARATOR = ":"
"""Between a listener's name, which cannot contain it, and `PLAYED_S`, `PLAYS` or `AGAIN`."""
RATED = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("majority", pa.string()),
        (ADJUDICATED, pa.string()),
        (SAMPLING, pa.string()),
        ("ratings", pa.map_(pa.string(), pa.string())),
    ]
)
"""One row per rated utterance. `majority` is null if the most frequent ratings tie, `adjudicated` if nobody decided.
`gold_label` gives the label: the adjudicated one if there is one, else the majority. `sampling` is null if no file, or
not all files, mark how the utterance was drawn."""

NO_VIDEO, NO_UTTERANCE = "no such video", "no utterance overlaps it by half"
TAKEN = "its utterance is matched by another row"
"""Reasons of rows that match no utterance."""
_MIN_SIMILARITY = 0.8
"""Least similarity (difflib's ratio) of a misspelt rating and a label; above it, no two labels can both match."""
_LONGEST_LABEL = 20
"""Characters of a cell that may be a misspelt label; longer ones are not compared."""
_MIN_OVERLAP = 0.5
_SPAN_COLUMNS = ("Id", "start_s", "end_s")

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


@dataclass(frozen=True)
class RatedSpan:
    """The ratings of a span of a video, times in seconds, the decision on a tie, playback and repeated ratings.

    `sampling` is one of `SAMPLINGS`, None where the row is not marked.
    """

    video_id: str
    start_s: float
    end_s: float
    ratings: Ratings
    adjudicated: str | None = None
    playback: Mapping[str, Playback] = field(default_factory=dict)
    again: Mapping[str, str | None] = field(default_factory=dict)
    sampling: str | None = None


@dataclass(frozen=True)
class RatingFile:
    """A CSV file of rated spans."""

    file: str
    listeners: tuple[str, ...]
    spans: tuple[RatedSpan, ...]
    repairs: tuple[Repair, ...]


def read_folder(folder: Path) -> list[RatingFile]:
    """Read all CSV files of a folder, sorted by name; none if the folder does not exist.

    Args:
        folder: files of rated spans
    """
    return [read(path) for path in sorted(folder.glob("*.csv"))]


def read(path: Path) -> RatingFile:
    """Read a file of rated spans; see `read_sheet` for errors.

    Args:
        path: the CSV file
    """
    sheet = read_spans(path)
    return RatingFile(sheet.file, sheet.listeners, spans(path, sheet), sheet.repairs)


def read_spans(path: Path) -> RatingSheet:
    """Read the cells of a file of rated spans; see `read_sheet` for further errors.

    Args:
        path: the CSV file

    Raises:
        InputError: if a column is that of a listener who asked for the removal of their ratings
    """
    sheet = read_sheet(path, _SPAN_COLUMNS, also=(ADJUDICATED, SAMPLING, "text"))
    ledger = forgotten.read()
    for name in sheet.listeners:
        if day := ledger.day(forgotten.LISTENER, name):
            raise InputError(
                f"{path}: found a column of a listener whose ratings were removed on request on {day}: number "
                f"{sheet.listeners.index(name) + 1} of the listeners' columns. Remove it, or ask them, and remove "
                f"their entry from {forgotten.LEDGER}"
            )
    return sheet


def spans(path: Path, sheet: RatingSheet) -> tuple[RatedSpan, ...]:
    """Return the rated span of every row.

    Args:
        path: the file, for error messages
        sheet: its cells, from `read_spans`

    Raises:
        InputError: if the times or the adjudicated label of a row are not valid
    """
    columns = zip(sheet.rows, sheet.ratings, sheet.playback, sheet.again, strict=True)
    return tuple(
        replace(_rated_span(path, number, row, ratings), playback=playback, again=again)
        for number, (row, ratings, playback, again) in enumerate(columns, start=1)
    )


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
                labels[listener] = _label(path, number, listener, cell)
                if labels[listener] != cell:
                    repairs.append(Repair(str(path), number, listener, row[listener], labels[listener]))
        ratings.append(labels)
    numbered = list(enumerate(rows, start=1))
    playback = tuple(_playback(path, number, row, listeners) for number, row in numbered)
    again = tuple(_again(path, number, row, listeners) for number, row in numbered)
    return RatingSheet(
        str(path), listeners, tuple(rows), tuple(ratings), tuple(skipped), tuple(repairs), playback, again
    )


def majority(ratings: Ratings) -> str | None:
    """Return the most frequent rating, or None if there are none or several tie.

    Args:
        ratings: listener to label
    """
    ranked = Counter(ratings.values()).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def gold_label(row: Mapping[str, Any]) -> str | None:
    """Return the adjudicated label if there is one, else the majority, else None.

    Args:
        row: of a table with the schema `RATED`
    """
    label: str | None = row[ADJUDICATED] or row["majority"]
    return label


@dataclass(frozen=True)
class UnmatchedRow:
    """A row of ratings that belongs to no utterance; `row` counts the file's data rows from 1, times in seconds."""

    file: str
    row: int
    video_id: str
    start_s: float
    end_s: float
    why: str


@dataclass(frozen=True)
class PooledRatings:
    """The ratings of all files of a folder.

    Attributes:
        rated: rows of `RATED`, one per utterance, sorted
        n_rows: rows of the files that have a rating
        unmatched: those that belong to no utterance
    """

    rated: pa.Table
    n_rows: int
    unmatched: tuple[UnmatchedRow, ...]


def match(file: RatingFile, utterances: pa.Table) -> tuple[pa.Table, tuple[UnmatchedRow, ...]]:
    """Match rated spans to utterances, one to one, largest overlap first.

    A pair needs an intersection of at least half its union.

    Args:
        file: the rated spans
        utterances: a table with `utterance_id`, `group`, `start_s`, `end_s`

    Returns:
        rows of `RATED`, sorted by utterance; and the rated spans that match none
    """
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in utterances.select(["utterance_id", "group", "start_s", "end_s"]).to_pylist():
        by_video.setdefault(row["group"], []).append(row)
    pairs = sorted(
        (-overlap, number, row["utterance_id"])
        for number, span in enumerate(file.spans)
        for row in by_video.get(span.video_id, ())
        if (overlap := _overlap(span, row["start_s"], row["end_s"])) >= _MIN_OVERLAP
    )
    matched, numbers = dict[str, int](), set[int]()
    for _, number, utterance_id in pairs:
        if utterance_id not in matched and number not in numbers:
            matched[utterance_id] = number
            numbers.add(number)
    overlapping = {number for _, number, _ in pairs}
    unmatched = tuple(
        UnmatchedRow(file.file, number + 1, span.video_id, span.start_s, span.end_s, why)
        for number, span in enumerate(file.spans)
        if number not in numbers and _has_rating(span)
        for why in [NO_VIDEO if span.video_id not in by_video else TAKEN if number in overlapping else NO_UTTERANCE]
    )
    return _table({utterance_id: [file.spans[number]] for utterance_id, number in matched.items()}), unmatched


def pooled(folder: Path, utterances: pa.Table) -> PooledRatings:
    """Collect every utterance's ratings over all CSV files of a folder.

    An utterance in several files counts once, with all its ratings. Of two ratings by the same listener, or two
    adjudicated labels, the first file's is kept.

    Args:
        folder: files of rated spans; it need not exist
        utterances: as for `match`

    Raises:
        InputError: names file, row and error
    """
    by_utterance: dict[str, list[RatedSpan]] = {}
    unmatched, n_rows = list[UnmatchedRow](), 0
    for file in read_folder(folder):
        rated, without_utterance = match(file, utterances)
        n_rows += sum(map(_has_rating, file.spans))
        unmatched += without_utterance
        for row in rated.to_pylist():
            span = RatedSpan(
                row["utterance_id"], 0.0, 0.0, dict(row["ratings"]), row[ADJUDICATED], sampling=row[SAMPLING]
            )
            by_utterance.setdefault(row["utterance_id"], []).append(span)
    return PooledRatings(_table(by_utterance), n_rows, tuple(unmatched))


def _has_rating(span: RatedSpan) -> bool:
    return bool(span.ratings or span.adjudicated)


def _table(by_utterance: Mapping[str, Sequence[RatedSpan]]) -> pa.Table:
    rows = []
    for utterance_id, files in sorted(by_utterance.items()):
        # reversed: a rating in an earlier file overwrites one in a later file
        ratings = {name: label for span in reversed(files) for name, label in span.ratings.items()}
        adjudicated = next((span.adjudicated for span in files if span.adjudicated), None)
        row = {"majority": majority(ratings), ADJUDICATED: adjudicated, SAMPLING: _sampling(files)}
        rows.append({"utterance_id": utterance_id, **row, "ratings": list(ratings.items())})
    return tables.from_rows(rows, RATED)


def _sampling(files: Sequence[RatedSpan]) -> str | None:
    """Return how an utterance was drawn: at random in any file, or proposed in all."""
    marks = {span.sampling for span in files}
    return RANDOM if RANDOM in marks else PROPOSED if marks == {PROPOSED} else None


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
            again[name] = None if cell == SKIPPED else _label(path, number, column, cell)
    return again


def _label(path: Path, number: int, listener: str, cell: str) -> str:
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


def _rated_span(path: Path, number: int, row: Mapping[str, str], ratings: Ratings) -> RatedSpan:
    try:
        start_s, end_s = text_files.number(row["start_s"]), text_files.number(row["end_s"])
    except ValueError:
        start_s = end_s = float("nan")
    if not 0 <= start_s < end_s < float("inf"):
        start, end = text_files.quoted(row["start_s"]), text_files.quoted(row["end_s"])
        raise InputError(
            f"{path}: row {number}: found start_s {start} and end_s {end}, "
            "expected seconds, the second more than the first"
        )
    with_split = row["Id"].startswith(tuple(f"{split}-" for split in tables.SPLITS))
    cell = row.get(ADJUDICATED, "").casefold()
    adjudicated = _label(path, number, ADJUDICATED, cell) if cell and cell != SKIPPED else None
    video_id = row["Id"] if with_split else f"test-{row['Id']}"
    mark = row.get(SAMPLING, "").casefold()
    if mark and mark not in SAMPLINGS:
        allowed, actual = ", ".join(SAMPLINGS), text_files.quoted(mark)
        raise InputError(
            f"{path}: row {number}: found {SAMPLING} {actual}, expected one of {allowed}, or an empty cell"
        )
    return RatedSpan(video_id, start_s, end_s, ratings, adjudicated, sampling=mark or None)


def _overlap(span: RatedSpan, start_s: float, end_s: float) -> float:
    shared_s = min(span.end_s, end_s) - max(span.start_s, start_s)
    return shared_s / (max(span.end_s, end_s) - min(span.start_s, start_s))
