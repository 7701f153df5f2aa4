"""Store of ratings: an SQLite file in which every rating is durable as soon as it is answered.

The key of a rating is the listener, the utterance and its cut (start, end). If a segment is cut differently it has no
ratings, and those of its old sound stay with the old cut. Tables and columns keep their first names (a rating is a row
of `votes`, an adjudication one of `verdicts`), so that existing files can be opened.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tasks.annotate.rated_segments import UNNAMED, Adjudication, RatedSegment, Segment, SegmentId
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
_SEGMENT_NUMBER = "SELECT id FROM segments WHERE (utterance_id, start_s, end_s) = (?, ?, ?)"


class Store:
    """The ratings of a project. Threads may share it; other processes may have the file open too.

    Args:
        path: the SQLite file; created if it does not exist

    Raises:
        InputError: if the file is not a store, or of another version
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_private(path)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(f"{path}: not a usable store of ratings ({error})") from None
        except InputError:
            self._connection.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rate(self, segment: Segment, listener: str, label: str | None) -> bool:
        """Save a rating unless the listener already has one; return whether it is new.

        Args:
            segment: the rated segment
            listener: a name from `checked_name`
            label: None if they cannot tell
        """
        return self._insert("votes", segment, listener, label)

    def adjudicate(self, segment: Segment, by: str, label: str | None) -> bool:
        """Save the adjudication of a tie unless there is one; return whether it is new.

        Args:
            segment: the adjudicated segment
            by: a name from `checked_name`
            label: None if they cannot tell
        """
        return self._insert("verdicts", segment, by, label)

    def undo_rating(self, listener: str, among: Collection[SegmentId]) -> bool:
        """Delete a listener's last rating among some segments; return whether there was one.

        Args:
            listener: a name from `checked_name`
            among: the segments
        """
        return self._delete_last("votes", listener, among)

    def undo_adjudication(self, by: str, among: Collection[SegmentId]) -> bool:
        """Delete a person's last adjudication among some segments; return whether there was one.

        Args:
            by: a name from `checked_name`
            among: the segments
        """
        return self._delete_last("verdicts", by, among)

    def rated(self, listener: str) -> set[SegmentId]:
        """Return the segments that a listener rated or skipped.

        Args:
            listener: whose ratings
        """
        return self._ids("votes WHERE listener = ?", listener)

    def adjudicated(self) -> set[SegmentId]:
        """Return the segments with an adjudication."""
        return self._ids("verdicts")

    def listeners(self) -> list[str]:
        """Return the names of everyone who rated or adjudicated, sorted."""
        names = "SELECT listener FROM votes UNION SELECT listener FROM verdicts"
        with self._lock:
            return sorted(name for (name,) in self._connection.execute(names).fetchall())

    def rated_segments(self) -> list[RatedSegment]:
        """Return all segments with a rating or an adjudication, by video and time, listeners by name."""
        with self._transaction() as run:
            segments = run.execute("SELECT id, utterance_id, start_s, end_s, video_id, text FROM segments").fetchall()
            votes = run.execute("SELECT segment, listener, label FROM votes ORDER BY listener").fetchall()
            verdicts = run.execute("SELECT segment, listener, label FROM verdicts").fetchall()
        ratings: dict[int, dict[str, str | None]] = {}
        for number, listener, label in votes:
            ratings.setdefault(number, {})[listener] = label
        adjudications = {number: Adjudication(by, label) for number, by, label in verdicts}
        rated = [
            RatedSegment(
                Segment(SegmentId(utterance_id, start_s, end_s), video, text),
                ratings.get(number, {}),
                adjudications.get(number),
            )
            for number, utterance_id, start_s, end_s, video, text in segments
            if number in ratings or number in adjudications
        ]
        return sorted(rated, key=_video_and_time)

    def merge(self, rated: Sequence[RatedSegment], *, replace: bool = False) -> int:
        """Add ratings and adjudications, all or none; equal ones are no change.

        A CSV file does not name the person who adjudicated: such an adjudication equals any of the same label, and a
        name takes the place of none.

        Args:
            rated: what to add
            replace: whether a differing rating replaces the stored one

        Returns:
            number of new or replaced ratings and adjudications

        Raises:
            InputError: if a rating or adjudication differs from the stored one; names its position in `rated`
        """
        changed = 0
        with self._transaction() as run:
            for position, item in enumerate(rated, start=1):
                number = _segment_number(run, item.segment)
                rows = [("votes", listener, label) for listener, label in item.ratings.items()]
                rows += [("verdicts", item.adjudication.by, item.adjudication.label)] if item.adjudication else []
                for table, listener, label in rows:
                    stored = _stored(run, table, number, listener)
                    if stored is not None and _says_no_more((listener, label), stored):
                        continue
                    if stored is not None and not replace and not _says_no_more(stored, (listener, label)):
                        raise InputError(_conflict(position, item.segment, (listener, label), stored))
                    run.execute(_insert_sql(table, "OR REPLACE"), (number, listener, label, _now()))
                    changed += 1
        return changed

    def note(self, name: str) -> str | None:
        """Return a note, None if there is none.

        Args:
            name: its key
        """
        with self._lock:
            row = self._connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        """Save a note.

        Args:
            name: its key
            value: its text
        """
        with self._transaction() as run:
            run.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _prepare(self, path: Path) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        # FULL: an acknowledged rating is on the disk, also after a power failure
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
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
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself if the disk is full
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _insert(self, table: str, segment: Segment, listener: str, label: str | None) -> bool:
        with self._transaction() as run:
            values = (_segment_number(run, segment), listener, label, _now())
            return run.execute(_insert_sql(table, "OR IGNORE"), values).rowcount == 1

    def _delete_last(self, table: str, listener: str, among: Collection[SegmentId]) -> bool:
        rows = f"SELECT {table}.id, utterance_id, start_s, end_s FROM {table} JOIN segments ON segments.id = segment"  # noqa: S608
        with self._transaction() as run:
            newest_first = run.execute(f"{rows} WHERE listener = ? ORDER BY {table}.id DESC", (listener,)).fetchall()
            last = next((number for number, *segment in newest_first if SegmentId(*segment) in among), None)
            run.execute(f"DELETE FROM {table} WHERE id = ?", (last,))  # noqa: S608
        return last is not None

    def _ids(self, rows: str, *values: str) -> set[SegmentId]:
        chosen = f"SELECT utterance_id, start_s, end_s FROM segments WHERE id IN (SELECT segment FROM {rows})"  # noqa: S608
        with self._lock:
            return {SegmentId(*row) for row in self._connection.execute(chosen, values)}


def _make_private(path: Path) -> None:
    """Give the file mode 0600 before SQLite opens it; SQLite gives the same to the files that it makes beside it."""
    # whatever is wrong with the path, SQLite says it
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for suffix in ("", "-wal", "-shm", "-journal"):
        # missing, or another user's
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(0o600)


def _segment_number(run: sqlite3.Connection, segment: Segment) -> int:
    key = (segment.id.utterance_id, segment.id.start_s, segment.id.end_s)
    run.execute(
        "INSERT OR IGNORE INTO segments (utterance_id, start_s, end_s, video_id, text) VALUES (?, ?, ?, ?, ?)",
        (*key, segment.video_id, segment.text),
    )
    return int(run.execute(_SEGMENT_NUMBER, key).fetchone()[0])


def _stored(run: sqlite3.Connection, table: str, number: int, listener: str) -> tuple[str, str | None] | None:
    """Return (person, label) of the listener's stored rating, or of anyone's stored adjudication."""
    if table == "verdicts":
        rows = run.execute("SELECT listener, label FROM verdicts WHERE segment = ?", (number,))
    else:
        own = "SELECT listener, label FROM votes WHERE segment = ? AND listener = ?"
        rows = run.execute(own, (number, listener))
    stored: tuple[str, str | None] | None = rows.fetchone()
    return stored


def _says_no_more(new: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Return whether a (person, label) equals another, or would if its person were named."""
    return new[1] == other[1] and new[0] in (other[0], UNNAMED)


def _conflict(position: int, segment: Segment, new: tuple[str, str | None], stored: tuple[str, str | None]) -> str:
    return (
        f"row or task {position} ({segment.video_id}, {segment.id.start_s:g} to {segment.id.end_s:g} s): the file has "
        f"{new[1] or 'skipped'} by {new[0]}, but the store has {stored[1] or 'skipped'} by {stored[0]}; nothing was "
        "imported. Use --replace to take the file's"
    )


def _insert_sql(table: str, otherwise: str) -> str:
    return f"INSERT {otherwise} INTO {table} (segment, listener, label, at) VALUES (?, ?, ?, ?)"  # noqa: S608


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _video_and_time(rated: RatedSegment) -> tuple[str, float, float, str]:
    segment = rated.segment
    return segment.video_id, segment.id.start_s, segment.id.end_s, segment.id.utterance_id
