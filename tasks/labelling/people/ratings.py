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

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.core import forgotten, tables, text_files
from tasks.core.errors import InputError
from tasks.labelling.people import rating_sheets
from tasks.labelling.people.rating_sheets import SKIPPED, Playback, Ratings, RatingSheet, Repair

ADJUDICATED = "adjudicated"
SAMPLING = "sampling"
RANDOM, PROPOSED = SAMPLINGS = ("random", "proposed")
"""Cells of the column `sampling`. Proposed rows are no random sample: an estimate of label quality leaves them out."""
_SPAN_COLUMNS = ("Id", "start_s", "end_s")


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
    sheet = rating_sheets.read_sheet(path, _SPAN_COLUMNS, also=(ADJUDICATED, SAMPLING, "text"))
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


def majority(ratings: Ratings) -> str | None:
    """Return the most frequent rating, or None if there are none or several tie.

    Args:
        ratings: listener to label
    """
    ranked = Counter(ratings.values()).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


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
    adjudicated = rating_sheets.label_of(path, number, ADJUDICATED, cell) if cell and cell != SKIPPED else None
    video_id = row["Id"] if with_split else f"test-{row['Id']}"
    mark = row.get(SAMPLING, "").casefold()
    if mark and mark not in SAMPLINGS:
        allowed, actual = ", ".join(SAMPLINGS), text_files.quoted(mark)
        raise InputError(
            f"{path}: row {number}: found {SAMPLING} {actual}, expected one of {allowed}, or an empty cell"
        )
    return RatedSpan(video_id, start_s, end_s, ratings, adjudicated, sampling=mark or None)
