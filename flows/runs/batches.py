"""The flow's `Each`: batches of a stage's items as Prefect task runs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from prefect import get_client, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext

from flows.runs.progress import Progress
from flows.runs.runners import Runner
from tasks.core import code_version
from tasks.core.config import Runtime
from tasks.core.each import Each, Item, Work, complete, do, lost, remembered
from tasks.core.errors import UndertoneError
from tasks.core.outcomes import Outcome
from tasks.core.workers import WorkerDied

MAX_BATCHES = 200


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


def do_batch(root: str, code: str, work: Work, items: Sequence[Item]) -> list[Outcome]:
    """Do the items of one batch, one after the other, in the process that calls this.

    Args:
        root: the project folder, which must have the same path on every machine
        code: code digest in the flow's process; results of other code must not be mixed with them
        work: the stage's function and its settings
        items: its items

    Raises:
        UndertoneError: if this process has another working folder or other code
    """
    if Path.cwd() != Path(root):
        raise UndertoneError(
            f"the worker on {os.uname().nodename} runs in {Path.cwd()}; expected the project folder {root}: "
            "start workers in the project folder, which all machines share at the same path"
        )
    if code_version.version(work.one.__module__) != code:
        raise UndertoneError(
            f"the worker on {os.uname().nodename} has other code for stage {work.stage} than the flow; install the "
            "same version of undertone on both, and start the worker again"
        )
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
        root, code = str(Path.cwd()), code_version.version(work.one.__module__)
        cached = [remembered(work, item) for item in items]
        new = [item for item, outcome in zip(items, cached, strict=True) if outcome is None]
        batches = _batches(work, new, runtime)
        runs_on = runner if work.host is None else runner.fetching or runner
        # the task is pickled with its closure, and the runner cannot be
        call, call_alone, n_retries = runs_on.call, runs_on.call_alone, len(runtime.retry_delays_s)

        def do_items(batch_items: Sequence[Item]) -> list[Outcome]:
            try:
                outcomes = call(do_batch, root, code, work, batch_items)
            except WorkerDied:
                if _attempts_left(n_retries):
                    raise
                do_one = partial(call_alone, do_batch, root, code, work)
                outcomes = [_outcome_alone(work, item, do_one) for item in batch_items]
            return _retry_if_transient(outcomes, n_retries)

        futures = []
        for number, batch in enumerate(batches, 1):
            batch_items = [new[position] for position in batch.positions]
            run = task(
                name=f"{work.stage} batch",
                task_run_name=f"{work.stage} {number} of {len(batches)}: {_span(batch_items)}",
                tags={work.stage}.intersection(limited).union(f"host:{host}" for host in batch.hosts),
                retries=n_retries,
                retry_delay_seconds=list(runtime.retry_delays_s),
                retry_jitter_factor=0.2,
                retry_condition_fn=_is_transient,
            )(do_items)
            futures.append(runs_on.tasks.submit(run, {"batch_items": batch_items}))
        done = _in_order(batches, futures, Progress(work.stage, len(new)))
        yield from complete(work, (outcome or next(done) for outcome in cached))

    return submit


def _batches(work: Work, items: Sequence[Item], runtime: Runtime) -> list[ItemBatch]:
    if work.host is None:
        return split(len(items), runtime.shards)
    hosts = [work.host_of(item) for item in items]
    with get_client(sync_client=True) as client:
        for host in sorted(set(hosts)):
            client.upsert_global_concurrency_limit_by_name(f"tag:host:{host}", runtime.per_host)
    return split_by_host(hosts, runtime.per_host, runtime.shards)


def _in_order(batches: Sequence[ItemBatch], futures: Sequence[Any], progress: Progress) -> Iterator[Outcome]:
    done: dict[int, Outcome] = {}
    for batch, future in zip(batches, futures, strict=True):
        done.update(zip(batch.positions, future.result(), strict=True))
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
