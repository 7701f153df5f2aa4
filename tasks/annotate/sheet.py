"""Votes as a CSV file that `evaluate` reads: `Id,start_s,end_s,<one column per listener>,[adjudicated],text`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks import listeners, tables
from tasks.annotate.ballots import Ballot, Segment, Span, Verdict, listener
from tasks.errors import InputError

ADJUDICATOR = "adjudicator"
"""Who gave the verdicts of a CSV file, which does not say it."""


def write(path: Path, ballots: Sequence[Ballot]) -> None:
    """Write votes and verdicts, whole, in the order given; listeners by name.

    Raises:
        InputError: if there is no vote yet: such a file would have no listener's column
    """
    names = sorted({name for one in ballots for name in one.votes})
    if not names:
        raise InputError(f"{path}: nobody has voted yet, so there is nothing to write")
    judged = any(one.verdict for one in ballots)
    tables.write_csv(path, [_cells(one, names, judged) for one in ballots])


def read(path: Path, known: Iterable[Segment]) -> list[Ballot]:
    """Read votes and verdicts.

    A row is an utterance of the same video at the very same place, if one is known; else it stays a span of its own,
    which no segment's page will show.

    Args:
        path: the file
        known: segments that rows may be

    Raises:
        InputError: naming file, row and what is wrong
    """
    sheet = listeners.read_spans(path)
    for name in sheet.listeners:
        if listener(name) != name:
            raise InputError(f"{path}: column {name!r}: expected the listener's name as {listener(name)!r}")
    places = _Places(known)
    found = []
    for heard, skipped, row in zip(listeners.spans(path, sheet), sheet.skipped, sheet.rows, strict=True):
        votes: dict[str, str | None] = {**heard.votes, **dict.fromkeys(skipped)}
        cell = row.get(listeners.ADJUDICATED, "")
        verdict = Verdict(ADJUDICATOR, heard.adjudicated) if cell else None
        found.append(Ballot(places.segment(heard, row.get("text", "")), votes, verdict))
    return found


class _Places:
    def __init__(self, known: Iterable[Segment]) -> None:
        self._at: dict[tuple[str, float, float], list[Segment]] = {}
        for one in known:
            self._at.setdefault((one.video_id, one.span.start_s, one.span.end_s), []).append(one)

    def segment(self, heard: listeners.Heard, text: str) -> Segment:
        """Return the segment a row is; of several at one place, that of the same text."""
        there = self._at.get((heard.video_id, heard.start_s, heard.end_s), [])
        for one in sorted(there, key=lambda one: (one.text.strip() != text, one.span)):
            if len(there) == 1 or one.text.strip() == text:
                return one
        digest = hashlib.sha256(f"{heard.start_s!r} {heard.end_s!r} {text}".encode()).hexdigest()[:16]
        return Segment(Span(f"heard/{heard.video_id}/{digest}", heard.start_s, heard.end_s), heard.video_id, text)


def _cells(ballot: Ballot, names: Sequence[str], judged: bool) -> dict[str, str]:
    span = ballot.segment.span
    cells = {"Id": ballot.segment.video_id, "start_s": repr(span.start_s), "end_s": repr(span.end_s)}
    for name in names:
        cells[name] = _cell(ballot.votes[name]) if name in ballot.votes else ""
    if judged:
        cells[listeners.ADJUDICATED] = _cell(ballot.verdict.label) if ballot.verdict else ""
    return {**cells, "text": ballot.segment.text}


def _cell(label: str | None) -> str:
    return label or listeners.SKIPPED
