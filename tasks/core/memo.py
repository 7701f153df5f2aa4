"""The cache of item results (the memo), keyed by content, under `.undertone/memo/<stage>/`.

An entry is a SHA-256 digest followed by an Arrow table. It is written atomically, verified when it is read, and can be
deleted at any time: a missing result is computed again. Its modification time is the time of last use.

An index (`.undertone/memo/<stage>/index/`) holds the results of a stage's last run together, so that the next run reads
one file instead of thousands. It is verified and replaced like an entry; without it, entries are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.results import Reject, Result

LOCK = "memo"
DIGEST_BYTES = 32
_SUFFIX = ".arrow"
_TOUCH_S = 3600.0
_SMALL_BYTES = 1 << 16
_PACKING, _PACKED = "zstd", b"\x28\xb5\x2f\xfd"
"""The compression of large entries, and the bytes that it begins with."""
_INDEX, _INDEX_SUFFIX = "index", ".index"
MAX_INDEX_BYTES = 64 << 20
"""Results that are larger together get no index: they are read one by one, in bounded memory."""


@dataclass(frozen=True)
class Entry:
    """A cached result, or an index; `used` is the time of last use, in seconds since the epoch."""

    path: Path
    stage: str
    n_bytes: int
    used: float

    @property
    def is_index(self) -> bool:
        """Whether it is an index."""
        return self.path.suffix == _INDEX_SUFFIX


@dataclass(frozen=True)
class Usage:
    """Number, size and age of a stage's entries."""

    stage: str
    n_entries: int
    n_bytes: int
    oldest: float
    newest: float


@dataclass(frozen=True)
class PackedEntry:
    """An entry of a pack.

    Args:
        path: of the entry
        n_bytes: its size
        digest: SHA-256 of all its bytes but the first 32, which are this digest
    """

    path: Path
    n_bytes: int
    digest: bytes

    def matches(self, content: bytes) -> bool:
        """Return whether these are the bytes of the entry.

        Args:
            content: all of its bytes
        """
        payload = memoryview(content)[DIGEST_BYTES:]
        return content[:DIGEST_BYTES] == self.digest == hashlib.sha256(payload).digest()


@dataclass
class Pack:
    """Entries in one file, one after the other: what a worker without the project folder sends to the run.

    Args:
        file: for writing and reading, empty
        entries: in the order of the file
    """

    file: IO[bytes]
    entries: list[PackedEntry] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list, init=False)
    _numbers: dict[Path, int] = field(default_factory=dict, init=False)

    def add(self, path: Path, content: bytes) -> None:
        """Append an entry.

        Args:
            path: of the entry; the last one with a path is valid
            content: its bytes
        """
        self._numbers[path] = len(self.entries)
        self._starts.append(self.file.seek(0, os.SEEK_END))
        self.file.write(content)
        self.entries.append(PackedEntry(path, len(content), content[:DIGEST_BYTES]))

    def read(self, path: Path) -> bytes:
        """Return the bytes of an entry.

        Args:
            path: of the entry

        Raises:
            FileNotFoundError: if there is none
        """
        if path not in self:
            raise FileNotFoundError(f"no entry {path} in this pack")
        number = self._numbers[path]
        self.file.seek(self._starts[number])
        return self.file.read(self.entries[number].n_bytes)

    def __contains__(self, path: Path) -> bool:
        return path in self._numbers


_pack: ContextVar[Pack | None] = ContextVar("_pack", default=None)


@contextmanager
def packed(pack: Pack) -> Iterator[None]:
    """Write and read entries in a pack instead of files of their own, in this block and thread.

    Args:
        pack: it has all entries that there are
    """
    token = _pack.set(pack)
    try:
        yield
    finally:
        _pack.reset(token)


def place(stage: str, key: str) -> Path:
    """Return the path of the entry with a key.

    Args:
        stage: its name
        key: as `each.Work.key` makes it
    """
    return paths.MEMO / stage / key[:2] / f"{key}{_SUFFIX}"


def remember(memo: Path, result: Result) -> None:
    """Write an entry: a digest, then an Arrow table with the rejected items in its metadata.

    Args:
        memo: path of the entry
        result: what to store
    """
    _write(memo, result, {})


def _write(memo: Path, result: Result, notes: dict[bytes, bytes]) -> None:
    note = json.dumps([[r.id, r.reason, r.detail] for r in result.rejects])
    metadata = {**(result.rows.schema.metadata or {}), b"rejects": note.encode(), **notes}
    sink = pa.BufferOutputStream()
    table = result.rows.replace_schema_metadata(metadata)
    # sound is compressed already; for small tables and for an index, decompression takes longer than reading
    is_packed = table.nbytes > _SMALL_BYTES and not any(map(_is_bytes, table.schema.types)) and not notes
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    plain = sink.getvalue()
    # as a whole: Arrow would compress each of the buffers by itself, which takes five times as long
    payload = pa.compress(plain, _PACKING, asbytes=True) if is_packed else plain.to_pybytes()
    content = hashlib.sha256(payload).digest() + payload
    if (pack := _pack.get()) is not None:
        pack.add(memo, content)
    else:
        tables.write_bytes(memo, content)


def recall(memo: Path) -> Result | None:
    """Return a cached result, or None if there is none or its bytes are damaged.

    Args:
        memo: path of the entry
    """
    payload = _payload(memo)
    if payload is None:
        return None
    table = pa.ipc.open_file(unpacked(payload)).read_all()
    rejects = tuple(Reject(*entry) for entry in json.loads(table.schema.metadata[b"rejects"]))
    kept = {key: value for key, value in table.schema.metadata.items() if key != b"rejects"}
    return Result(table.replace_schema_metadata(kept or None), rejects)


def unpacked(payload: bytes) -> bytes:
    """Return the Arrow file in an entry, decompressed.

    Args:
        payload: of the entry, without its digest
    """
    if not payload.startswith(_PACKED):
        return payload
    with pa.CompressedInputStream(pa.BufferReader(payload), _PACKING) as stream:
        return bytes(stream.read())


@dataclass(frozen=True)
class ItemResults:
    """Results of adjacent items of an index, as one: rows `start` to `end` of its table.

    Args:
        table: of the index
        start: number of the first row
        end: number of the last row, plus one
        rejects: of the items
    """

    table: pa.Table
    start: int
    end: int
    rejects: tuple[Reject, ...]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return self.end - self.start

    def result(self) -> Result:
        """Return the rows and rejects."""
        return Result(self.table.slice(self.start, self.n_rows), self.rejects)

    def joined(self, after: ItemResults | None) -> ItemResults | None:
        """Return these results and those after them as one; None unless they follow in the same index."""
        if after is None or after.table is not self.table or after.start != self.end:
            return None
        return ItemResults(self.table, self.start, after.end, self.rejects + after.rejects)


class Index:
    """The results of a work's last run, by key.

    Args:
        path: of its file
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results = _read_index(path)
        self._items = list[tuple[str, int, int]]()
        self._parts = list[Result]()
        self._n_bytes = 0

    @classmethod
    def of(cls, stage: str, work: str) -> Index:
        """Return the index of a stage's work.

        Args:
            stage: its name
            work: name of the function that is mapped
        """
        return cls(paths.MEMO / stage / _INDEX / f"{work}{_INDEX_SUFFIX}")

    def get(self, key: str) -> ItemResults | None:
        """Return the results of an item, or None if they are not in the index.

        Args:
            key: of the item
        """
        return self._results.get(key)

    def add(self, key: str, n_rows: int, n_rejects: int) -> None:
        """Add an item, in the order of the items, for `write`.

        Args:
            key: of the item; a result for this run only has another name, which no item has
            n_rows: the number of its rows
            n_rejects: the number of its rejects
        """
        self._items.append((key, n_rows, n_rejects))

    def add_results(self, results: Result) -> None:
        """Add the rows and rejects of items that were added.

        Args:
            results: those of several items
        """
        self._n_bytes += results.rows.nbytes
        if self._n_bytes > MAX_INDEX_BYTES:
            self._parts.clear()
        else:
            self._parts.append(results)

    def write(self) -> None:
        """Replace the index by what was added, if that is not what it has."""
        if [key for key, _, _ in self._items] == list(self._results):
            return
        if self._n_bytes > MAX_INDEX_BYTES or not self._items:
            self._path.unlink(missing_ok=True)
            return
        rows = pa.concat_tables([part.rows for part in self._parts]).combine_chunks()
        rejects = tuple(reject for part in self._parts for reject in part.rejects)
        _write(self._path, Result(rows, rejects), {b"items": json.dumps(self._items).encode()})


def _read_index(path: Path) -> dict[str, ItemResults]:
    whole = recall(path) if touch(path) else None
    if whole is None:
        return {}
    metadata = whole.rows.schema.metadata or {}
    table = whole.rows.replace_schema_metadata({k: v for k, v in metadata.items() if k != b"items"} or None)
    results, row, reject = dict[str, ItemResults](), 0, 0
    for key, n_rows, n_rejects in json.loads(metadata[b"items"]):
        rejects = whole.rejects[reject : reject + n_rejects]
        results[key] = ItemResults(table, row, row + n_rows, rejects)
        row, reject = row + n_rows, reject + n_rejects
    return results


def touch(memo: Path) -> bool:
    """Return whether an entry exists; update its time of last use, to the hour.

    Args:
        memo: path of the entry
    """
    if (pack := _pack.get()) is not None:
        return memo in pack
    try:
        used_s = memo.stat().st_mtime
    except FileNotFoundError:
        return False
    with suppress(OSError):
        if time.time() - used_s > _TOUCH_S:
            os.utime(memo)
    return True


def entries() -> Iterator[Entry]:
    """Yield all entries and indexes, in no particular order."""
    for path in chain(paths.MEMO.glob(f"*/*/*{_SUFFIX}"), paths.MEMO.glob(f"*/{_INDEX}/*{_INDEX_SUFFIX}")):
        with suppress(FileNotFoundError):
            stats = path.stat()
            yield Entry(path, path.relative_to(paths.MEMO).parts[0], stats.st_size, stats.st_mtime)


def usage() -> list[Usage]:
    """Return the usage of each stage, sorted by stage."""
    by_stage: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries():
        by_stage[entry.stage].append(entry)
    return [
        Usage(
            stage,
            sum(not entry.is_index for entry in group),
            sum(entry.n_bytes for entry in group),
            min(entry.used for entry in group),
            max(entry.used for entry in group),
        )
        for stage, group in sorted(by_stage.items())
    ]


def clean(
    *, max_bytes: int | None = None, max_age_s: float | None = None, stages: Collection[str] = ()
) -> tuple[int, int]:
    """Delete entries: those unused for too long, then the least recently used until the rest fits.

    The caller must hold the lock `LOCK` exclusively: a run must not lose entries that it is about to read.

    Args:
        max_bytes: limit of what stays; None for no limit
        max_age_s: limit of the time since last use, in seconds; None for no limit
        stages: only entries of these stages; all if empty

    Returns:
        the number of deleted entries, and their bytes
    """
    candidates = sorted((entry for entry in entries() if not stages or entry.stage in stages), key=lambda e: e.used)
    excess = 0 if max_bytes is None else sum(entry.n_bytes for entry in candidates) - max_bytes
    now, n_freed, freed = time.time(), 0, 0
    for entry in candidates:
        if freed < excess or (max_age_s is not None and now - entry.used > max_age_s):
            entry.path.unlink(missing_ok=True)
            n_freed, freed = n_freed + (not entry.is_index), freed + entry.n_bytes
    return n_freed, freed


def damaged() -> list[Entry]:
    """Return the entries whose bytes do not match their digest; they would be computed again when needed."""
    return sorted((entry for entry in entries() if _payload(entry.path) is None), key=lambda entry: entry.path)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or any(_is_bytes(kind.field(k).type) for k in range(kind.num_fields))


def _payload(memo: Path) -> bytes | None:
    try:
        content = memo.read_bytes() if (pack := _pack.get()) is None else pack.read(memo)
    except FileNotFoundError:
        return None
    digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return payload if hashlib.sha256(payload).digest() == digest else None
