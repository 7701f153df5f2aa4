"""Read the lists of interviews: CSV as in the source document, or one URL per line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.core import text_files
from tasks.core.errors import InputError
from tasks.fetching import identity

_SHOWN = 10
_MAX_BYTES = 16 << 20
_GUESSED_BYTES = 1 << 16
"""A guess of the encoding from all of a long list takes minutes."""


@dataclass(frozen=True)
class ListEntry:
    """One row of a list.

    Args:
        split: train or test
        id: the list's Id, or one derived from the URL; unique in its split
        url: http or https; of a file on disk, its path as the list has it
        where: file and row, for messages
        position: which of the page's media, counted from 1; 0: the only one
        title: of a file on disk; a page states its own
        is_file: whether it is a file on disk
    """

    split: str
    id: str
    url: str
    where: str
    position: int = 0
    title: str = ""
    is_file: bool = False

    @property
    def video(self) -> str:
        """The same key for all entries of a video."""
        if self.is_file:
            return Path(self.url).resolve().as_uri()
        return identity.identity(self.url) + (f"#{self.position}" if self.position else "")


@dataclass(frozen=True)
class _ListRow:
    number: int
    id: str
    url: str
    file: str = ""
    title: str = ""


def read(path: Path, split: str) -> list[ListEntry]:
    """Read a list of videos.

    A file named `*.csv` is a table with a header, `Id,URL,Title,Audio,Captions,Polarity,Pickle`, of which only `URL` is
    required (`Id` names the video's files). A column `File` names files on disk, relative to the project folder; each
    row has a URL or a File. Any other list contains one URL per line, and comments after `#`.

    Args:
        path: the list
        split: train or test

    Returns:
        its entries, in the list's order

    Raises:
        InputError: if the list cannot be read, is empty or has no column URL or File, or if a row has neither an
            http(s) URL nor a file, or both, a bad Id
            (valid: 1 to 64 letters, digits, `_` and `-`) or another row's Id; the message lists the first ten rows
    """
    text = _text(path)
    rows = list(_table(text, path) if path.suffix.lower() == ".csv" else _lines(text))
    if not rows:
        raise InputError(f"{path}: the list is empty; expected at least one URL")
    problems = [f"{path}, row {row.number}: {problem}" for row in rows if (problem := _problem(row))]
    if problems:
        raise InputError(_shortened(problems))
    entries = [_entry(row, path, split) for row in rows]
    check_ids(entries)
    return entries


def check_ids(entries: Sequence[ListEntry]) -> None:
    """Check that no two videos of a split share an id.

    Args:
        entries: of one or both splits

    Raises:
        InputError: if some do; the message lists the rows
    """
    by_id: dict[tuple[str, str], ListEntry] = {}
    problems = []
    for entry in entries:
        first = by_id.setdefault((entry.split, entry.id), entry)
        # the same video twice is a repeat, not a conflict
        if first is not entry and first.video != entry.video:
            problems.append(
                f"{entry.where}: found the Id {entry.id!r}, as in {first.where}; give each video its own Id"
            )
    if problems:
        raise InputError(_shortened(problems))


def check_disjoint(entries: Sequence[ListEntry]) -> None:
    """Check that no video is in both splits, under any URL.

    Args:
        entries: of both splits

    Raises:
        InputError: if one is; the message lists all of them
    """
    train = {entry.video: entry for entry in entries if entry.split == "train"}
    twins = [(train[entry.video], entry) for entry in entries if entry.split == "test" and entry.video in train]
    if twins:
        pairs = _shortened([f"  {first.where} and {second.where}: {second.url[:200]}" for first, second in twins])
        raise InputError(
            f"{len(twins)} video(s) are in both lists, but training and test videos must differ:\n{pairs}\n"
            "remove each from one of the lists"
        )


def without_repeats(entries: Sequence[ListEntry]) -> tuple[list[ListEntry], list[tuple[ListEntry, ListEntry]]]:
    """Keep the first entry of each video.

    Args:
        entries: of both splits

    Returns:
        the kept entries, and pairs of a kept entry and its repeat
    """
    by_video: dict[str, ListEntry] = {}
    repeats = []
    for entry in entries:
        first = by_video.setdefault(entry.video, entry)
        if first is not entry:
            repeats.append((first, entry))
    return list(by_video.values()), repeats


def _shortened(problems: Sequence[str]) -> str:
    more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "\n".join([*problems[:_SHOWN], *more])


def _text(path: Path) -> str:
    if not path.exists():
        raise InputError(
            f"{path}: there is no such list; create it, or correct crawl.train or crawl.test in params.yaml"
        )
    content = text_files.read_bytes(path, _MAX_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # a multiple of four: a unit of UTF-16 or UTF-32 begins there
        start = max(error.start - _GUESSED_BYTES // 2, 0) // 4 * 4
    try:
        return content.decode(_encoding(content, start)).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise InputError(f"{path}: the list is not text in a known encoding; save it as UTF-8") from None


def _encoding(content: bytes, start: int) -> str:
    """Return the likely encoding of a list that is not UTF-8, from a part of it; raise LookupError if none fits."""
    from charset_normalizer import from_bytes

    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # spreadsheets on Windows save CSV in the local code page
    guess = from_bytes(content[start : start + _GUESSED_BYTES]).best()
    if guess is None:
        raise LookupError
    return guess.encoding


def _table(text: str, path: Path) -> Iterator[_ListRow]:
    columns: list[str] | None = None
    for line, cells in text_files.csv_rows(text, path):
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(cells, path)
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        values = (row.get(name, "") for name in ("id", "url", "file", "title"))
        yield _ListRow(line, *values)


def _columns(header: Sequence[str], path: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if not {"url", "file"} & set(columns):
        raise InputError(
            f"{path}, row 1: found the columns {text_files.listed(header)}; expected one named URL or File "
            "(rename a file with one URL per line and no header: its name must not end in .csv)"
        )
    return columns


def _lines(text: str) -> Iterator[_ListRow]:
    for number, line in enumerate(text.splitlines(), start=1):
        if (url := line.strip()) and not url.startswith("#"):
            yield _ListRow(number, "", url)


def _problem(row: _ListRow) -> str | None:
    if row.url and row.file:
        return "found a URL and a File; keep one of the two"
    if (problem := _file_problem(row.file) if row.file else _url_problem(row.url)) is not None:
        return problem
    if row.id and not identity.ID_PATTERN.fullmatch(row.id):
        return f"found the Id {row.id[:80]!r}; expected 1 to 64 letters, digits, '_' and '-' (it becomes a file name)"
    return None


def _file_problem(file: str) -> str | None:
    if not file.isprintable():
        return f"found the File {file[:80]!r}; expected a path of printable characters"
    return None


def _url_problem(url: str) -> str | None:
    if not url:
        return "found no URL; expected one that starts with http:// or https://"
    if any(character.isspace() for character in url):
        return f"found {url[:200]!r}; expected a URL without spaces"
    return identity.url_problem(url)


def _entry(row: _ListRow, path: Path, split: str) -> ListEntry:
    where = f"{path}, row {row.number}"
    if row.file:
        stem = Path(row.file).stem
        return ListEntry(
            split, row.id or identity.safe_id(stem), row.file, where, title=row.title or stem, is_file=True
        )
    return ListEntry(split, row.id or identity.derived_id(row.url), row.url, where)
