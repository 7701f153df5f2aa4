"""Runners of batches: threads or worker processes of this machine, or the workers of a Dask scheduler."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.core import distribution, workers
from tasks.core.config import Runtime
from tasks.core.errors import ConfigError
from tasks.core.workers import WorkerDied
from tasks.fetching import crawl_items

Kind = Literal["threads", "processes", "dask"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Runner:
    """A task runner for batches.

    Args:
        tasks: the Prefect task runner
        call: `call(function, *arguments)`, with which a task run executes its work: in its own thread or in a process
        call_alone: the same, in a process that does nothing else, if the runner has processes
        fetching: the runner of batches that wait for hosts, with `runtime.fetches` threads or processes; None: this one
    """

    tasks: TaskRunner[Any]
    call: Callable[..., Any]
    call_alone: Callable[..., Any]
    fetching: Runner | None = None


@contextmanager
def started(kind: Kind, scheduler: str | None, runtime: Runtime) -> Iterator[Runner]:
    """Start a runner; stop it on exit.

    Args:
        kind: `threads` or `processes` of this machine (`runtime.workers` of them), or `dask`
        scheduler: address of the Dask scheduler, such as `tcp://10.0.0.5:8786`; None for the other kinds
        runtime: number of workers and time limit

    Raises:
        ConfigError: if Dask is not installed or does not answer, or if kind and scheduler do not match
    """
    if (kind == "dask") != (scheduler is not None):
        raise ConfigError(
            f"runner {kind!r} with scheduler {scheduler!r}: 'dask' needs a scheduler's address, other runners take none"
        )
    n_workers = runtime.workers or os.cpu_count() or 1
    match kind:
        case "threads":
            with _one_native_thread(), _threads(n_workers) as threads, _threads(runtime.n_fetching) as waiting:
                yield Runner(threads, _call, _call, Runner(waiting, _call, _call))
        case "processes":
            with (
                _processes(n_workers, runtime.shard_timeout_s) as runner,
                _processes(runtime.n_fetching, runtime.shard_timeout_s, crawl_items.IMPORTED) as fetching,
            ):
                yield replace(runner, fetching=fetching)
        case "dask":
            with _dask(str(scheduler)) as tasks:
                yield Runner(tasks, _call, _call)


def _call(function: Callable[..., Result], *arguments: Any) -> Result:
    return function(*arguments)


@contextmanager
def _processes(n_workers: int, timeout_s: float, imported: Sequence[str] = ()) -> Iterator[Runner]:
    # one thread per process, so that a task run is not shown as running while it waits for a process
    with _Processes(n_workers, timeout_s, imported) as pool, _threads(n_workers) as threads:
        yield Runner(threads, pool.call, pool.call_alone)


def _threads(n_workers: int) -> TaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=n_workers)


@contextmanager
def _one_native_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    # every item limits native threads, but the limit is per process: the first item to end would lift it for the others
    with threadpool_limits(1):
        yield


@contextmanager
def _dask(scheduler: str) -> Iterator[TaskRunner[Any]]:
    try:
        from distributed import Client
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise ConfigError(f"runner 'dask' needs Dask: {distribution.how_to_install('cluster')}") from None
    try:
        Client(scheduler, timeout="20s", set_as_default=False).close()  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {scheduler} ({error}); start one: dask scheduler") from None
    with DaskTaskRunner(address=scheduler) as tasks:
        yield tasks


class _Processes:
    """A pool of worker processes that is replaced when one of them dies."""

    def __init__(self, n_workers: int, timeout_s: float, imported: Sequence[str] = ()) -> None:
        self._n_workers, self._timeout_s, self._imported = n_workers, timeout_s, imported
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in one of the processes.

        Raises:
            WorkerDied: if the process was killed or exceeded the time limit
        """
        # while the lock is held, no other thread closes the pool
        with self._lock:
            pool = self._pool = self._pool or workers.pool(self._n_workers, self._imported)
            future = workers.submitted(pool, function, *arguments)
            processes = list((pool._processes or {}).values())
        try:
            return future.result(self._timeout_s)
        except BrokenProcessPool:
            # of several processes, it is uncertain which one broke the pool
            lone = processes[0] if self._n_workers == 1 and processes else None
            # the pool's own thread waits for the process, too: until it ends, the exit status may be missing
            self._discard(pool, wait=lone is not None)
            how = "a worker process died: killed, or out of memory"
            raise WorkerDied(workers.how_it_ended(lone.exitcode) if lone is not None else how) from None
        except CancelledError:
            raise WorkerDied("the worker processes were replaced since another batch took too long") from None
        except TimeoutError:
            self._kill(pool)
            raise WorkerDied(f"a batch took longer than {self._timeout_s:.0f} s (runtime.shard_timeout_s)") from None

    def call_alone(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in a process of its own, so that it is to blame if that process dies.

        Raises:
            WorkerDied: if the process was killed or exceeded the time limit
        """
        with _Processes(1, self._timeout_s) as lone:
            return lone.call(function, *arguments)

    def _discard(self, pool: ProcessPoolExecutor, wait: bool = False) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=wait, cancel_futures=True)

    def _kill(self, pool: ProcessPoolExecutor) -> None:
        # before Python 3.14, a pool has no public way to stop a process that hangs
        for process in list((pool._processes or {}).values()):
            process.kill()
        self._discard(pool)
