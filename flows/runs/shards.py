"""The flow's way to map a step over its items: the same function, decorated where it is called, a shard a task run."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from prefect import get_client, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext

from flows.runs.progress import Progress
from flows.runs.runners import Runner, WorkerDied
from tasks.core import code_version
from tasks.core.config import Runtime
from tasks.core.each import Each, Item, Outcome, Work, do, remembered
from tasks.core.errors import UndertoneError

MOST_SHARDS = 200


class Unavailable(Exception):
    """Some items of a shard failed for a reason that may pass."""


@dataclass(frozen=True)
class Shard:
    """Some of a stage's items, by their positions, and the hosts they are fetched from."""

    positions: tuple[int, ...]
    hosts: tuple[str, ...] = ()


def cut(n_items: int, most: int) -> list[Shard]:
    """Cut items into at most so many runs of near-equal length, in order; no shard is empty."""
    return [Shard(positions) for positions in _runs(range(n_items), min(most, MOST_SHARDS))]


def cut_by_host(hosts: Sequence[str], per_host: int, most: int) -> list[Shard]:
    """Cut items so that no shard mixes hosts, unless there are more hosts than shards.

    Args:
        hosts: where each item is fetched from
        per_host: how many shards of one host there may be: more would only wait for each other
        most: how many shards there may be in all
    """
    by_host: dict[str, list[int]] = defaultdict(list)
    for position, host in enumerate(hosts):
        by_host[host].append(position)
    n_shards = min(most, MOST_SHARDS)
    if len(by_host) > n_shards:
        return [
            Shard(tuple(sorted(position for host in some for position in by_host[host])), tuple(some))
            for some in _runs(list(by_host), n_shards)
        ]
    share = min(per_host, n_shards // max(1, len(by_host)))
    return [Shard(positions, (host,)) for host, found in by_host.items() for positions in _runs(found, share)]


def do_shard(root: str, code: str, work: Work, items: Sequence[Item]) -> list[Outcome]:
    """Do one shard's items, one after the other, wherever this runs.

    Args:
        root: the project folder, which every machine must have at the same place
        code: version of the code at the driver; results of another must not be mixed with its own
        work: what is done
        items: what it is done with

    Raises:
        UndertoneError: if this process has another folder or other code
    """
    if Path.cwd() != Path(root):
        raise UndertoneError(
            f"the worker on {os.uname().nodename} runs in {Path.cwd()}, the project lies in {root}: "
            "start workers in the project folder, which all machines share at the same path"
        )
    if code_version.version(work.one.__module__) != code:
        raise UndertoneError(
            f"the worker on {os.uname().nodename} has other code for stage {work.stage} than the flow; install the "
            "same version of undertone on both, and start the worker again"
        )
    return [do(work, item) for item in items]


def mapped(runner: Runner, runtime: Runtime, limited: Collection[str] = ()) -> Each:
    """Return an `each` that gives shards of items to a runner, each as a task run.

    Args:
        runner: who does the work
        runtime: how it is cut and how often it is tried
        limited: stages whose task runs the server limits by tag
    """

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        work, root, code = work.pinned(), str(Path.cwd()), code_version.version(work.one.__module__)
        known = [remembered(work, item) for item in items]
        new = [item for item, outcome in zip(items, known, strict=True) if outcome is None]
        shards = _shards(work, new, runtime)
        # what travels to another machine with the task: nothing of the runner itself
        call, n_retries = runner.call, len(runtime.retry_delays_s)

        def do_here(some: Sequence[Item]) -> list[Outcome]:
            return _unless_passing(call(do_shard, root, code, work, some), n_retries)

        futures = []
        for number, shard in enumerate(shards, 1):
            some = [new[position] for position in shard.positions]
            run = task(
                name=f"{work.stage} shard",
                task_run_name=f"{work.stage} {number} of {len(shards)}: {_span(some)}",
                tags={work.stage}.intersection(limited).union(f"host:{host}" for host in shard.hosts),
                retries=n_retries,
                retry_delay_seconds=list(runtime.retry_delays_s),
                retry_jitter_factor=0.2,
                retry_condition_fn=_may_pass,
            )(do_here)
            futures.append(runner.tasks.submit(run, {"some": some}))
        done = _in_order(shards, futures, Progress(work.stage, len(new)))
        yield from (outcome or next(done) for outcome in known)

    return each


def _shards(work: Work, items: Sequence[Item], runtime: Runtime) -> list[Shard]:
    if work.host is None:
        return cut(len(items), runtime.shards)
    hosts = [work.host(item) for item in items]
    with get_client(sync_client=True) as client:
        for host in sorted(set(hosts)):
            client.upsert_global_concurrency_limit_by_name(f"tag:host:{host}", runtime.per_host)
    return cut_by_host(hosts, runtime.per_host, runtime.shards)


def _in_order(shards: Sequence[Shard], futures: Sequence[Any], progress: Progress) -> Iterator[Outcome]:
    done: dict[int, Outcome] = {}
    for shard, future in zip(shards, futures, strict=True):
        done.update(zip(shard.positions, future.result(), strict=True))
        progress.at(len(done))
    yield from (done[position] for position in sorted(done))


def _unless_passing(outcomes: list[Outcome], n_retries: int) -> list[Outcome]:
    """Ask for another try of a shard while there is one, if one of its items may yet do better."""
    failed = [outcome.item for outcome in outcomes if outcome.passing]
    context = TaskRunContext.get()
    if failed and context is not None and context.task_run.run_count <= n_retries:
        raise Unavailable(f"unavailable for now: {', '.join(failed)}")
    return outcomes


def _may_pass(_: Any, __: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, (Unavailable, WorkerDied, ConnectionError))


def _runs(items: Sequence[Any], n_runs: int) -> list[tuple[Any, ...]]:
    n_runs = min(n_runs, len(items))
    bounds = [len(items) * number // n_runs for number in range(n_runs + 1)] if n_runs else [0]
    return [tuple(items[start:end]) for start, end in pairwise(bounds)]


def _span(items: Sequence[Item]) -> str:
    return items[0].id if len(items) == 1 else f"{items[0].id} … {items[-1].id}"
