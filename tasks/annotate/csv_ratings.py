"""Votes as a CSV file that `evaluate` reads: `Id,start_s,end_s,<one column per listener>,[adjudicated],text`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.annotate.rated_segments import Adjudication, RatedSegment, Segment, SegmentId, listener
from tasks.core import tables
from tasks.core.errors import InputError
from tasks.labelling.people import ratings

ADJUDICATOR = "adjudicator"
"""Who gave the verdicts of a CSV file, which does not say it."""


def write(path: Path, ballots: Sequence[RatedSegment]) -> None:
    """Write votes and verdicts, whole, in the order given; listeners by name.

    Raises:
        InputError: if there is no vote yet: such a file would have no listener's column
    """
    names = sorted({name for one in ballots for name in one.votes})
    if not names:
        raise InputError(f"{path}: nobody has voted yet, so there is nothing to write")
    judged = any(one.verdict for one in ballots)
    tables.write_csv(path, [_cells(one, names, judged) for one in ballots])


def read(path: Path, known: Iterable[Segment]) -> list[RatedSegment]:
    """Read votes and verdicts.

    A row is an utterance of the same video at the very same place, if one is known; else it stays a span of its own,
    which no segment's page will show.

    Args:
        path: the file
        known: segments that rows may be

    Raises:
        InputError: naming file, row and what is wrong
    """
    sheet = ratings.read_spans(path)
    for name in sheet.listeners:
        _check(path, name)
    places = _Places(known)
    found = []
    for heard, skipped, row in zip(ratings.spans(path, sheet), sheet.skipped, sheet.rows, strict=True):
        votes: dict[str, str | None] = {**heard.ratings, **dict.fromkeys(skipped)}
        cell = row.get(ratings.ADJUDICATED, "")
        verdict = Adjudication(ADJUDICATOR, heard.adjudicated) if cell else None
        found.append(RatedSegment(places.segment(heard, row.get("text", "")), votes, verdict))
    return found


class _Places:
    """The known segments by their place; those alike in place and text are taken in turn."""

    def __init__(self, known: Iterable[Segment]) -> None:
        self._at: dict[tuple[str, float, float], list[Segment]] = {}
        self._taken: Counter[Segment] = Counter()
        for one in sorted(known, key=lambda one: one.span):
            self._at.setdefault((one.video_id, one.span.start_s, one.span.end_s), []).append(one)

    def segment(self, heard: ratings.RatedSpan, text: str) -> Segment:
        """Return the segment a row is; of several at one place, one of the same text."""
        there = self._at.get((heard.video_id, heard.start_s, heard.end_s), [])
        alike = there if len(there) == 1 else [one for one in there if one.text.strip() == text]
        if alike:
            found = min(alike, key=lambda one: self._taken[one])
            self._taken[found] += 1
            return found
        digest = hashlib.sha256(f"{heard.start_s!r} {heard.end_s!r} {text}".encode()).hexdigest()[:16]
        return Segment(SegmentId(f"heard/{heard.video_id}/{digest}", heard.start_s, heard.end_s), heard.video_id, text)


def _check(path: Path, name: str) -> None:
    try:
        tidy = listener(name)
    except InputError as error:
        raise InputError(f"{path}: column {name!r}: {error}") from None
    if tidy != name:
        raise InputError(f"{path}: column {name!r}: expected the listener's name in Unicode's form NFC")


def _cells(ballot: RatedSegment, names: Sequence[str], judged: bool) -> dict[str, str]:
    span = ballot.segment.span
    cells = {"Id": ballot.segment.video_id, "start_s": repr(span.start_s), "end_s": repr(span.end_s)}
    for name in names:
        cells[name] = _cell(ballot.votes[name]) if name in ballot.votes else ""
    if judged:
        cells[ratings.ADJUDICATED] = _cell(ballot.verdict.label) if ballot.verdict else ""
    return {**cells, "text": ballot.segment.text}


def _cell(label: str | None) -> str:
    return label or ratings.SKIPPED
