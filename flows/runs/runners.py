"""Runners of batches: threads or worker processes of this machine, and the workers of a Dask scheduler."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, TypeVar

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.runs.exchange import Exchange
from flows.runs.object_store import ObjectStore
from tasks.__main__ import PRELOADED
from tasks.core import distribution, paths, workers
from tasks.core.config import Runtime
from tasks.core.errors import ConfigError, UndertoneError
from tasks.core.workers import WorkerDied
from tasks.fetching import crawl_items

Kind = Literal["threads", "processes", "dask"]
Result = TypeVar("Result")
_MOST_WAITING = 200
"""Batches at a time that are with Dask, which distributes them; more wait."""


class Completions:
    """Task runs as they complete; more can be added meanwhile."""

    def __init__(self) -> None:
        self._n_pending = 0
        self._completed = SimpleQueue[int]()

    def add(self, number: int, future: PrefectFuture[Any]) -> None:
        """Add a task run.

        Args:
            number: to recognise it by
            future: of the task runner
        """
        self._n_pending += 1
        future.add_done_callback(lambda _: self._completed.put(number))

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of task runs as they complete."""
        while self._n_pending:
            yield self._completed.get()
            self._n_pending -= 1


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask scheduler, without access to the project folder.

    Args:
        tasks: the Prefect task runner, whose threads wait for the workers
        client: of Dask
        exchange: how files reach the workers, and results come back
        scheduler: its address
    """

    tasks: TaskRunner[Any]
    client: Any
    exchange: Exchange
    scheduler: str

    @property
    def n_workers(self) -> int:
        """The number of workers that are connected now, at least 1."""
        return max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function on a worker. Workers run no part of Prefect, whose imports take them a second each.

        Raises:
            WorkerDied: if the batch ended several workers
            UndertoneError: if the scheduler is lost, or a worker lacks undertone
        """
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            # one object: Dask looks for futures in arguments
            result: Result = self.client.submit(partial(function, *arguments), pure=False).result()
            return result
        except KilledWorker as error:
            raise WorkerDied(f"several Dask workers died with this batch: {error}") from None
        except (CancelledError, CommClosedError) as error:
            raise UndertoneError(
                f"the connection to the Dask scheduler at {self.scheduler} was lost ({type(error).__name__}: {error}). "
                "Start it and its workers again, then run again: results that have come back are kept"
            ) from None
        except ImportError as error:
            raise UndertoneError(
                f"a Dask worker cannot import what a batch needs ({error}); install the same version of undertone, "
                "with the same extras, on all machines and start the workers again"
            ) from None


@dataclass(frozen=True)
class Runner:
    """A task runner for batches on this machine, and a cluster for those that can be done elsewhere.

    Args:
        tasks: the Prefect task runner
        n_workers: the number of its threads or processes
        call: `call(function, *arguments)`, with which a task run executes its work: in its own thread or in a process
        call_alone: the same, in a process that does nothing else, if the runner has processes
        fetching: the runner of batches that wait for hosts, with `runtime.fetches` threads or processes; None: this one
        cluster: workers for stages whose items state what they read; None: this machine does all
    """

    tasks: TaskRunner[Any]
    n_workers: int
    call: Callable[..., Any]
    call_alone: Callable[..., Any]
    fetching: Runner | None = None
    cluster: Cluster | None = None


@contextmanager
def started(kind: Kind, scheduler: str | None, runtime: Runtime) -> Iterator[Runner]:
    """Start a runner; stop it on exit.

    Args:
        kind: `threads` or `processes` of this machine (`runtime.workers` of them), or `dask`
        scheduler: address of the Dask scheduler, such as `tcp://10.0.0.5:8786`; None for the other kinds
        runtime: number of workers, time limit, and the store for Dask

    Raises:
        ConfigError: if Dask is not installed or does not answer, if kind and scheduler do not match, or if the store
            cannot be used
    """
    if (kind == "dask") != (scheduler is not None):
        raise ConfigError(
            f"runner {kind!r} with scheduler {scheduler!r}: 'dask' needs a scheduler's address, other runners take none"
        )
    n_workers = runtime.workers or os.cpu_count() or 1
    match kind:
        case "threads":
            with _one_native_thread(), _threads(n_workers) as threads, _threads(runtime.n_fetching) as waiting:
                fetching = Runner(waiting, runtime.n_fetching, _call, _call)
                yield Runner(threads, n_workers, _call, _call, fetching)
        case "processes":
            with _all_processes(n_workers, runtime) as runner:
                yield runner
        case "dask":
            # processes start with their first batch: one of a stage that stays on this machine
            with _dask(str(scheduler), _exchange(runtime)) as cluster, _all_processes(n_workers, runtime) as runner:
                yield replace(runner, cluster=cluster)


def _call(function: Callable[..., Result], *arguments: Any) -> Result:
    return function(*arguments)


@contextmanager
def _all_processes(n_workers: int, runtime: Runtime) -> Iterator[Runner]:
    with (
        _processes(n_workers, runtime.shard_timeout_s, (workers.FORKED, *PRELOADED)) as runner,
        _processes(runtime.n_fetching, runtime.shard_timeout_s, crawl_items.IMPORTED) as fetching,
    ):
        yield replace(runner, fetching=fetching)


@contextmanager
def _processes(n_workers: int, timeout_s: float, imported: Sequence[str] = ()) -> Iterator[Runner]:
    # one thread per process, so that a task run is not shown as running while it waits for a process
    with _Processes(n_workers, timeout_s, imported) as pool, _threads(n_workers) as threads:
        yield Runner(threads, n_workers, pool.call, pool.call_alone)


def _threads(n_workers: int) -> TaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=n_workers)


@contextmanager
def _one_native_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    # every item limits native threads, but the limit is per process: the first item to end would lift it for the others
    with threadpool_limits(1):
        yield


def _exchange(runtime: Runtime) -> Exchange:
    project = Path.cwd()
    return Exchange(ObjectStore(runtime.store or (project / paths.STORE).as_uri()), project, runtime.worker_max_bytes)


@contextmanager
def _dask(scheduler: str, exchange: Exchange) -> Iterator[Cluster]:
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(f"runner 'dask' needs Dask: {distribution.how_to_install('cluster')}") from None
    try:
        client = Client(scheduler, timeout="20s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {scheduler} ({error}); start one: dask scheduler") from None
    # the client ends before the threads, which wait for its results
    with _threads(_MOST_WAITING) as tasks, client:
        yield Cluster(tasks, client, exchange, scheduler)


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
