"""The lists of interviews: the source's CSV format, or one URL per line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tasks.core.errors import InputError
from tasks.fetching import identity

_SHOWN = 10


@dataclass(frozen=True)
class Entry:
    """One row of a list.

    Args:
        split: train or test
        id: the list's Id, or one derived from the URL; unique in its split
        url: http or https
        where: file and row, for messages
        position: which of the page's media, counted from 1; 0: the only one
    """

    split: str
    id: str
    url: str
    where: str
    position: int = 0

    @property
    def video(self) -> str:
        """What all entries of the same video have in common."""
        return identity.identity(self.url) + (f"#{self.position}" if self.position else "")


@dataclass(frozen=True)
class _Row:
    number: int
    id: str
    url: str


def read(path: Path, split: str) -> list[Entry]:
    """Read a list of videos.

    A file whose name ends in `.csv` is a table whose first row names its columns: `Id,URL,Title,Audio,Captions,
    Polarity,Pickle`, of which only `URL` is required (an `Id` names the video's files); any other file holds one URL
    per line, with `#` before comments.

    Args:
        path: the list
        split: train or test

    Returns:
        its entries, in the list's order

    Raises:
        InputError: if the file is missing or unreadable, is empty or has no column URL, or if a row has no URL, one
            that is not http(s), an Id that is not 1 to 64 letters, digits, `_` and `-`, or another row's Id;
            the message names the file and every such row (the first ten)
    """
    text = _text(path)
    rows = list(_table(text, path) if path.suffix.lower() == ".csv" else _lines(text))
    if not rows:
        raise InputError(f"{path}: the list is empty; expected at least one URL")
    problems = [f"{path}, row {row.number}: {problem}" for row in rows if (problem := _problem(row))]
    if problems:
        raise InputError(_joined(problems))
    entries = [_entry(row, path, split) for row in rows]
    check_ids(entries)
    return entries


def check_ids(entries: Sequence[Entry]) -> None:
    """Make sure that no two videos of a split share an id.

    Raises:
        InputError: if some do; the message names the rows
    """
    known: dict[tuple[str, str], Entry] = {}
    problems = []
    for entry in entries:
        first = known.setdefault((entry.split, entry.id), entry)
        # the same video twice is a repeat, and no clash
        if first is not entry and first.video != entry.video:
            problems.append(f"{entry.where}: the Id {entry.id!r} is that of {first.where} too; ids must be unique")
    if problems:
        raise InputError(_joined(problems))


def check_apart(entries: Sequence[Entry]) -> None:
    """Make sure that no video is both to train and to test on, under whatever URL.

    Raises:
        InputError: if one is; the message names all of them
    """
    train = {entry.video: entry for entry in entries if entry.split == "train"}
    twins = [(train[entry.video], entry) for entry in entries if entry.split == "test" and entry.video in train]
    if twins:
        pairs = _joined([f"  {one.where} and {other.where}: {other.url[:200]}" for one, other in twins])
        raise InputError(
            f"{len(twins)} video(s) stand in both lists, so that the test would be on what was trained on:\n{pairs}\n"
            "take each out of one of the lists"
        )


def without_repeats(entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[Entry, Entry]]]:
    """Keep the first entry of each video.

    Returns:
        the kept entries, and each repeat after the entry that it repeats
    """
    known: dict[str, Entry] = {}
    repeats = []
    for entry in entries:
        first = known.setdefault(entry.video, entry)
        if first is not entry:
            repeats.append((first, entry))
    return list(known.values()), repeats


def _joined(problems: Sequence[str]) -> str:
    more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "\n".join([*problems[:_SHOWN], *more])


def _text(path: Path) -> str:
    from charset_normalizer import from_bytes

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such list; params.yaml names it under crawl.train or crawl.test"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: the list cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        guess = from_bytes(content).best()
    if guess is None:
        raise InputError(f"{path}: the list is no text in any known encoding; save it as UTF-8")
    return str(guess).removeprefix("\ufeff")


def _table(text: str, path: Path) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, path)
                continue
            row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            yield _Row(reader.line_num, row.get("id", ""), row.get("url", ""))
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: not CSV: {error}") from None


def _columns(header: Sequence[str], path: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if "url" not in columns:
        raise InputError(
            f"{path}, row 1: found the columns {', '.join(header)[:200]}; expected one named URL "
            "(a file with one URL per line and no header must not end in .csv)"
        )
    return columns


def _lines(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if (url := line.strip()) and not url.startswith("#"):
            yield _Row(number, "", url)


def _problem(row: _Row) -> str | None:
    if not row.url:
        return "there is no URL"
    if (problem := _url_problem(row.url)) is not None:
        return problem
    if row.id and not identity.ID_PATTERN.fullmatch(row.id):
        return f"found the Id {row.id[:80]!r}; expected 1 to 64 letters, digits, '_' and '-' (it becomes a file name)"
    return None


def _url_problem(url: str) -> str | None:
    shown = url[:200]
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for a port that is none)
    except ValueError as error:
        return f"found {shown!r}, which is no URL ({error})"
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or any(c.isspace() or not c.isprintable() for c in url)
    ):
        return f"found {shown!r}; expected a URL that starts with http:// or https://"
    if parts.username or parts.password:
        # the URL is written into tables and reports
        return "the URL holds a user name or password; use crawl.cookies_file instead"
    return None


def _entry(row: _Row, path: Path, split: str) -> Entry:
    return Entry(split, row.id or identity.derived_id(row.url), row.url, f"{path}, row {row.number}")
