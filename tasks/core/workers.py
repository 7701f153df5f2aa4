"""Worker processes: a pool of fresh interpreters that leave with the process that started them."""

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
    """Return a pool of so many processes.

    They are spawned: nothing of this process (threads, open sockets, loaded libraries) leaks into the work. When this
    process is killed they stop at once, instead of working on for no one.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=_begin)


class Pool:
    """Processes that start when work first needs them, and stay for what comes after, until the context is left.

    Args:
        n_workers: how many there may be
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None
        self._beginning: list[Future[None]] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether there are processes that have begun."""
        return self._pool is not None and all(one.done() for one in self._beginning)

    def prepare(self, modules: Sequence[str]) -> None:
        """Start the processes, which import modules while this one goes on.

        Args:
            modules: what the work to come will want
        """
        if self._pool is None:
            self._pool = pool(self.n_workers)
            self._beginning = [self._pool.submit(_import, tuple(modules)) for _ in range(self.n_workers)]

    def map(self, work: Callable[[Item], Done], items: Sequence[Item]) -> Iterator[Done]:
        """Do work on items in the processes; yield what it gives, in the order of the items."""
        self._pool = self._pool or pool(self.n_workers)
        return self._pool.map(work, items)


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _begin() -> None:
    progress_log.on_a_terminal()
    _leave_with_parent()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        # no clean-up: the parent has none to give it to, and the work goes on from the memo
        os._exit(1)

    threading.Thread(target=wait, name="leave-with-parent", daemon=True).start()
