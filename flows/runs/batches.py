"""The flow's `Each`: batches of a stage's items as Prefect task runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

from prefect import Task, get_client, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.runs import worker_folder
from flows.runs.progress import Progress
from flows.runs.runners import Cluster, Completions, Runner
from tasks.core import code_version
from tasks.core.config import Runtime
from tasks.core.each import Each, Item, Work, complete, lost, remembered, with_cached
from tasks.core.outcomes import Outcome
from tasks.core.workers import WorkerDied

MAX_BATCHES = 200
_TRIAL_ITEMS, _TRIAL_SHARE = 8, 8
"""A worker's first batch of a stage has so many items at most, and one in so many of its share."""
_BATCH_S = 10.0
"""Work of a batch, about: a task run costs 0.15 s of computing, and a worker that dies costs its batch."""


class _TransientFailure(Exception):
    """Some items of a batch failed for a transient reason."""


@dataclass(frozen=True)
class ItemBatch:
    """Items that one task run does: their positions among the stage's new items, and their hosts."""

    positions: tuple[int, ...]
    hosts: tuple[str, ...] = ()


def split(n_items: int, max_batches: int) -> list[ItemBatch]:
    """Split items into consecutive batches of nearly equal size; no batch is empty.

    Args:
        n_items: the number of items
        max_batches: the largest number of batches; never more than `MAX_BATCHES`
    """
    return [ItemBatch(positions) for positions in _runs(range(n_items), min(max_batches, MAX_BATCHES))]


def split_by_host(hosts: Sequence[str], per_host: int, max_batches: int) -> list[ItemBatch]:
    """Split items so that no batch mixes hosts, unless there are more hosts than batches.

    Args:
        hosts: the host of each item
        per_host: the largest number of batches of one host; more would only wait for each other
        max_batches: the largest number of batches in all; never more than `MAX_BATCHES`
    """
    by_host: dict[str, list[int]] = defaultdict(list)
    for position, host in enumerate(hosts):
        by_host[host].append(position)
    n_batches = min(max_batches, MAX_BATCHES)
    if len(by_host) > n_batches:
        return [
            ItemBatch(tuple(sorted(position for host in group for position in by_host[host])), tuple(group))
            for group in _runs(list(by_host), n_batches)
        ]
    share = min(per_host, n_batches // max(1, len(by_host)))
    return [ItemBatch(run, (host,)) for host, positions in by_host.items() for run in _runs(positions, share)]


def trial_batches(n_items: int, n_workers: int) -> list[ItemBatch]:
    """Return a small first batch for each worker, to measure the time of an item.

    Args:
        n_items: the number of items
        n_workers: the number of workers
    """
    size = max(1, min(_TRIAL_ITEMS, n_items // (_TRIAL_SHARE * n_workers)))
    return split(min(n_items, size * n_workers), n_workers)


def timed_batches(rest: range, item_s: float, n_workers: int, max_batches: int) -> list[ItemBatch]:
    """Split the items after the trial into batches of about `_BATCH_S`, as many for each worker.

    Args:
        rest: positions of the items
        item_s: time of an item in seconds; 0: unknown
        n_workers: the number of workers
        max_batches: the largest number of batches; never more than `MAX_BATCHES`
    """
    rounds = max(1, round(len(rest) * item_s / (_BATCH_S * n_workers)))
    return [ItemBatch(run) for run in _runs(rest, min(rounds * n_workers, max_batches, MAX_BATCHES))]


def do_batch(code: str, work: Work, items: Sequence[Item]) -> tuple[list[Outcome], float]:
    """Do the items of one batch in the process that calls this, a child of the run's; return also an item's time in s.

    Args:
        code: digest of all code in the flow's process; results of other code must not be mixed with them
        work: the stage's function and its settings
        items: its items

    Raises:
        UndertoneError: if this process has other code
    """
    worker_folder.demand_same_code(code)
    return worker_folder.do_in_turn(work, items)


def mapped(runner: Runner, runtime: Runtime, limited: Collection[str] = ()) -> Each:
    """Return an `Each` that submits batches of items to a runner, each as a task run.

    Args:
        runner: where the batches run
        runtime: the number of batches, and the delays between attempts
        limited: stages with a concurrency limit on the server; their task runs get the stage's name as a tag
    """

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        work = replace(work.pinned(), per_host=runtime.per_host)
        stage, cluster = _StageRuns(work, runtime, limited), runner.cluster
        place = (
            _ThisMachine(stage, runner) if cluster is None or work.reads is None else _Workers(stage, runner, cluster)
        )
        yield from complete(work, with_cached(work, items, partial(_done, stage, place)))

    return each


@dataclass(frozen=True)
class _StageRuns:
    """The task runs of one stage's work."""

    work: Work
    runtime: Runtime
    limited: Collection[str]

    @property
    def n_retries(self) -> int:
        return len(self.runtime.retry_delays_s)

    @property
    def code(self) -> str:
        return code_version.of_everything()

    def task(self, do_items: Callable[..., Any], batch: ItemBatch, where: str) -> Task[..., Any]:
        """Return the task of one batch; `where`: its number and the span of its items."""
        delays_s = self.runtime.retry_delays_s
        return task(
            name=f"{self.work.stage} batch",
            task_run_name=f"{self.work.stage} {where}",
            tags={self.work.stage}.intersection(self.limited).union(f"host:{host}" for host in batch.hosts),
            retries=len(delays_s),
            retry_delay_seconds=list(delays_s),
            retry_jitter_factor=0.2,
            retry_condition_fn=_is_transient,
        )(do_items)

    def do_alone(self, items: Sequence[Item], runner: Runner) -> list[Outcome]:
        """Do the items of a batch whose process died again and again, each in a process of its own on this machine."""
        do_one = partial(runner.call_alone, do_batch, self.code, self.work)
        return [_outcome_alone(self.work, item, do_one) for item in items]


class _Place(Protocol):
    """Threads or processes of this machine, or workers of a cluster, that do the batches of a stage."""

    @property
    def tasks(self) -> TaskRunner[Any]:
        """The Prefect task runner."""

    @property
    def n_workers(self) -> int:
        """Number of batches at a time."""

    def first(self, items: Sequence[Item]) -> list[ItemBatch]:
        """Return the batches to begin with, of the first items: all, or as many as measure the time of an item."""

    def do(self, items: Sequence[Item]) -> tuple[list[Outcome], float]:
        """Do a batch; called by its task run. Return the outcomes, and the time of an item in seconds; 0: unknown."""


@dataclass(frozen=True)
class _ThisMachine:
    """Threads or processes of this machine."""

    stage: _StageRuns
    runner: Runner

    @property
    def tasks(self) -> TaskRunner[Any]:
        return self._runs_on.tasks

    @property
    def n_workers(self) -> int:
        return self._runs_on.n_workers

    def first(self, items: Sequence[Item]) -> list[ItemBatch]:
        work, runtime = self.stage.work, self.stage.runtime
        if work.host is None:
            return trial_batches(len(items), self.n_workers)
        hosts = [work.host_of(item) for item in items]
        with get_client(sync_client=True) as client:
            for host in sorted(set(hosts)):
                client.upsert_global_concurrency_limit_by_name(f"tag:host:{host}", runtime.per_host)
        return split_by_host(hosts, runtime.per_host, runtime.shards)

    def do(self, items: Sequence[Item]) -> tuple[list[Outcome], float]:
        try:
            done: tuple[list[Outcome], float] = self._runs_on.call(do_batch, self.stage.code, self.stage.work, items)
            return done
        except WorkerDied:
            if _attempts_left(self.stage.n_retries):
                raise
            return self.stage.do_alone(items, self._runs_on), 0.0

    @property
    def _runs_on(self) -> Runner:
        return self.runner if self.stage.work.host is None else self.runner.fetching or self.runner


@dataclass(frozen=True)
class _Workers:
    """The workers of a cluster; batches that end several of them are done on this machine."""

    stage: _StageRuns
    runner: Runner
    cluster: Cluster

    @property
    def tasks(self) -> TaskRunner[Any]:
        return self.cluster.tasks

    @property
    def n_workers(self) -> int:
        return self.cluster.n_workers

    def first(self, items: Sequence[Item]) -> list[ItemBatch]:
        return trial_batches(len(items), self.n_workers)

    def do(self, items: Sequence[Item]) -> tuple[list[Outcome], float]:
        exchange, work = self.cluster.exchange, self.stage.work
        assignment = exchange.give(work, items)
        try:
            # what an item reads is in the assignment
            delivery = self.cluster.call(worker_folder.do_assigned, assignment, replace(work, reads=None), items)
        except WorkerDied:
            return self.stage.do_alone(items, self.runner), 0.0
        return exchange.take(delivery), delivery.item_s


def _done(stage: _StageRuns, place: _Place, items: Sequence[Item]) -> Iterator[Outcome]:
    """Do items in batches; yield outcomes in order."""
    batches, futures, completed = list[ItemBatch](), list[PrefectFuture[Any]](), Completions()

    def submit(new: Iterable[ItemBatch]) -> None:
        for batch in new:
            batches.append(batch)
            futures.append(_submitted(stage, place, batch, len(batches), [items[number] for number in batch.positions]))
            completed.add(len(futures) - 1, futures[-1])

    progress, done, first = Progress(stage.work.stage, len(items)), dict[int, Outcome](), place.first(items)
    submit(first)
    rest = range(sum(len(batch.positions) for batch in first), len(items))
    for number in completed:
        outcomes, item_s = futures[number].result()
        done.update(zip(batches[number].positions, outcomes, strict=True))
        progress.update(len(done))
        if rest:
            submit(timed_batches(rest, item_s, place.n_workers, stage.runtime.shards))
            rest = range(0)
    yield from (done[position] for position in range(len(items)))


def _submitted(
    stage: _StageRuns, place: _Place, batch: ItemBatch, number: int, items: Sequence[Item]
) -> PrefectFuture[Any]:
    # no parameters: Prefect looks for futures in every field of every item
    def do_items() -> tuple[list[Outcome], float]:
        outcomes, item_s = place.do(items)
        return _retry_if_transient(outcomes, stage.n_retries), item_s

    future: PrefectFuture[Any] = place.tasks.submit(stage.task(do_items, batch, f"{number}: {_span(items)}"), {})
    return future


def _retry_if_transient(outcomes: list[Outcome], n_retries: int) -> list[Outcome]:
    """Raise an error that Prefect retries if items failed for a transient reason and attempts are left."""
    failed = [outcome.item for outcome in outcomes if outcome.passing]
    if failed and _attempts_left(n_retries):
        raise _TransientFailure(f"unavailable for now: {', '.join(failed)}")
    return outcomes


def _attempts_left(n_retries: int) -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= n_retries


def _outcome_alone(work: Work, item: Item, do_one: Callable[[list[Item]], tuple[list[Outcome], float]]) -> Outcome:
    """Do one item of a batch whose process died again and again; an item whose own process dies met a bug."""
    if (outcome := remembered(work, item)) is not None:
        return outcome
    try:
        ((outcome,), _) = do_one([item])
    except WorkerDied as error:
        return lost(work, item, error)
    return outcome


def _is_transient(_: Any, __: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, (_TransientFailure, WorkerDied, ConnectionError))


def _runs(items: Sequence[Any], n_runs: int) -> list[tuple[Any, ...]]:
    n_runs = min(n_runs, len(items))
    bounds = [len(items) * number // n_runs for number in range(n_runs + 1)] if n_runs else [0]
    return [tuple(items[start:end]) for start, end in pairwise(bounds)]


def _span(items: Sequence[Item]) -> str:
    return items[0].id if len(items) == 1 else f"{items[0].id} … {items[-1].id}"
