"""The main job as a Prefect flow: interviews to a defended classifier, stage by stage, as dvc.yaml orders them."""

from __future__ import annotations

import sys
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.task_runners import ThreadPoolTaskRunner

from flows.runs.pipeline import Where, bring_up_to_date, dag_at_hand
from flows.runs.runners import Kind

MOST_HOURS = 20


@flow(
    name="weak-supervision",
    task_runner=ThreadPoolTaskRunner(max_workers=32),  # type: ignore[arg-type]
    timeout_seconds=MOST_HOURS * 3600,
)
def weak_supervision(
    refresh: bool = False,
    only: list[str] | None = None,
    runner: Kind = "processes",
    scheduler: str | None = None,
    push: bool = True,
) -> State[Any]:
    """Crawl interviews, let lexicons vote on their captions, train a speech classifier, evaluate it and report.

    Args:
        refresh: Crawl even if the lists are unchanged: for new videos in playlists, and for what failed for now.
        only: Bring only these stages up to date; all if empty.
        runner: Where shards run: threads or processes of the worker's machine, or the workers of a Dask scheduler.
        scheduler: Address of the Dask scheduler, such as tcp://10.0.0.5:8786; with runner dask alone.
        push: Copy what is new to DVC's default remote, where one is configured.
    """
    dag = dag_at_hand()
    wanted = dag.up_to("report") if not only else tuple(only)
    forced = ("crawl",) if refresh and "crawl" in wanted else ()
    return bring_up_to_date(dag, wanted, Where(runner, scheduler, push), forced=forced)


if __name__ == "__main__":
    try:
        weak_supervision()
    except FailedRun as error:
        sys.exit(f"weak-supervision: {error}")
