"""Worker processes: a pool of new interpreters that exit when the parent process dies."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

from tasks.core import progress_log

Item = TypeVar("Item")
Done = TypeVar("Done")


def pool(n_workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes.

    They are spawned, not forked: threads, sockets and loaded libraries of this process are not inherited. They exit as
    soon as this process is killed.

    Args:
        n_workers: number of processes
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=_initialise)


class Pool:
    """A process pool that starts with the first work and stays until the context is left.

    Args:
        n_workers: number of processes
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None
        self._starts: list[Future[None]] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether the processes have started."""
        return self._pool is not None and all(start.done() for start in self._starts)

    def prepare(self, modules: Sequence[str]) -> None:
        """Start the processes, which import modules in the background.

        Args:
            modules: modules that later work will import
        """
        if self._pool is None:
            self._pool = pool(self.n_workers)
            self._starts = [self._pool.submit(_import, tuple(modules)) for _ in range(self.n_workers)]

    def map(self, work: Callable[[Item], Done], items: Sequence[Item]) -> Iterator[Done]:
        """Apply a function to items in the processes; yield the results in the order of the items.

        Args:
            work: a module-level function
            items: picklable items
        """
        self._pool = self._pool or pool(self.n_workers)
        return self._pool.map(work, items)


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _initialise() -> None:
    progress_log.on_a_terminal()
    _exit_with_parent()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        # no clean-up: results are in the cache, and the next run continues from there
        os._exit(1)

    threading.Thread(target=wait, name="exit-with-parent", daemon=True).start()
