"""The main job as a Prefect flow: interviews to a defended classifier, stage by stage, as dvc.yaml orders them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.dag import Dag
from flows.pipeline import Where, bring_up_to_date
from flows.runners import Kind

MOST_HOURS = 20

Refresh = Annotated[bool, Field(description="Crawl even if the lists are unchanged: for new videos, and retries")]
Only = Annotated[list[str] | None, Field(description="Bring only these stages up to date; all if empty")]
Runner = Annotated[Kind, Field(description="Where shards run: threads or processes of this machine, or Dask's workers")]
Scheduler = Annotated[
    str | None, Field(description="Address of the Dask scheduler, such as tcp://10.0.0.5:8786; with runner dask alone")
]
Push = Annotated[bool, Field(description="Copy what is new to DVC's default remote, where one is configured")]


@flow(
    name="weak-supervision",
    task_runner=ThreadPoolTaskRunner(max_workers=32),  # type: ignore[arg-type]
    timeout_seconds=MOST_HOURS * 3600,
)
def weak_supervision(
    refresh: Refresh = False,
    only: Only = None,
    runner: Runner = "processes",
    scheduler: Scheduler = None,
    push: Push = True,
) -> State[Any]:
    """Crawl interviews, let lexicons vote on their captions, train a speech classifier, evaluate it and report."""
    wanted = Dag().up_to("report") if not only else tuple(only)
    return bring_up_to_date(
        wanted, Where(runner, scheduler, push), forced=("crawl",) if refresh and "crawl" in wanted else ()
    )


if __name__ == "__main__":
    try:
        weak_supervision()
    except FailedRun as error:
        sys.exit(f"weak-supervision: {error}")
