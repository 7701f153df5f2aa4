"""Files that a run and its workers exchange: inputs of items, and packs of cache entries, through a store.

Objects of a store: `files/DIGEST`, what items read, written once; `results/PROJECT/NAME`, the cache entries of one
batch, removed by the run when it has taken them.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.runs.object_store import ObjectStore
from tasks.core import code_version, paths, tables
from tasks.core.each import Item, Work
from tasks.core.errors import UndertoneError
from tasks.core.item_files import ItemFile
from tasks.core.memo import Pack, PackedEntry
from tasks.core.outcomes import Outcome

_LEFT_S = 2 * 24 * 3600.0
"""Results that no run has taken for so long are leftovers."""


@dataclass(frozen=True)
class StoredFile:
    """A file of an item, and its size.

    Args:
        path: relative to the project folder, or absolute
        sha256: its digest, and its name in the store
        n_bytes: its size
    """

    path: Path
    sha256: str
    n_bytes: int

    @property
    def name(self) -> str:
        """Name of its object."""
        return f"files/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to do a batch but the items themselves.

    Args:
        store: URL of the store
        project: the project folder on the machine of the run
        code: digest of all code of the run's process; results of other code must not be mixed with them
        results: folder of the store for the results
        most_bytes: limit of the worker's own folder
        files: the files of each item
    """

    store: str
    project: Path
    code: str
    results: str
    most_bytes: int
    files: tuple[tuple[StoredFile, ...], ...]


@dataclass(frozen=True)
class Delivery:
    """The outcomes of a batch, and its cache entries, which are in one object, one after the other.

    Args:
        name: of the object; two workers that do the same batch, since the first seemed dead, write two objects
        outcomes: in the order of the items
        entries: paths, sizes and digests of the entries; an item may cache results for later stages, too
        item_s: time of an item in seconds, about
    """

    name: str
    outcomes: tuple[Outcome, ...]
    entries: tuple[PackedEntry, ...]
    item_s: float


@dataclass
class Exchange:
    """The run's side of the exchange.

    Args:
        store: the store
        project: the project folder
        most_bytes: limit of a worker's own folder
    """

    store: ObjectStore
    project: Path
    most_bytes: int
    _present: set[str] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def give(self, work: Work, items: Sequence[Item]) -> Assignment:
        """Put the files of items into the store, unless they are there.

        Args:
            work: what will be done with the items; it has `reads`
            items: of one batch

        Raises:
            UndertoneError: if a file is missing, or its bytes are not those that the item names
        """
        assert work.reads is not None
        files = tuple(tuple(self._stored(file, item) for file in work.reads(item)) for item in items)
        with self._lock:
            # stages run at the same time, and may read the same files
            for stored in {file.sha256: file for group in files for file in group}.values():
                self._put(stored)
        return Assignment(
            self.store.url, self.project, code_version.of_everything(), self._own_results, self.most_bytes, files
        )

    def take(self, delivery: Delivery) -> list[Outcome]:
        """Move the results of a batch from the store to this project's cache.

        Args:
            delivery: what the worker returned

        Raises:
            UndertoneError: if the results are missing or damaged
        """
        for entry in delivery.entries:
            _demand_entry(entry.path)
        for entry, content in self._unpacked(delivery):
            if not entry.matches(content):
                raise UndertoneError(
                    f"the store {self.store.url} has other bytes under {delivery.name} than a worker put there: "
                    f"{entry.path} is damaged. Run again; if it recurs, someone changes the store"
                )
            tables.write_bytes(entry.path, content)
        self.store.remove(delivery.name)
        return list(delivery.outcomes)

    def _unpacked(self, delivery: Delivery) -> Iterator[tuple[PackedEntry, bytes]]:
        """Yield the entries of a batch and their bytes; these are fewer if the object ends early."""
        blocks = self.store.blocks(delivery.name, sum(entry.n_bytes for entry in delivery.entries))
        waiting = bytearray()
        for entry in delivery.entries:
            while len(waiting) < entry.n_bytes and (block := next(blocks, b"")):
                waiting += block
            content = bytes(memoryview(waiting)[: entry.n_bytes])
            del waiting[: entry.n_bytes]
            yield entry, content

    def _stored(self, file: ItemFile, item: Item) -> StoredFile:
        try:
            size = file.path.stat().st_size
        except OSError:
            raise UndertoneError(f"{item.id}: there is no file {file.path.absolute()}, which it reads") from None
        absolute = file.path.absolute()
        path = absolute.relative_to(self.project) if absolute.is_relative_to(self.project) else absolute
        return StoredFile(path, file.sha256, size)

    def _put(self, file: StoredFile) -> None:
        if self._present is None:
            self.store.remove_old(self._own_results, _LEFT_S)
            self._present = {name.rpartition("/")[2] for name in self.store.names("files")}
        if file.sha256 in self._present:
            return
        path = self.project / file.path
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        if digest != file.sha256:
            raise UndertoneError(
                f"{path} has changed since the tables were written: expected SHA-256 {file.sha256}, found {digest}; "
                "restore the file, or run the stage that lists it again"
            )
        self.store.put(path, file.name)
        self._present.add(file.sha256)

    @property
    def _own_results(self) -> str:
        # several projects may share a store
        owner = f"{os.uname().nodename}\0{self.project}"
        return f"results/{hashlib.sha256(owner.encode()).hexdigest()[:16]}"


def delivery(outcomes: Sequence[Outcome], item_s: float, folder: str, pack: Pack) -> Delivery:
    """Return the record of a batch whose results are in a pack.

    Args:
        outcomes: of the batch
        item_s: time of an item in seconds
        folder: of the store, in which the pack gets a name of its own
        pack: all cache entries of the batch
    """
    return Delivery(f"{folder}/{uuid.uuid4().hex}", tuple(outcomes), tuple(pack.entries), item_s)


def _demand_entry(path: Path) -> None:
    """Check that a worker names nothing but a cache entry."""
    if not path.is_relative_to(paths.MEMO) or ".." in path.parts:
        raise UndertoneError(f"a worker returned a result for {path}; expected an entry of {paths.MEMO}")
