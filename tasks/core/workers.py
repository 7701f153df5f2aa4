"""Worker processes: a pool of new interpreters that exit when the parent process dies.

The death of a worker (a crash in native code, the kernel's out-of-memory killer) breaks a `ProcessPoolExecutor`: all
its futures fail, and nothing says which item was to blame. `Pool` starts another one, repeats the items that were in
flight one by one in a process of their own, and so costs the run the item that kills its process, and no other.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.sharedctypes import Synchronized
from typing import Any, TypeVar

from tasks.core import heap, progress_log
from tasks.core.stage_process import DRIVER

Item = TypeVar("Item")
Done = TypeVar("Done")
_QUEUED_AHEAD = 1
"""Items beyond the number of processes that an executor hands out before one of them is free."""
_POLL_S = 0.5


class WorkerDied(Exception):
    """A worker process ended before its work did, or exceeded its time limit; the message says how.

    Args:
        reason: what happened to the process
        item: the item that it was working on, where that is certain
    """

    def __init__(self, reason: str, item: Any = None) -> None:
        super().__init__(reason)
        self.item = item


_CONTEXT = multiprocessing.get_context("spawn")
"""Processes are spawned, not forked: they inherit no threads, sockets or loaded libraries of this process."""
FORKED = f"{__name__.rpartition('.')[0]}.forked"
"""To be imported first by a process that others are forked from to compute."""
_FORKING = threading.Event()


def pool(n_workers: int, imported: Sequence[str] = ()) -> ProcessPoolExecutor:
    """Return a pool of processes, which exit as soon as this process is killed.

    Args:
        n_workers: number of processes
        imported: as in `Pool`
    """
    return ProcessPoolExecutor(
        n_workers, mp_context=_context(imported), initializer=_initialise, initargs=(dict(os.environ),)
    )


def _context(imported: Sequence[str]) -> BaseContext:
    # elsewhere than on Linux, libraries of the system do not survive a fork
    if not imported or sys.platform != "linux":
        return _CONTEXT
    forking = multiprocessing.get_context("forkserver")
    # effective once, before the first such process is started
    forking.set_forkserver_preload(list(imported))
    return forking


def start_forking(imported: Sequence[str]) -> None:
    """Start the process that others will be forked from, in the background.

    Args:
        imported: as in `Pool`
    """
    if imported and _context(imported) is not _CONTEXT:
        forkserver.ensure_running()
        _FORKING.set()


def is_forking() -> bool:
    """Return whether the process that others will be forked from was started: then they start fast."""
    return _FORKING.is_set()


def submitted(executor: ProcessPoolExecutor, work: Callable[..., Done], *arguments: Any) -> Future[Done]:
    """Submit a call to a pool; if the pool is already broken, return a future that failed with it.

    Args:
        executor: the pool
        work: a module-level function
        arguments: picklable arguments
    """
    try:
        return executor.submit(work, *arguments)
    except BrokenProcessPool as error:
        return _failed(error)


class Pool:
    """A process pool that starts with the first work and stays until the context is left.

    Args:
        n_workers: number of processes
        imported: modules to import once, in a process without threads that the others are forked from; empty: each
            process is a new interpreter. For many processes that mostly wait: they start in 20 ms and share memory
    """

    def __init__(self, n_workers: int, imported: Sequence[str] = ()) -> None:
        self.n_workers = n_workers
        self._imported = imported
        self._pool: ProcessPoolExecutor | None = None
        self._starting: threading.Thread | None = None
        self._n_prepared: Synchronized[int] | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._wait_for_start()
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether the processes have started, and have imported what they were to prepare."""
        if self._pool is None:
            return False
        # read without its lock, which a process that is killed may hold
        return self._n_prepared is None or self._n_prepared.get_obj().value >= self.n_workers

    def prepare(self, modules: Sequence[str]) -> None:
        """Start the processes in the background, forked from one that has imported modules.

        If others were forked before, with other imports, each process imports what is missing.

        Args:
            modules: modules that later work will import
        """
        if self._pool is None:
            self._n_prepared = _CONTEXT.Value("i", 0)
            self._pool = ProcessPoolExecutor(
                self.n_workers,
                _context((FORKED, *modules)),
                initializer=_prepare,
                initargs=(dict(os.environ), tuple(modules), self._n_prepared),
            )
            # a fork has to wait for the imports of the process that it comes from
            self._starting = threading.Thread(target=self._start, args=(self._pool,), daemon=True)
            self._starting.start()

    def _start(self, executor: ProcessPoolExecutor) -> None:
        # an executor starts a process for each call that no idle one can take
        for _ in range(self.n_workers):
            submitted(executor, _do_nothing)

    def _wait_for_start(self) -> None:
        if self._starting is not None:
            self._starting.join()
            self._starting = None

    def map(
        self,
        work: Callable[[Item], Done],
        items: Sequence[Item],
        lost: Callable[[Item, WorkerDied], Done] | None = None,
    ) -> Iterator[Done]:
        """Apply a function to items in the processes; yield the results in the order of the items.

        If a process dies, the items in flight are repeated one by one in a process of their own, and the others in a
        new pool; an item's work must therefore be repeatable.

        Args:
            work: a module-level function
            items: picklable items
            lost: returns the result of an item that kills its process; by default `WorkerDied` is raised

        Raises:
            WorkerDied: if an item kills its process, also alone, and there is no `lost`; its `item` is that item
        """
        futures = self._submit(work, items)
        try:
            for number, item in enumerate(items):
                if _is_broken(futures[number]):
                    futures[number:] = self._recovered(work, items[number:], futures[number:])
                try:
                    result = futures[number].result()
                except WorkerDied as error:
                    if lost is None:
                        raise
                    result = lost(item, error)
                # a result may be large: it is held no longer than the caller needs it
                futures[number] = Future()
                yield result
        finally:
            for future in futures:
                future.cancel()

    def _submit(self, work: Callable[[Item], Done], items: Sequence[Item]) -> list[Future[Done]]:
        """Submit items; those that no longer reach a pool that breaks meanwhile count as broken with it."""
        futures = list[Future[Done]]()
        self._wait_for_start()
        self._pool = self._pool or pool(self.n_workers, self._imported)
        try:
            futures += [self._pool.submit(work, item) for item in items[:1]]
        except BrokenProcessPool:
            # a process died while the pool was idle
            self._replace()
            futures += [self._pool.submit(work, item) for item in items[:1]]
        return futures + [submitted(self._pool, work, item) for item in items[1:]]

    def _replace(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._n_prepared = pool(self.n_workers, self._imported), None

    def _recovered(
        self, work: Callable[[Item], Done], items: Sequence[Item], futures: Sequence[Future[Done]]
    ) -> list[Future[Done]]:
        """Return the futures of items after a process died: finished, repeated alone, or submitted to a new pool."""
        recovered = list(futures)
        broken = [number for number, future in enumerate(futures) if _is_broken(future)]
        # items are handed out in their order: those in flight are among the first that did not finish
        n_suspects = self.n_workers + _QUEUED_AHEAD
        for number in broken[:n_suspects]:
            recovered[number] = _alone(work, items[number])
        self._replace()
        rest = broken[n_suspects:]
        for number, future in zip(rest, self._submit(work, [items[number] for number in rest]), strict=True):
            recovered[number] = future
        return recovered


def _is_broken(future: Future[Any]) -> bool:
    """Wait for a future; return whether the process pool broke before it was done."""
    return isinstance(future.exception(), BrokenProcessPool)


def _failed(error: BaseException) -> Future[Any]:
    future = Future[Any]()
    future.set_exception(error)
    return future


def _alone(work: Callable[[Item], Done], item: Item) -> Future[Done]:
    """Do one item in a new process of its own; return a finished future."""
    with pool(1) as lone:
        try:
            lone.submit(_do_nothing).result()
        except BrokenProcessPool:
            raise WorkerDied("a new worker process ended before it was given any work") from None
        processes = list((lone._processes or {}).values())
        future = lone.submit(work, item)
        if not _is_broken(future):
            return future
    return _failed(WorkerDied(how_it_ended(processes[0].exitcode), item))


def how_it_ended(status: int | None) -> str:
    """Return what an exit status means, such as `the process was killed by SIGSEGV`.

    Args:
        status: as of `multiprocessing` and `subprocess`: negative for a signal; None if it is unknown
    """
    if status is None:
        return "the process ended"
    if status >= 0:
        return f"the process ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"the process was killed by {name}"


def _do_nothing() -> None:
    """Return at once: the first call of a process, which ends when it has started."""


def _initialise(environment: Mapping[str, str]) -> None:
    # a forked process has the variables of the one it was forked from, which may be older
    os.environ.clear()
    os.environ.update(environment)
    heap.keep_freed_memory()
    heap.seek_cycles_rarely()
    progress_log.on_a_terminal()
    _exit_with_parent()


def _prepare(environment: Mapping[str, str], modules: Sequence[str], n_prepared: Synchronized[int]) -> None:
    _initialise(environment)
    for name in modules:
        # work that needs the module meets the same error, which names its item; here it would break the pool
        with suppress(Exception):
            importlib.import_module(name)
    with n_prepared.get_lock():
        n_prepared.value += 1


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        _exit_after(parent.join)


def exit_with_driver() -> None:
    """Make this process exit when the process that `DRIVER` names is gone; do nothing if it names none.

    DVC runs stages through a shell, so that a stage is no child of the process that drives DVC and outlives its kill.
    """
    # removed: processes started from here watch this one
    driver = os.environ.pop(DRIVER, "")
    if not driver:
        return
    import psutil

    pid, _, started = driver.partition(":")

    def wait() -> None:
        # the start time, since process ids are reused
        while _start_time(psutil, int(pid)) == started:
            time.sleep(_POLL_S)

    _exit_after(wait)


def driver() -> str:
    """Return this process's id and start time, the value of `DRIVER` for processes that must not outlive it."""
    import psutil

    return f"{os.getpid()}:{_start_time(psutil, os.getpid())}"


def _start_time(psutil: Any, pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        # a zombie is a process that has ended
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def _exit_after(wait: Callable[[], None]) -> None:
    def wait_and_exit() -> None:
        wait()
        # no clean-up: results are in the cache, and the next run continues from there
        os._exit(1)

    threading.Thread(target=wait_and_exit, name="exit-with-parent", daemon=True).start()
