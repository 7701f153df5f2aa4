"""The flow's `Each`: batches of a stage's items as Prefect task runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

from prefect import Task, get_client, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext

from flows.runs import worker_folder
from flows.runs.exchange import Assignment, Delivery
from flows.runs.progress import Progress
from flows.runs.runners import Cluster, Runner
from tasks.core import code_version
from tasks.core.config import Runtime
from tasks.core.each import Each, Item, Work, complete, do, lost, remembered
from tasks.core.outcomes import Outcome
from tasks.core.workers import WorkerDied

MAX_BATCHES = 200
_TRIAL_ITEMS, _TRIAL_SHARE = 8, 8
"""A worker's first batch of a stage has so many items at most, and one in so many of its share."""
_BATCH_S = 10.0
"""Work of a batch on a cluster, about: a task run costs 0.15 s of computing, and a worker that dies costs its batch."""


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
    """Return a small first batch for each worker of a cluster, to measure the time of an item.

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


def do_batch(code: str, work: Work, items: Sequence[Item]) -> list[Outcome]:
    """Do the items of one batch, one after the other, in the process that calls this, a child of the run's.

    Args:
        code: digest of all code in the flow's process; results of other code must not be mixed with them
        work: the stage's function and its settings
        items: its items

    Raises:
        UndertoneError: if this process has other code
    """
    worker_folder.demand_same_code(code)
    return [do(work, item) for item in items]


def mapped(runner: Runner, runtime: Runtime, limited: Collection[str] = ()) -> Each:
    """Return an `Each` that submits batches of items to a runner, each as a task run.

    Args:
        runner: where the batches run
        runtime: the number of batches, and the delays between attempts
        limited: stages with a concurrency limit on the server; their task runs get the stage's name as a tag
    """

    def submit(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        work = replace(work.pinned(), per_host=runtime.per_host)
        cached = [remembered(work, item) for item in items]
        new = [item for item, outcome in zip(items, cached, strict=True) if outcome is None]
        stage = _StageRuns(work, runtime, limited)
        cluster = runner.cluster
        done = (
            _here(stage, new, runner)
            if cluster is None or work.reads is None
            else _elsewhere(stage, new, runner, cluster)
        )
        yield from complete(work, (outcome or next(done) for outcome in cached))

    return submit


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


def _here(stage: _StageRuns, items: Sequence[Item], runner: Runner) -> Iterator[Outcome]:
    """Do items on this machine; yield outcomes in order."""
    work, code, n_retries = stage.work, stage.code, stage.n_retries
    runs_on = runner if work.host is None else runner.fetching or runner

    def do_items(batch_items: Sequence[Item]) -> list[Outcome]:
        try:
            outcomes = runs_on.call(do_batch, code, work, batch_items)
        except WorkerDied:
            if _attempts_left(n_retries):
                raise
            outcomes = stage.do_alone(batch_items, runs_on)
        return _retry_if_transient(outcomes, n_retries)

    batches, futures = _batches(work, items, stage.runtime), []
    for number, batch in enumerate(batches, 1):
        batch_items = [items[position] for position in batch.positions]
        run = stage.task(do_items, batch, f"{number} of {len(batches)}: {_span(batch_items)}")
        futures.append(runs_on.tasks.submit(run, {"batch_items": batch_items}))
    yield from _in_order(batches, (future.result() for future in futures), Progress(work.stage, len(items)))


def _elsewhere(stage: _StageRuns, items: Sequence[Item], runner: Runner, cluster: Cluster) -> Iterator[Outcome]:
    """Do items on the workers of a cluster; yield outcomes in order."""
    work, n_retries = stage.work, stage.n_retries
    # pickled with its closure: only what a worker needs
    sent = replace(work, reads=None)

    def do_items(assigned: _Assigned) -> Delivery:
        delivery = worker_folder.do_assigned(assigned.assignment, sent, assigned.items)
        _retry_if_transient(list(delivery.outcomes), n_retries)
        return delivery

    completed, batches, futures = cluster.completions(), list[ItemBatch](), list[Any]()

    def submit(new: Iterable[ItemBatch]) -> None:
        for batch in new:
            batches.append(batch)
            batch_items = [items[position] for position in batch.positions]
            run = stage.task(do_items, batch, f"{len(batches)}: {_span(batch_items)}")
            assigned = _Assigned(cluster.exchange.give(work, batch_items), batch_items)
            futures.append(cluster.tasks.submit(run, {"assigned": assigned}))
            completed.add(len(futures) - 1, futures[-1])

    progress, done, n_workers = Progress(work.stage, len(items)), dict[int, Outcome](), max(1, cluster.n_workers())
    trials = trial_batches(len(items), n_workers)
    submit(trials)
    rest = range(sum(len(batch.positions) for batch in trials), len(items))
    # as they complete, and not in order: what has come back is kept if this run is killed
    for number in completed:
        item_s = 0.0
        try:
            delivery = cluster.result(futures[number])
            item_s, outcomes = delivery.item_s, cluster.exchange.take(delivery)
        except WorkerDied:
            outcomes = stage.do_alone([items[position] for position in batches[number].positions], runner)
        done.update(zip(batches[number].positions, outcomes, strict=True))
        progress.update(len(done))
        submit(timed_batches(rest, item_s, n_workers, stage.runtime.shards))
        rest = range(0)
    yield from (done[position] for position in range(len(items)))


class _Assigned:
    """A batch as a parameter of a task run; no dataclass, since Prefect looks for futures in every field of those."""

    def __init__(self, assignment: Assignment, items: Sequence[Item]) -> None:
        self.assignment, self.items = assignment, items


def _batches(work: Work, items: Sequence[Item], runtime: Runtime) -> list[ItemBatch]:
    if work.host is None:
        return split(len(items), runtime.shards)
    hosts = [work.host_of(item) for item in items]
    with get_client(sync_client=True) as client:
        for host in sorted(set(hosts)):
            client.upsert_global_concurrency_limit_by_name(f"tag:host:{host}", runtime.per_host)
    return split_by_host(hosts, runtime.per_host, runtime.shards)


def _in_order(
    batches: Sequence[ItemBatch], results: Iterable[Sequence[Outcome]], progress: Progress
) -> Iterator[Outcome]:
    done: dict[int, Outcome] = {}
    for batch, outcomes in zip(batches, results, strict=True):
        done.update(zip(batch.positions, outcomes, strict=True))
        progress.update(len(done))
    yield from (done[position] for position in sorted(done))


def _retry_if_transient(outcomes: list[Outcome], n_retries: int) -> list[Outcome]:
    """Raise an error that Prefect retries if items failed for a transient reason and attempts are left."""
    failed = [outcome.item for outcome in outcomes if outcome.passing]
    if failed and _attempts_left(n_retries):
        raise _TransientFailure(f"unavailable for now: {', '.join(failed)}")
    return outcomes


def _attempts_left(n_retries: int) -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= n_retries


def _outcome_alone(work: Work, item: Item, do_one: Callable[[list[Item]], list[Outcome]]) -> Outcome:
    """Do one item of a batch whose process died again and again; an item whose own process dies met a bug."""
    if (outcome := remembered(work, item)) is not None:
        return outcome
    try:
        (outcome,) = do_one([item])
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
