"""Prefect flow of the experiments: all stages of dvc.yaml but those of the interviews' report."""

from __future__ import annotations

import sys
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.runs import run_names
from flows.runs.pipeline import RunOptions, bring_up_to_date, project_dag, reporting_mistakes
from flows.runs.runners import Kind
from tasks.core import paths
from tasks.core.config import load
from tasks.core.errors import InputError
from tasks.experiments import plan

MAX_HOURS = 100


@flow(
    name="corpus-benchmark",
    flow_run_name=run_names.of_this_run,
    task_runner=ThreadPoolTaskRunner(max_workers=32),  # type: ignore[arg-type]
    timeout_seconds=MAX_HOURS * 3600,
)
@reporting_mistakes
def corpus_benchmark(
    experiments: list[str] | None = None,
    runner: Kind = "processes",
    scheduler: str | None = None,
    push: bool = True,
) -> State[Any]:
    """Bring corpora, features and experiments up to date, each under its protocol.

    Args:
        experiments: Bring only these experiments of params.yaml, and what they need, up to date; all if empty.
        runner: Where items are processed: threads or processes of the worker's machine, or Dask workers.
        scheduler: Address of the Dask scheduler, such as tcp://10.0.0.5:8786; for the runner dask only.
        push: Push new outputs to DVC's default remote if one is configured.
    """
    dag = project_dag()
    # check recipes before corpora are read, which takes longer
    config = load(paths.PARAMS)
    plan.demand(config)
    if unknown := sorted(set(experiments or ()) - set(config.experiments)):
        raise InputError(
            f"params.yaml has no experiment {', '.join(unknown)}; it has {', '.join(config.experiments) or 'none'}"
        )
    needed = {before for name in experiments or () for before in dag.up_to(f"page@{name}")}
    wanted = [name for name in dag.stages() if name in needed] or dag.of_experiments()
    if not wanted:
        return Completed(
            name="Nothing",
            message="params.yaml has no corpus or experiment beside those of the interviews' report; add a corpus: "
            "undertone corpus add NAME PATH",
        )
    return bring_up_to_date(dag, wanted, RunOptions(runner, scheduler, push))


if __name__ == "__main__":
    try:
        corpus_benchmark()
    except FailedRun as error:
        sys.exit(f"corpus-benchmark: {error}")
