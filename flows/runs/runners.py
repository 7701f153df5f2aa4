"""Where a stage's shards run: threads or worker processes here, or the workers of a Dask scheduler."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.core import workers
from tasks.core.config import Runtime
from tasks.core.errors import ConfigError

Kind = Literal["threads", "processes", "dask"]
Done = TypeVar("Done")


class WorkerDied(Exception):
    """A worker process was killed, or took too long and was stopped; the work itself may be sound."""


@dataclass(frozen=True)
class Runner:
    """A task runner for shards, and how a task run calls the work from where it is."""

    tasks: TaskRunner[Any]
    call: Callable[..., Any]


@contextmanager
def started(kind: Kind, scheduler: str | None, runtime: Runtime) -> Iterator[Runner]:
    """Start a runner, and stop it on leaving.

    Args:
        kind: `threads` and `processes` of this machine, as many as `runtime.workers` says, or `dask`
        scheduler: address of the Dask scheduler, such as `tcp://10.0.0.5:8786`
        runtime: the settings of the machine

    Raises:
        ConfigError: if Dask is asked for and cannot be had, or a scheduler is named for nothing
    """
    if (kind == "dask") != (scheduler is not None):
        raise ConfigError(f"runner {kind!r} with scheduler {scheduler!r}: a scheduler's address goes with 'dask' alone")
    n_workers = runtime.workers or os.cpu_count() or 1
    match kind:
        case "threads":
            with _one_thread_each(), _threads(n_workers) as threads:
                yield Runner(threads, _here)
        case "processes":
            # a thread for each process: no task run says that it runs before it does
            with _Processes(n_workers, runtime.shard_timeout_s) as pool, _threads(n_workers) as threads:
                yield Runner(threads, pool.call)
        case "dask":
            with _dask(str(scheduler)) as tasks:
                yield Runner(tasks, _here)


def _here(work: Callable[..., Done], *arguments: Any) -> Done:
    return work(*arguments)


def _threads(n_workers: int) -> TaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=n_workers)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    # the limit that each item sets is this whole process's: without this one, an item that ends first would lift it
    with threadpool_limits(1):
        yield


@contextmanager
def _dask(scheduler: str) -> Iterator[TaskRunner[Any]]:
    try:
        from distributed import Client
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise ConfigError("runner 'dask' needs the extra of that kind: make env EXTRAS=cluster,dev") from None
    try:
        Client(scheduler, timeout="20s", set_as_default=False).close()  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {scheduler} ({error}); start one: dask scheduler") from None
    with DaskTaskRunner(address=scheduler) as tasks:
        yield tasks


class _Processes:
    """A pool of worker processes that is made anew when one of them dies."""

    def __init__(self, n_workers: int, timeout_s: float) -> None:
        self._n_workers, self._timeout_s = n_workers, timeout_s
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def call(self, work: Callable[..., Done], *arguments: Any) -> Done:
        """Do something in one of the processes.

        Raises:
            WorkerDied: if the process was killed, or did not finish in time
        """
        with self._lock:
            pool = self._pool = self._pool or workers.pool(self._n_workers)
        try:
            return pool.submit(work, *arguments).result(self._timeout_s)
        except BrokenProcessPool:
            self._leave(pool)
            raise WorkerDied("a worker process died: killed, or out of memory") from None
        except TimeoutError:
            self._stop(pool)
            raise WorkerDied(f"no end after {self._timeout_s:.0f} s (runtime.shard_timeout_s)") from None

    def _leave(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False, cancel_futures=True)

    def _stop(self, pool: ProcessPoolExecutor) -> None:
        # a pool has no public way to stop a process that hangs before Python 3.14
        for process in list((pool._processes or {}).values()):
            process.kill()
        self._leave(pool)
