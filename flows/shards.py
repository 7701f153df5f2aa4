"""The flow's way to map a step over its items: the same function, decorated where it is called, a shard a task run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.each import Each, Item, Outcome, Work, do

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

MOST_SHARDS = 200


def do_shard(work: Work, items: Sequence[Item]) -> list[Outcome]:
    """Do one shard's items, one after the other."""
    return [do(work, item) for item in items]


def cut(items: Sequence[Item], shards: int) -> list[Sequence[Item]]:
    """Cut items into at most so many runs of near-equal length, in order; no shard is empty."""
    n_shards = min(shards, MOST_SHARDS, len(items))
    bounds = [len(items) * number // n_shards for number in range(n_shards + 1)] if n_shards else [0]
    return [items[start:end] for start, end in pairwise(bounds)]


def mapped(runner: TaskRunner[Any], shards: int) -> Each:
    """Return an `each` that submits shards of items to a task runner."""

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        parts = cut(items, shards)
        futures = [
            runner.submit(
                task(
                    name=f"{work.stage} shard",
                    task_run_name=f"{work.stage} {number} of {len(parts)}: {_span(part)}",
                    tags={work.stage},
                    retries=2,
                    retry_delay_seconds=[5, 30],
                )(do_shard),
                {"work": work, "items": part},
            )
            for number, part in enumerate(parts, 1)
        ]
        for future in futures:
            yield from future.result()

    return each


def _span(items: Sequence[Item]) -> str:
    return items[0].id if len(items) == 1 else f"{items[0].id} … {items[-1].id}"
