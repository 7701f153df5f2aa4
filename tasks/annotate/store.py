"""Every vote, in one SQLite file, safe the moment it is given: a killed server loses none.

A vote is kept under its listener and the span it was given on (utterance, start, end): cut anew, a segment has no votes
of its own, and what was said about the old sound stays with that.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tasks.annotate.rated_segments import Adjudication, RatedSegment, Segment, SegmentId
from tasks.core.errors import InputError

_VERSION = 1
_BUSY_S = 30.0
_TABLES = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY, utterance_id TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL,
    video_id TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (utterance_id, start_s, end_s)
);
CREATE TABLE votes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL REFERENCES segments, listener TEXT NOT NULL,
    label TEXT CHECK (label IN ('negative', 'neutral', 'positive')), at TEXT NOT NULL, UNIQUE (segment, listener)
);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL UNIQUE REFERENCES segments, listener TEXT NOT NULL,
    label TEXT CHECK (label IN ('negative', 'neutral', 'positive')), at TEXT NOT NULL
);
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_OF_SPAN = "SELECT id FROM segments WHERE (utterance_id, start_s, end_s) = (?, ?, ?)"


class Store:
    """The votes of a project. Threads may share it; other processes may have it open too.

    Args:
        path: the SQLite file; made if it is not there

    Raises:
        InputError: if the file is something else, or was made by another version
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._open = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            self._open.close()
            raise InputError(f"{path}: not a store of votes that can be used ({error})") from None
        except InputError:
            self._open.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def vote(self, segment: Segment, listener: str, label: str | None) -> bool:
        """Save a listener's vote (None: cannot tell); return whether it is new, since the first one stands."""
        return self._say("votes", segment, listener, label)

    def judge(self, segment: Segment, by: str, label: str | None) -> bool:
        """Save the verdict on a tie; return whether it is new, since the first one stands."""
        return self._say("verdicts", segment, by, label)

    def take_back_vote(self, listener: str, among: Collection[SegmentId]) -> bool:
        """Delete the last vote a listener gave on some spans; return whether there was one."""
        return self._take_back("votes", listener, among)

    def take_back_verdict(self, by: str, among: Collection[SegmentId]) -> bool:
        """Delete the last verdict someone gave on some spans; return whether there was one."""
        return self._take_back("verdicts", by, among)

    def voted(self, listener: str) -> set[SegmentId]:
        """Return the spans a listener has voted on or skipped."""
        return self._spans("votes WHERE listener = ?", listener)

    def judged(self, by: str | None = None) -> set[SegmentId]:
        """Return the spans with a verdict, of one person or of anyone."""
        return self._spans("verdicts") if by is None else self._spans("verdicts WHERE listener = ?", by)

    def listeners(self) -> list[str]:
        """Return the names of everyone who voted or judged, sorted."""
        with self._lock:
            found = self._open.execute("SELECT listener FROM votes UNION SELECT listener FROM verdicts").fetchall()
        return sorted(name for (name,) in found)

    def ballots(self) -> list[RatedSegment]:
        """Return all segments with a vote or a verdict, sorted by video and time, listeners by name."""
        with self._transaction() as run:
            segments = run.execute("SELECT id, utterance_id, start_s, end_s, video_id, text FROM segments").fetchall()
            cast = run.execute("SELECT segment, listener, label FROM votes ORDER BY listener").fetchall()
            verdicts = run.execute("SELECT segment, listener, label FROM verdicts").fetchall()
        votes: dict[int, dict[str, str | None]] = {}
        for segment, listener, label in cast:
            votes.setdefault(segment, {})[listener] = label
        judged = {segment: Adjudication(by, label) for segment, by, label in verdicts}
        found = [
            RatedSegment(
                Segment(SegmentId(one, start_s, end_s), video, text), votes.get(number, {}), judged.get(number)
            )
            for number, one, start_s, end_s, video, text in segments
            if number in votes or number in judged
        ]
        return sorted(found, key=_place)

    def merge(self, ballots: Sequence[RatedSegment], *, replace: bool = False) -> int:
        """Add votes and verdicts, all of them or none; what is there already is no change.

        Args:
            ballots: what to add
            replace: whether what is added stands where the two differ

        Returns:
            how many votes and verdicts were new or replaced

        Raises:
            InputError: if someone's vote, or the verdict, differs from what is there, naming its place in `ballots`
        """
        changed = 0
        with self._transaction() as run:
            for place, one in enumerate(ballots, start=1):
                number = _segment(run, one.segment)
                said = [("votes", listener, label) for listener, label in one.votes.items()]
                said += [("verdicts", one.verdict.by, one.verdict.label)] if one.verdict else []
                for table, listener, label in said:
                    there = _there(run, table, number, listener)
                    if there == (listener, label):
                        continue
                    if there is not None and not replace:
                        raise InputError(_differs(place, one.segment, (listener, label), there))
                    run.execute(_insert(table, "OR REPLACE"), (number, listener, label, _now()))
                    changed += 1
        return changed

    def note(self, name: str) -> str | None:
        """Return what was noted under a name."""
        with self._lock:
            row = self._open.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        """Note something under a name."""
        with self._transaction() as run:
            run.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _prepare(self, path: Path) -> None:
        self._open.execute("PRAGMA journal_mode = WAL")
        # FULL: a vote that was answered for is on the disk, whatever happens to the power
        self._open.execute("PRAGMA synchronous = FULL")
        self._open.execute("PRAGMA foreign_keys = ON")
        with self._transaction() as run:
            (version,) = run.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in filter(str.strip, _TABLES.split(";")):
                    run.execute(statement)
                run.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise InputError(f"{path}: written by another undertone (version {version}, expected {_VERSION})")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._open.execute("BEGIN IMMEDIATE")
            try:
                yield self._open
                self._open.execute("COMMIT")
            except BaseException:
                # a full disk has rolled it back already
                if self._open.in_transaction:
                    self._open.execute("ROLLBACK")
                raise

    def _say(self, table: str, segment: Segment, listener: str, label: str | None) -> bool:
        with self._transaction() as run:
            values = (_segment(run, segment), listener, label, _now())
            done = run.execute(_insert(table, "OR IGNORE"), values)
            return done.rowcount == 1

    def _take_back(self, table: str, listener: str, among: Collection[SegmentId]) -> bool:
        rows = f"SELECT {table}.id, utterance_id, start_s, end_s FROM {table} JOIN segments ON segments.id = segment"  # noqa: S608
        with self._transaction() as run:
            said = run.execute(f"{rows} WHERE listener = ? ORDER BY {table}.id DESC", (listener,)).fetchall()
            last = next((number for number, *span in said if SegmentId(*span) in among), None)
            run.execute(f"DELETE FROM {table} WHERE id = ?", (last,))  # noqa: S608
        return last is not None

    def _spans(self, said: str, *values: str) -> set[SegmentId]:
        chosen = f"SELECT utterance_id, start_s, end_s FROM segments WHERE id IN (SELECT segment FROM {said})"  # noqa: S608
        with self._lock:
            return {SegmentId(*row) for row in self._open.execute(chosen, values)}


def _segment(run: sqlite3.Connection, segment: Segment) -> int:
    span = segment.span
    place = (span.utterance_id, span.start_s, span.end_s)
    run.execute(
        "INSERT OR IGNORE INTO segments (utterance_id, start_s, end_s, video_id, text) VALUES (?, ?, ?, ?, ?)",
        (*place, segment.video_id, segment.text),
    )
    return int(run.execute(_OF_SPAN, place).fetchone()[0])


def _there(run: sqlite3.Connection, table: str, segment: int, listener: str) -> tuple[str, str | None] | None:
    """Return who said what where this listener's vote, or anyone's verdict, would go."""
    if table == "verdicts":
        found = run.execute("SELECT listener, label FROM verdicts WHERE segment = ?", (segment,))
    else:
        mine = "SELECT listener, label FROM votes WHERE segment = ? AND listener = ?"
        found = run.execute(mine, (segment, listener))
    there: tuple[str, str | None] | None = found.fetchone()
    return there


def _differs(place: int, segment: Segment, said: tuple[str, str | None], there: tuple[str, str | None]) -> str:
    span = segment.span
    return (
        f"row or task {place} ({segment.video_id}, {span.start_s:g} to {span.end_s:g} s): {said[0]} says "
        f"{said[1] or 'skipped'}, but the store has {there[1] or 'skipped'} of {there[0]}; nothing was taken in. "
        "With --replace, what the file says stands"
    )


def _insert(table: str, otherwise: str) -> str:
    return f"INSERT {otherwise} INTO {table} (segment, listener, label, at) VALUES (?, ?, ?, ?)"  # noqa: S608


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _place(ballot: RatedSegment) -> tuple[str, float, float, str]:
    span = ballot.segment.span
    return ballot.segment.video_id, span.start_s, span.end_s, span.utterance_id
