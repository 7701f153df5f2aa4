"""CSV files of ratings, which stages read: `Id,start_s,end_s,<one column per listener>,[adjudicated],[sampling],text`.

After the text follow, for listeners of whom it is stored, `NAME:played_s`, `NAME:plays` and `NAME:again`
(`tasks.labelling.people.ratings`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.annotate.rated_segments import UNNAMED, Adjudication, RatedSegment, Segment, SegmentId, checked_name
from tasks.core import tables, text_files
from tasks.core.errors import InputError
from tasks.labelling.people import rating_sheets, ratings


def write(path: Path, rated: Sequence[RatedSegment]) -> None:
    """Write ratings and adjudications atomically, rows in the given order, columns of listeners by name.

    Args:
        path: the CSV file
        rated: the segments

    Raises:
        InputError: if there is no rating: the file would have no listener's column
    """
    names = sorted({name for segment in rated for name in segment.ratings})
    if not names:
        raise InputError(f"{path}: there are no ratings yet, so there is nothing to write")
    optional = [
        name
        for name, is_used in (
            (ratings.ADJUDICATED, any(segment.adjudication for segment in rated)),
            (ratings.SAMPLING, any(segment.sampling for segment in rated)),
        )
        if is_used
    ]
    played = sorted({name for segment in rated for name in segment.playback if name in names})
    repeated = sorted({name for segment in rated for name in segment.again if name in names})
    tables.write_csv(
        path,
        [{**_cells(item, names, optional), **_further_cells(item, played, repeated)} for item in rated],
    )


def read(path: Path, segments: Iterable[Segment]) -> list[RatedSegment]:
    """Read ratings and adjudications.

    A row belongs to the segment of the same video with the same times. Without such a segment it becomes a segment of
    its own, which is kept but never played.

    Args:
        path: the CSV file
        segments: the project's segments

    Raises:
        InputError: names file, row and error
    """
    sheet = ratings.read_spans(path)
    for name in sheet.listeners:
        _check(path, name)
    lookup = _SegmentLookup(segments)
    rated = []
    for span, skipped, row in zip(ratings.spans(path, sheet), sheet.skipped, sheet.rows, strict=True):
        labels: dict[str, str | None] = {**span.ratings, **dict.fromkeys(skipped)}
        cell = row.get(ratings.ADJUDICATED, "")
        adjudication = Adjudication(UNNAMED, span.adjudicated) if cell else None
        segment = lookup.segment(span, row.get("text", ""))
        rated.append(RatedSegment(segment, labels, adjudication, span.playback, span.again, span.sampling))
    return rated


class _SegmentLookup:
    """Segments by video and times; segments with equal times and text are returned in turn."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._by_times: dict[tuple[str, float, float], list[Segment]] = {}
        self._uses: Counter[Segment] = Counter()
        for segment in sorted(segments, key=lambda segment: segment.id):
            self._by_times.setdefault((segment.video_id, segment.id.start_s, segment.id.end_s), []).append(segment)

    def segment(self, span: ratings.RatedSpan, text: str) -> Segment:
        """Return a row's segment; the text decides between several with the same times."""
        candidates = self._by_times.get((span.video_id, span.start_s, span.end_s), [])
        if len(candidates) > 1:
            candidates = [segment for segment in candidates if segment.text.strip() == text]
        if candidates:
            segment = min(candidates, key=lambda segment: self._uses[segment])
            self._uses[segment] += 1
            return segment
        digest = hashlib.sha256(f"{span.start_s!r} {span.end_s!r} {text}".encode()).hexdigest()[:16]
        return Segment(SegmentId(f"heard/{span.video_id}/{digest}", span.start_s, span.end_s), span.video_id, text)


def _check(path: Path, name: str) -> None:
    try:
        tidy = checked_name(name)
    except InputError as error:
        raise InputError(f"{path}: column {text_files.quoted(name)}: {error}") from None
    if tidy != name:
        raise InputError(
            f"{path}: column {text_files.quoted(name)}: expected the listener's name in Unicode's form NFC"
        )


def _cells(rated: RatedSegment, names: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    segment = rated.segment
    cells = {"Id": segment.video_id, "start_s": repr(segment.id.start_s), "end_s": repr(segment.id.end_s)}
    for name in names:
        cells[name] = _cell(rated.ratings[name]) if name in rated.ratings else ""
    if ratings.ADJUDICATED in optional:
        cells[ratings.ADJUDICATED] = _cell(rated.adjudication.label) if rated.adjudication else ""
    if ratings.SAMPLING in optional:
        cells[ratings.SAMPLING] = rated.sampling or ""
    return {**cells, "text": segment.text}


def _further_cells(rated: RatedSegment, played: Sequence[str], repeated: Sequence[str]) -> dict[str, str]:
    cells = {}
    for name in played:
        playback = rated.playback.get(name)
        cells[f"{name}{rating_sheets.SEPARATOR}{rating_sheets.PLAYED_S}"] = (
            "" if playback is None else repr(playback.played_s)
        )
        cells[f"{name}{rating_sheets.SEPARATOR}{rating_sheets.PLAYS}"] = "" if playback is None else str(playback.plays)
    for name in repeated:
        cells[f"{name}{rating_sheets.SEPARATOR}{rating_sheets.AGAIN}"] = (
            _cell(rated.again[name]) if name in rated.again else ""
        )
    return cells


def _cell(label: str | None) -> str:
    return label or rating_sheets.SKIPPED
