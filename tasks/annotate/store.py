"""Store of ratings: an SQLite file in which every rating is durable as soon as it is answered.

The key of a rating is the listener, the utterance and its cut (start, end). If a segment is cut differently it has no
ratings, and those of its old sound stay with the old cut. Ratings of practice items and of hidden repetitions are in
tables of their own, so that they never count as ratings.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tasks.annotate import store_rows, store_schema
from tasks.annotate.rated_segments import Adjudication, RatedSegment, Segment, SegmentId
from tasks.annotate.store_schema import Counts
from tasks.core.errors import InputError
from tasks.labelling.people import ratings
from tasks.labelling.people.rating_sheets import Playback

_BUSY_S = 30.0


class Store:
    """The ratings of a project. Threads may share it; other processes may have the file open too.

    Args:
        path: the SQLite file; created if it does not exist

    Raises:
        InputError: if the file is not a store, or of another version
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        store_schema.make_private(path)
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

    def rate(
        self,
        segment: Segment,
        listener: str,
        label: str | None,
        playback: Playback | None = None,
        counts: Counts = Counts.RATING,
        *,
        sampling: str | None = None,
    ) -> bool:
        """Save a label unless the listener (of an adjudication: anyone) already gave one; return whether it is new.

        Args:
            segment: the rated segment
            listener: a name from `checked_name`
            label: None if they cannot tell
            playback: how it was played before
            counts: whether it is a rating, an adjudication, a repetition or practice
            sampling: how the segment was drawn, which its first rating stores; None: neither at random nor proposed
        """
        played = (None, None) if playback is None else (playback.played_s, playback.plays)
        with self._transaction() as run:
            number = store_rows.segment_number(run, segment)
            if counts is Counts.RATING and not store_rows.is_rated(run, number):
                store_rows.set_sampling(run, number, sampling)
            values = (number, listener, label, store_rows.now(), *played)
            return run.execute(store_rows.insert_sql(counts, "OR IGNORE"), values).rowcount == 1

    def mark_random(self, segments: Iterable[Segment]) -> None:
        """Mark segments as drawn at random, whatever they were marked as before.

        Args:
            segments: of a random queue, up to the one that is being rated
        """
        with self._transaction() as run:
            for segment in segments:
                store_rows.set_sampling(run, store_rows.segment_number(run, segment), ratings.RANDOM)

    def undo(self, listener: str, among: Mapping[Counts, Collection[SegmentId]]) -> bool:
        """Delete a listener's last label among some segments; return whether there was one.

        Args:
            listener: a name from `checked_name`
            among: table → segments
        """
        with self._transaction() as run:
            latest = [
                (at, number, table)
                for table, segments in among.items()
                for at, number in store_rows.latest(run, table, listener, segments)
            ]
            if latest:
                _, number, table = max(latest)
                run.execute(f"DELETE FROM {table} WHERE id = ?", (number,))  # noqa: S608
        return bool(latest)

    def rated(self, listener: str, counts: Counts = Counts.RATING) -> set[SegmentId]:
        """Return the segments that a listener gave a label or skipped.

        Args:
            listener: whose labels
            counts: of which kind
        """
        return self._ids(f"{counts} WHERE listener = ?", listener)

    def adjudicated(self) -> set[SegmentId]:
        """Return the segments with an adjudication."""
        return self._ids(Counts.ADJUDICATION)

    def listeners(self) -> list[str]:
        """Return the names of everyone who rated, practised or adjudicated, sorted."""
        names = " UNION ".join(f"SELECT listener FROM {table}" for table in Counts)  # noqa: S608
        with self._lock:
            return sorted(name for (name,) in self._connection.execute(names).fetchall())

    def rated_segments(self) -> list[RatedSegment]:
        """Return all segments with a rating or an adjudication, by video and time, listeners by name."""
        with self._transaction() as run:
            segments = run.execute("SELECT id, utterance_id, start_s, end_s, video_id, text FROM segments").fetchall()
            columns = "segment, listener, label, played_s, plays"
            votes = run.execute(f"SELECT {columns} FROM votes ORDER BY listener").fetchall()  # noqa: S608
            verdicts = run.execute("SELECT segment, listener, label FROM verdicts").fetchall()
            samplings = dict(run.execute("SELECT segment, how FROM samplings").fetchall())
            repeats = run.execute("SELECT segment, listener, label FROM repeats ORDER BY listener").fetchall()
        labels: dict[int, dict[str, str | None]] = {}
        playback: dict[int, dict[str, Playback]] = {}
        again: dict[int, dict[str, str | None]] = {}
        for number, listener, label, played_s, plays in votes:
            labels.setdefault(number, {})[listener] = label
            if played_s is not None:
                playback.setdefault(number, {})[listener] = Playback(played_s, plays)
        for number, listener, label in repeats:
            again.setdefault(number, {})[listener] = label
        adjudications = {number: Adjudication(by, label) for number, by, label in verdicts}
        rated = [
            RatedSegment(
                Segment(SegmentId(utterance_id, start_s, end_s), video, text),
                labels.get(number, {}),
                adjudications.get(number),
                playback.get(number, {}),
                again.get(number, {}),
                samplings.get(number),
            )
            for number, utterance_id, start_s, end_s, video, text in segments
            if number in labels or number in adjudications
        ]
        return sorted(rated, key=_video_and_time)

    def merge(self, rated: Sequence[RatedSegment], *, replace: bool = False) -> int:
        """Add ratings, adjudications and repeated ratings, all or none; equal ones are no change.

        Playback is added to an equal rating that lacks it.

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
                number = store_rows.segment_number(run, item.segment)
                # random stays random, and ratings that count already are not taken out by an import
                if item.sampling == ratings.RANDOM or (item.sampling and not store_rows.is_rated(run, number)):
                    store_rows.set_sampling(run, number, item.sampling)
                for table, listener, label in store_rows.label_rows(item):
                    played = store_rows.played(item, listener) if table is Counts.RATING else (None, None)
                    stored = store_rows.stored(run, table, number, listener)
                    if stored is not None and store_rows.says_no_more((listener, label), stored):
                        if played[0] is not None:
                            run.execute(store_rows.ADD_PLAYBACK, (*played, number, listener))
                        continue
                    if stored is not None and not replace and not store_rows.says_no_more(stored, (listener, label)):
                        raise InputError(store_rows.conflict(position, item.segment, (listener, label), stored))
                    run.execute(
                        store_rows.insert_sql(table, "OR REPLACE"), (number, listener, label, store_rows.now(), *played)
                    )
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
            store_schema.prepare(run, path)

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

    def _ids(self, rows: str, *values: str) -> set[SegmentId]:
        chosen = f"SELECT utterance_id, start_s, end_s FROM segments WHERE id IN (SELECT segment FROM {rows})"  # noqa: S608
        with self._lock:
            return {SegmentId(*row) for row in self._connection.execute(chosen, values)}


def _video_and_time(rated: RatedSegment) -> tuple[str, float, float, str]:
    segment = rated.segment
    return segment.video_id, segment.id.start_s, segment.id.end_s, segment.id.utterance_id
