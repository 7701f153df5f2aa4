"""Removal of data from Prefect's database in the project: artifacts, logs and events that name it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core import paths
from tasks.on_demand.forgetting.traces import Traces

DATABASE = paths.STATE / "prefect" / "prefect.db"
_DELETED = {"artifact", "artifact_collection", "log", "events", "event_resources"}
"""Tables whose rows are removed; in others, the name is replaced: a run without its name is still a run."""
_URL_SETTINGS = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
_BUSY_S = 30.0


@dataclass(frozen=True)
class PrefectCounts:
    """Number of removed rows, and of rows in which names were replaced."""

    removed: int = 0
    replaced: int = 0


def remove(traces: Traces, *, dry_run: bool, path: Path = DATABASE) -> PrefectCounts:
    """Remove artifacts, logs and events that name data; replace the names elsewhere.

    Args:
        traces: of the data
        dry_run: only count
        path: the SQLite file of Prefect's server; it need not exist
    """
    if not path.is_file():
        return PrefectCounts()
    removed = replaced = 0
    with closing(sqlite3.connect(path, timeout=_BUSY_S)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for table, number, cells in list(_matches(connection, traces)):
            if table in _DELETED:
                removed += 1
                if not dry_run:
                    connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (number,))  # noqa: S608
            else:
                replaced += 1
                if not dry_run:
                    changes = ", ".join(f'"{column}" = ?' for column in cells)
                    values = (*(traces.redacted(text) for text in cells.values()), number)
                    connection.execute(f'UPDATE "{table}" SET {changes} WHERE rowid = ?', values)  # noqa: S608
        connection.commit()
        if not dry_run and (removed or replaced):
            # deleted rows also stand in free pages and in the write-ahead log
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return PrefectCounts(removed, replaced)


def elsewhere() -> str | None:
    """Return a line about a database or a server outside the project, which is not searched; None if there is none."""
    for name in _URL_SETTINGS:
        if (url := os.environ.get(name, "")) and "sqlite" not in url:
            kind = url.partition(":")[0]
            return (
                f"Prefect's database ({kind}, {name}) is not searched. Delete what names the data there: artifacts and "
                "runs in Prefect's pages, or rows of the tables artifact, artifact_collection, log and events by SQL"
            )
    if url := os.environ.get("PREFECT_API_URL", ""):
        return f"the Prefect server at {url} is not searched; delete artifacts and runs that name the data in its pages"
    return None


def _matches(connection: sqlite3.Connection, traces: Traces) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Yield table, row number and the matching cells of every row that names the data."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in names:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        chosen = ", ".join(f'"{column}"' for column in columns)
        try:
            rows = connection.execute(f'SELECT rowid, {chosen} FROM "{table}"').fetchall()  # noqa: S608
        except sqlite3.OperationalError:
            # a table without row numbers
            continue
        for number, *values in rows:
            cells = {
                column: value
                for column, value in zip(columns, values, strict=True)
                if isinstance(value, str) and _names(value, traces)
            }
            if cells:
                yield table, number, cells


def _names(text: str, traces: Traces) -> bool:
    if traces.in_text(text):
        return True
    if text[:1] not in ("{", "["):
        return False
    try:
        # Markdown and tables of artifacts are JSON inside JSON
        content: Any = json.loads(text)
    except ValueError:
        return False
    return traces.in_value(content)
