"""Ratings of utterances: rated spans of all files of a folder, matched to utterances and pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import tables
from tasks.labelling.people import ratings as rated_spans
from tasks.labelling.people.ratings import ADJUDICATED, PROPOSED, RANDOM, SAMPLING, RatedSpan, RatingFile, majority

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
_MIN_OVERLAP = 0.5


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
    for file in rated_spans.read_folder(folder):
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


def _overlap(span: RatedSpan, start_s: float, end_s: float) -> float:
    shared_s = min(span.end_s, end_s) - max(span.start_s, start_s)
    return shared_s / (max(span.end_s, end_s) - min(span.start_s, start_s))
