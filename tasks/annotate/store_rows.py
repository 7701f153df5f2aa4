"""Rows of the store of ratings: statements that read and write single labels, and the comparison of two of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime

from tasks.annotate.rated_segments import UNNAMED, RatedSegment, Segment, SegmentId
from tasks.annotate.store_schema import Counts

ADD_PLAYBACK = "UPDATE votes SET played_s = ?, plays = ? WHERE segment = ? AND listener = ? AND played_s IS NULL"
_SEGMENT_NUMBER = "SELECT id FROM segments WHERE (utterance_id, start_s, end_s) = (?, ?, ?)"


def latest(
    run: sqlite3.Connection, table: Counts, listener: str, among: Collection[SegmentId]
) -> list[tuple[str, int]]:
    """Return time and number of a listener's last label among some segments, if there is one.

    Args:
        run: connection to the store
        table: of the labels
        listener: whose label
        among: the segments
    """
    rows = f"SELECT at, {table}.id, utterance_id, start_s, end_s FROM {table} JOIN segments ON segments.id = segment"  # noqa: S608
    newest_first = run.execute(f"{rows} WHERE listener = ? ORDER BY {table}.id DESC", (listener,)).fetchall()
    return [(at, number) for at, number, *segment in newest_first if SegmentId(*segment) in among][:1]


def label_rows(item: RatedSegment) -> list[tuple[Counts, str, str | None]]:
    """Return the labels of a segment as (table, listener, label).

    Args:
        item: the segment
    """
    rows = [(Counts.RATING, listener, label) for listener, label in item.ratings.items()]
    rows += [(Counts.REPETITION, listener, label) for listener, label in item.again.items()]
    if item.adjudication:
        rows.append((Counts.ADJUDICATION, item.adjudication.by, item.adjudication.label))
    return rows


def played(item: RatedSegment, listener: str) -> tuple[float | None, int | None]:
    """Return for how many seconds a listener played a segment and how often, (None, None) if that is not stored.

    Args:
        item: the segment
        listener: a name
    """
    playback = item.playback.get(listener)
    return (None, None) if playback is None else (playback.played_s, playback.plays)


def segment_number(run: sqlite3.Connection, segment: Segment) -> int:
    """Return a segment's number in the store; a new segment gets one.

    Args:
        run: connection with an open transaction
        segment: the segment
    """
    key = (segment.id.utterance_id, segment.id.start_s, segment.id.end_s)
    run.execute(
        "INSERT OR IGNORE INTO segments (utterance_id, start_s, end_s, video_id, text) VALUES (?, ?, ?, ?, ?)",
        (*key, segment.video_id, segment.text),
    )
    return int(run.execute(_SEGMENT_NUMBER, key).fetchone()[0])


def is_rated(run: sqlite3.Connection, number: int) -> bool:
    """Return whether a segment has a rating or a skip.

    Args:
        run: connection to the store
        number: of the segment
    """
    return run.execute("SELECT 1 FROM votes WHERE segment = ?", (number,)).fetchone() is not None


def set_sampling(run: sqlite3.Connection, number: int, how: str | None) -> None:
    """Mark how a segment was drawn.

    Args:
        run: connection with an open transaction
        number: of the segment
        how: `ratings.RANDOM` or `ratings.PROPOSED`; None removes the mark
    """
    if how is None:
        run.execute("DELETE FROM samplings WHERE segment = ?", (number,))
    else:
        run.execute("INSERT OR REPLACE INTO samplings VALUES (?, ?)", (number, how))


def stored(run: sqlite3.Connection, table: Counts, number: int, listener: str) -> tuple[str, str | None] | None:
    """Return (person, label) of the listener's stored rating, or of anyone's stored adjudication.

    Args:
        run: connection to the store
        table: of the label
        number: of the segment
        listener: a name
    """
    if table is Counts.ADJUDICATION:
        rows = run.execute("SELECT listener, label FROM verdicts WHERE segment = ?", (number,))
    else:
        own = f"SELECT listener, label FROM {table} WHERE segment = ? AND listener = ?"  # noqa: S608
        rows = run.execute(own, (number, listener))
    row: tuple[str, str | None] | None = rows.fetchone()
    return row


def says_no_more(new: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Return whether a (person, label) equals another, or would if its person were named.

    Args:
        new: a label
        other: another label of the same segment
    """
    return new[1] == other[1] and new[0] in (other[0], UNNAMED)


def conflict(position: int, segment: Segment, new: tuple[str, str | None], stored: tuple[str, str | None]) -> str:
    """Return the message on a rating that differs from the stored one.

    Args:
        position: of the row or task in its file, from 1
        segment: the segment
        new: (person, label) of the file
        stored: (person, label) of the store
    """
    return (
        f"row or task {position} ({segment.video_id}, {segment.id.start_s:g} to {segment.id.end_s:g} s): the file has "
        f"{new[1] or 'skipped'} by {new[0]}, but the store has {stored[1] or 'skipped'} by {stored[0]}; nothing was "
        "imported. Use --replace to take the file's"
    )


def insert_sql(table: str, otherwise: str) -> str:
    """Return the statement that inserts a label.

    Args:
        table: its name
        otherwise: what to do about an existing label of the key: `OR IGNORE` or `OR REPLACE`
    """
    columns = "segment, listener, label, at, played_s, plays"
    return f"INSERT {otherwise} INTO {table} ({columns}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608


def now() -> str:
    """Return the time in UTC, for the column `at`."""
    # microseconds: the order of labels in two tables
    return datetime.now(UTC).isoformat(timespec="microseconds")
