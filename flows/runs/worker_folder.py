"""Batches on a worker without the project folder: it reads copies in a folder of its own, and stores the results."""

from __future__ import annotations

import atexit
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import chdir
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

from flows.runs import exchange
from flows.runs.exchange import Assignment, Delivery, StoredFile
from flows.runs.object_store import ObjectStore
from tasks.core import code_version, heap, memo, paths
from tasks.core.each import Item, Work, do
from tasks.core.errors import UndertoneError
from tasks.core.outcomes import Outcome

_ONE_BATCH = threading.Lock()
"""A process has one working directory, so threads of a worker do their batches in turn."""
_FOR_THE_DASHBOARD = ("profile", "profile-cycle", "tick", "ticks")
"""What Dask's workers do every 10 or 20 ms: they sample their stack, and measure how late their event loop is."""
_MEMORY_CHECK_MS = 1000.0
"""Dask looks at a worker's memory every 100 ms, to move data of its own to the disk; ours has none."""


class WorkerFolder:
    """A worker's own folder: copies of the project's files, in the layout of a project.

    The folder is used by one process, which removes the copies that it used least recently beyond a limit.

    Args:
        root: the folder
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        # in the order of last use: path → digest and size
        self._files = dict[Path, tuple[str, int]]()
        self._n_bytes = 0

    def bring(self, files: Sequence[StoredFile], store: ObjectStore, most_bytes: int) -> None:
        """Copy files from the store, unless they are in this folder.

        Args:
            files: of one item
            store: the store
            most_bytes: limit of this folder; files of the item itself stay even if they exceed it
        """
        for file in files:
            path = paths.local(file.path)
            kept = self._files.get(path)
            if kept is None or kept[0] != file.sha256 or not path.is_file():
                # a new file: something may still read the old one
                self._remove(path)
                store.get(file.name, path, file.n_bytes, file.sha256)
                self._n_bytes += file.n_bytes
            self._files.pop(path, None)
            self._files[path] = (file.sha256, file.n_bytes)
        self._make_room(most_bytes, {paths.local(file.path) for file in files})

    def _make_room(self, most_bytes: int, needed: Collection[Path]) -> None:
        if self._n_bytes > most_bytes:
            for path in [path for path in self._files if path not in needed]:
                self._remove(path)
                if self._n_bytes <= most_bytes:
                    return

    def _remove(self, path: Path) -> None:
        if path in self._files:
            path.unlink(missing_ok=True)
            self._n_bytes -= self._files.pop(path)[1]


def do_assigned(assignment: Assignment, work: Work, items: Sequence[Item]) -> Delivery:
    """Do the items of one batch in this worker, one after the other; store their results.

    Args:
        assignment: files, store and code
        work: the stage's function and its settings
        items: its items

    Raises:
        UndertoneError: if this worker has other code, or the store cannot be used
    """
    demand_same_code(assignment.code)
    store, folder = _store(assignment.store), _folder()
    with (
        _ONE_BATCH,
        chdir(folder.root),
        paths.copied(assignment.project, folder.root),
        tempfile.NamedTemporaryFile(dir=folder.root) as target,
    ):
        # only the entries of this batch: the run's cache is the other machine's
        with memo.packed(pack := memo.Pack(target)):
            outcomes, item_s = do_in_turn(
                work, items, lambda number: folder.bring(assignment.files[number], store, assignment.most_bytes)
            )
        target.flush()
        delivery = exchange.delivery(outcomes, item_s, assignment.results, pack)
        store.put(Path(target.name), delivery.name)
    return delivery


def do_in_turn(
    work: Work, items: Sequence[Item], prepare: Callable[[int], object] = lambda _: None
) -> tuple[list[Outcome], float]:
    """Do items one after the other; return their outcomes, and the time of an item in seconds.

    Args:
        work: the stage's function and its settings
        items: its items
        prepare: called before each item with its number
    """
    outcomes, times_s = list[Outcome](), list[float]()
    for number, item in enumerate(items):
        started_s = time.perf_counter()
        prepare(number)
        outcomes.append(do(work, item))
        times_s.append(time.perf_counter() - started_s)
    # the time of the first item includes that of imports
    return outcomes, mean(times_s[1:] or times_s or [0.0])


def demand_same_code(code: str) -> None:
    """Check that this process has the code of the run's process.

    All of it: an item may load modules by name, which the digest of its stage's code does not cover.

    Args:
        code: as `code_version.of_everything`, there

    Raises:
        UndertoneError: if it has other code
    """
    if code_version.of_everything() != code:
        raise UndertoneError(
            f"the worker on {os.uname().nodename} has other code than the flow; install the same version of undertone "
            "on both, and start the worker again"
        )


@cache
def _store(url: str) -> ObjectStore:
    return ObjectStore(url)


@cache
def _folder() -> WorkerFolder:
    heap.keep_freed_memory()
    heap.seek_cycles_rarely()
    # Python searches all that is imported several times while the worker ends
    atexit.register(gc.freeze)
    try:
        from distributed import get_worker

        worker = get_worker()
        parent = Path(worker.local_directory)
        worker.loop.add_callback(_calm, worker.periodic_callbacks)
    except (ImportError, ValueError):
        parent = Path(tempfile.mkdtemp(prefix="undertone-worker-"))
    return WorkerFolder(parent.absolute() / "undertone")


def _calm(callbacks: Mapping[str, Any]) -> None:
    """Stop what a Dask worker does often and only for its dashboard: its samples take a fifth of its computing."""
    for name in _FOR_THE_DASHBOARD:
        if name in callbacks:
            callbacks[name].stop()
    if "memory_monitor" in callbacks:
        callbacks["memory_monitor"].callback_time = _MEMORY_CHECK_MS
