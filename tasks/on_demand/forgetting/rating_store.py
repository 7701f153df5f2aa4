"""Removal of ratings from the store of the listening page, whatever tables it has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.core import paths
from tasks.core.errors import InputError

_BUSY_S = 30.0
_OWN_DIGEST = "annotated.csv"
"""Key of the note with the digest of data/listeners/annotated.csv (`tasks.annotate.rating_files`)."""


def listeners(path: Path = paths.RATING_STORE) -> list[str]:
    """Return the names of everyone in the store, sorted; none if there is no store.

    Args:
        path: the SQLite file
    """
    if not path.is_file():
        return []
    names = set[str]()
    with _opened(path) as run:
        for table in _tables_with(run, "listener"):
            names |= {name for (name,) in run.execute(f"SELECT DISTINCT listener FROM {table}") if name}  # noqa: S608
    return sorted(names)


def written(path: Path) -> str | None:
    """Return the SHA-256 of data/listeners/annotated.csv as the listening page wrote it last; None if it did not.

    Args:
        path: the SQLite file; it need not exist
    """
    if not path.is_file():
        return None
    with _opened(path) as run:
        if not _tables_with(run, "value"):
            return None
        row = run.execute("SELECT value FROM notes WHERE name = ?", (_OWN_DIGEST,)).fetchone()
    return None if row is None else str(row[0])


def count(path: Path, *, videos: Sequence[str] = (), listener: str | None = None) -> int:
    """Return the number of rows that `remove` would remove.

    Args:
        path: the SQLite file; it need not exist
        videos: ids of videos
        listener: a name
    """
    if not path.is_file():
        return 0
    with _opened(path) as run:
        clauses = _clauses(run, videos, listener)
        return sum(
            run.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]  # noqa: S608
            for table, where, values in clauses
        )


def remove(path: Path, *, videos: Sequence[str] = (), listener: str | None = None, digest: str | None = None) -> int:
    """Remove all rows about videos or of a listener, and overwrite their bytes in the file.

    Args:
        path: the SQLite file; it need not exist
        videos: ids of videos
        listener: a name
        digest: SHA-256 of data/listeners/annotated.csv, which was rewritten

    Returns:
        the number of removed rows

    Raises:
        InputError: if someone else uses the file
    """
    if not path.is_file():
        return 0
    try:
        with _opened(path) as run:
            run.execute("PRAGMA secure_delete = ON")
            with run:
                removed = sum(
                    run.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608
                    for table, where, values in _clauses(run, videos, listener)
                )
                if digest is not None and _tables_with(run, "value"):
                    run.execute("UPDATE notes SET value = ? WHERE name = ?", (digest, _OWN_DIGEST))
            # rows also stand in the log of changes, and in free pages of earlier deletions
            run.execute("VACUUM")
            run.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise InputError(f"{path}: {error}; stop undertone annotate, and run again") from None
    return removed


def _clauses(
    run: sqlite3.Connection, videos: Sequence[str], listener: str | None
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield table, condition and values of the rows to remove; rows about segments before the segments."""
    if listener is not None:
        for table in _tables_with(run, "listener"):
            yield table, "listener = ?", (listener,)
    if videos:
        marks = ", ".join("?" * len(videos))
        segments = f"SELECT id FROM segments WHERE video_id IN ({marks})"  # noqa: S608
        for table in _tables_with(run, "segment"):
            yield table, f"segment IN ({segments})", tuple(videos)
        for table in _tables_with(run, "video_id"):
            yield table, f"video_id IN ({marks})", tuple(videos)


def _tables_with(run: sqlite3.Connection, column: str) -> list[str]:
    tables = [name for (name,) in run.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [name for name in tables if any(row[1] == column for row in run.execute(f"PRAGMA table_info({name})"))]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=_BUSY_S)) as connection:
        yield connection
