"""Rewrite files that hold data of several people without that of one: lists, ratings, tables of the crawl, logs."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.annotate import rating_files
from tasks.annotate.store import Store
from tasks.core import artifacts, forgotten, paths, tables, text_files
from tasks.core.config import Config
from tasks.fetching import local_files
from tasks.fetching.lists import ListEntry
from tasks.labelling.base import file_votes
from tasks.labelling.people import rating_sheets, ratings
from tasks.on_demand.forgetting import rating_store
from tasks.on_demand.forgetting.subject import Subject
from tasks.on_demand.forgetting.traces import Traces


def list_without(path: Path, subject: Subject, *, dry_run: bool = False) -> int:
    """Remove a subject's videos from a list; comments that name them, too.

    Args:
        path: of the list
        subject: whose videos
        dry_run: only count

    Returns:
        the number of removed rows
    """
    if not path.is_file() or not subject.videos:
        return 0
    content = path.read_bytes()
    # the encoding of spreadsheets on Windows, if it is not UTF-8
    encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8" if _is_utf8(content) else "cp1252"
    text = content.decode(encoding, errors="surrogateescape")
    if path.suffix.lower() == ".csv":
        kept, n_removed = _table_without(text, path, subject)
    else:
        lines = text.splitlines(keepends=True)
        left = [line for line in lines if not _is_listed(line.strip(), "", subject)]
        kept, n_removed = "".join(left), len(lines) - len(left)
    if n_removed and not dry_run:
        tables.write_bytes(path, kept.encode(encoding, errors="surrogateescape"))
    return n_removed


def ratings_without(path: Path, subject: Subject, *, dry_run: bool = False) -> int:
    """Remove a listener's column, or the rows of videos, from a file of ratings; delete it if no ratings are left.

    Args:
        path: CSV of `data/listeners`
        subject: whose data
        dry_run: only count

    Returns:
        the number of removed ratings or rows
    """
    rows = [cells for _, cells in text_files.csv_rows(text_files.read_text(path), path)]
    if not rows:
        return 0
    header = [name.strip() for name in rows[0]]
    if subject.kind == forgotten.LISTENER:
        kept, n_removed = _without_column(header, rows[1:], subject.name)
    elif "Id" in header:
        place = header.index("Id")
        left = [row for row in rows[1:] if not (row and _video_of(row[place]) in subject.videos)]
        kept, n_removed = [header, *left], len(rows) - 1 - len(left)
    else:
        return 0
    if not n_removed or dry_run:
        return n_removed
    plain = ("", "Id", "start_s", "end_s", "text", ratings.ADJUDICATED)
    others = [name for name in kept[0] if name not in plain and ":" not in name]
    if others and len(kept) > 1:
        sink = io.StringIO()
        csv.writer(sink, lineterminator="\n").writerows(kept)
        tables.write_text(path, sink.getvalue())
    else:
        path.unlink()
    return n_removed


def all_ratings_without(subject: Subject, *, dry_run: bool = False) -> int:
    """Remove a subject's ratings from all files of ratings and from the store of the listening page.

    Args:
        subject: whose data
        dry_run: only count

    Returns:
        the number of removed ratings
    """
    files = sorted(paths.LISTENERS.glob("*.csv"))
    was_in_step = (digest := _digest()) is not None and rating_store.written(paths.RATING_STORE) == digest
    n_removed = sum(ratings_without(path, subject, dry_run=dry_run) for path in files)
    listener = subject.name if subject.kind == forgotten.LISTENER else None
    if dry_run:
        return n_removed + rating_store.count(paths.RATING_STORE, videos=subject.videos, listener=listener)
    n_stored = rating_store.remove(paths.RATING_STORE, videos=subject.videos, listener=listener, digest=_digest())
    if was_in_step and n_stored:
        # also without the listener's adjudications, whose authors the file does not name
        with Store(paths.RATING_STORE) as store:
            rating_files.publish(store, overwrite=True)
    return n_removed + n_stored


def votes_without(subject: Subject, *, dry_run: bool = False) -> int:
    """Remove votes on a subject's videos from all files of votes; a file that has no other votes keeps its header.

    Args:
        subject: whose data
        dry_run: only count

    Returns:
        the number of removed votes
    """
    n_removed = 0
    for path in sorted(paths.VOTERS.glob("*.csv")) if subject.videos else ():
        rows = list(text_files.csv_rows(text_files.read_text(path, file_votes.MAX_BYTES), path))
        header = next((cells for _, cells in rows if cells), [])
        if "id" not in header:
            continue
        place = header.index("id")
        kept = [cells for _, cells in rows if len(cells) <= place or _voted_video(cells[place]) not in subject.videos]
        n_removed += len(rows) - len(kept)
        if len(kept) < len(rows) and not dry_run:
            sink = io.StringIO()
            csv.writer(sink, lineterminator="\n").writerows(kept)
            tables.write_text(path, sink.getvalue())
    return n_removed


def _digest() -> str | None:
    return hashlib.sha256(paths.ANNOTATED.read_bytes()).hexdigest() if paths.ANNOTATED.is_file() else None


def crawl_without(subject: Subject, *, dry_run: bool = False) -> int:
    """Remove a subject's videos from the tables of stage crawl, and their files; others need not be fetched again.

    Args:
        subject: whose videos
        dry_run: only count

    Returns:
        the number of removed rows and files
    """
    n_removed = 0
    for path in (paths.VIDEOS, paths.rejected("crawl")):
        if path.is_file():
            n_removed += rows_without(path, subject.traces, dry_run=dry_run)
    for path in sorted(paths.MEDIA.glob("*")):
        name = path.relative_to(paths.MEDIA)
        if any(name.name.startswith(f"{video}.") for video in subject.videos):
            n_removed += 1
            if not dry_run:
                path.unlink()
    return n_removed


def rows_without(path: Path, traces: Traces, *, dry_run: bool = False) -> int:
    """Remove the rows of a Parquet table that name or hold removed data.

    Args:
        path: the table
        traces: of the data
        dry_run: only count

    Returns:
        the number of removed rows
    """
    with artifacts.parquet(path) as file:
        table = file.read()
    marked = traces.rows(table)
    if any(marked) and not dry_run:
        kept = table.filter(pa.array([not mark for mark in marked]))
        with tables.whole(path) as part:
            artifacts.write_parquet(kept, part)
    return sum(marked)


def lines_without(path: Path, traces: Traces) -> int:
    """Remove the lines of a log that name removed data.

    Args:
        path: text, one entry per line
        traces: of the data

    Returns:
        the number of removed lines
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    kept = [line for line in lines if not traces.in_text(line)]
    if len(kept) < len(lines):
        tables.write_text(path, "".join(kept))
    return len(lines) - len(kept)


def lists_of(config: Config) -> tuple[Path, Path]:
    """Return the paths of both lists.

    Args:
        config: all settings
    """
    return Path(config.crawl.train), Path(config.crawl.test)


def _table_without(text: str, path: Path, subject: Subject) -> tuple[str, int]:
    rows = [cells for _, cells in text_files.csv_rows(text, path)]
    header = next((row for row in rows if any(cell.strip() for cell in row)), None)
    if header is None:
        return text, 0
    names = [name.strip().lower() for name in header]

    def is_kept(row: Sequence[str]) -> bool:
        cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
        return row is header or not _is_listed(cells.get("url", ""), cells.get("file", ""), subject)

    kept = [row for row in rows if is_kept(row)]
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(kept)
    return sink.getvalue(), len(rows) - len(kept)


def _is_listed(url: str, file: str, subject: Subject) -> bool:
    """Return whether a row of a list, or a comment, is about a subject's videos."""
    if url.startswith("#"):
        return subject.traces.in_text(url)
    if file:
        digests = local_files.fingerprint(Path(file))[:1]
        names = [ListEntry("", "", file, "", is_file=True).video, *(f"sha256:{digest}" for digest in digests)]
        return any(name in subject.identities for name in names)
    return bool(url) and ListEntry("", "", url, "").video in subject.identities


def _without_column(header: list[str], rows: Sequence[Sequence[str]], listener: str) -> tuple[list[list[str]], int]:
    if listener not in header:
        return [header, *map(list, rows)], 0
    place = header.index(listener)
    n_removed = 1 + sum(len(row) > place and bool(row[place].strip()) for row in rows)
    # with the columns about these ratings, such as playing times
    prefix = f"{listener}{rating_sheets.SEPARATOR}"
    about = {k for k, name in enumerate(header) if name == listener or name.startswith(prefix)}
    return [[cell for k, cell in enumerate(row) if k not in about] for row in (header, *rows)], n_removed


def _video_of(name: str) -> str:
    with_split = name.strip().startswith(tuple(f"{split}-" for split in tables.SPLITS))
    return name.strip() if with_split else f"test-{name.strip()}"


def _voted_video(utterance_id: str) -> str:
    """Return the video of an utterance's id, `corpus/video/turn`; "" if it is none."""
    _, _, rest = utterance_id.strip().partition("/")
    return rest.rpartition("/")[0]


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
