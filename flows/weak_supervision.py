"""Prefect flow of the main pipeline: from interviews to an evaluated classifier, in the order of dvc.yaml."""

from __future__ import annotations

import sys
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.task_runners import ThreadPoolTaskRunner

from flows.runs import run_names
from flows.runs.pipeline import RunOptions, bring_up_to_date, project_dag, reporting_mistakes
from flows.runs.runners import Kind

MAX_HOURS = 20


@flow(
    name="weak-supervision",
    flow_run_name=run_names.of_this_run,
    task_runner=ThreadPoolTaskRunner(max_workers=32),  # type: ignore[arg-type]
    timeout_seconds=MAX_HOURS * 3600,
)
@reporting_mistakes
def weak_supervision(
    refresh: bool = False,
    only: list[str] | None = None,
    runner: Kind = "processes",
    scheduler: str | None = None,
    push: bool = True,
) -> State[Any]:
    """Crawl interviews, label captions by lexicon votes, train a speech classifier, evaluate it and write the report.

    Args:
        refresh: Crawl even if the lists are unchanged, for new videos in playlists, and failures that may pass.
        only: Bring only these stages up to date; all if empty.
        runner: Where items are processed: threads or processes of the worker's machine, or Dask workers.
        scheduler: Address of the Dask scheduler, such as tcp://10.0.0.5:8786; for the runner dask only.
        push: Push new outputs to DVC's default remote if one is configured.
    """
    dag = project_dag()
    wanted = tuple(only) if only else dag.of_interviews()
    forced = ("crawl",) if refresh and "crawl" in wanted else ()
    return bring_up_to_date(dag, wanted, RunOptions(runner, scheduler, push), forced=forced)


if __name__ == "__main__":
    try:
        weak_supervision()
    except FailedRun as error:
        sys.exit(f"weak-supervision: {error}")
