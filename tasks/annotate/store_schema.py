"""Schema of the store of ratings: its tables, the upgrade of older files, and the mode of its files.

Tables and columns keep their first names (a rating is a row of `votes`, an adjudication one of `verdicts`), so that
existing files can be opened.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from tasks.core.errors import InputError

_VERSION = 2
_TABLES = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY, utterance_id TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL,
    video_id TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (utterance_id, start_s, end_s)
);
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_LABEL_TABLE = """
CREATE TABLE {name} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL REFERENCES segments, listener TEXT NOT NULL,
    label TEXT, at TEXT NOT NULL, played_s REAL, plays INTEGER, UNIQUE ({key})
)
"""
_SAMPLING_TABLE = """
CREATE TABLE IF NOT EXISTS samplings (segment INTEGER PRIMARY KEY REFERENCES segments, how TEXT NOT NULL)
"""
_KEYS = {
    "votes": "segment, listener",
    "verdicts": "segment",
    "repeats": "segment, listener",
    "practice": "segment, listener",
}


class Counts(StrEnum):
    """Tables of labels, by what a label counts as."""

    RATING = "votes"
    ADJUDICATION = "verdicts"
    REPETITION = "repeats"
    PRACTICE = "practice"


def prepare(run: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or upgrade those of an older one, within a transaction.

    Args:
        run: connection with an open transaction
        path: of the file, for the message

    Raises:
        InputError: if the file is of another version
    """
    (version,) = run.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in filter(str.strip, _TABLES.split(";")):
            run.execute(statement)
        _make_label_tables(run, Counts)
    elif version == 1:
        _upgrade(run)
    elif version != _VERSION:
        raise InputError(f"{path}: written by another undertone (version {version}, expected {_VERSION})")
    # a table of its own: earlier versions can still open the file
    run.execute(_SAMPLING_TABLE)
    run.execute(f"PRAGMA user_version = {_VERSION}")


def make_private(path: Path) -> None:
    """Give the file mode 0600 before SQLite opens it; SQLite gives the same to the files that it makes beside it.

    Args:
        path: of the file
    """
    # whatever is wrong with the path, SQLite says it
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for suffix in ("", "-wal", "-shm", "-journal"):
        # missing, or another user's
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(0o600)


def _make_label_tables(run: sqlite3.Connection, tables: Iterable[Counts]) -> None:
    for table in tables:
        run.execute(_LABEL_TABLE.format(name=table, key=_KEYS[table]))


def _upgrade(run: sqlite3.Connection) -> None:
    """Convert a file of version 1, which has no playback, repetitions and practice, and allows sentiments only."""
    columns = "id, segment, listener, label, at"
    for table in (Counts.RATING, Counts.ADJUDICATION):
        # SQLite cannot drop the CHECK of a column: fill a new table
        run.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        _make_label_tables(run, [table])
        run.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table}")  # noqa: S608
        run.execute(f"DROP TABLE old_{table}")
    _make_label_tables(run, [Counts.REPETITION, Counts.PRACTICE])
