"""The main job as a Prefect flow: interviews to a defended classifier, stage by stage, as dvc.yaml orders them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from flows import artifacts, shards
from flows.dag import Dag
from tasks import paths
from tasks.__main__ import run
from tasks.config import load

_POOL: list[TaskRunner[Any]] = []


Refresh = Annotated[bool, Field(description="Crawl even if the lists are unchanged: for new videos, and retries")]
Only = Annotated[list[str] | None, Field(description="Bring only these stages up to date; all if empty")]
_threads: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=8)


@flow(name="weak-supervision", task_runner=_threads)
def weak_supervision(refresh: Refresh = False, only: Only = None) -> None:
    """Crawl interviews, let lexicons vote on their captions, train a speech classifier, evaluate it and report."""
    dag = Dag()
    runs: dict[str, PrefectFuture[Any]] = {}
    with _worker_processes():
        for name in dag.stages():
            if only is None or name in only:
                before = [runs[needed] for needed in dag.upstream(name) if needed in runs]
                forced = refresh and name == "crawl"
                runs[name] = stage.with_options(task_run_name=name).submit(
                    name, forced, return_state=False, wait_for=before
                )
        for finished in runs.values():
            finished.wait()
    for finished in runs.values():
        finished.result()
    if only is None or "report" in only:
        artifacts.publish()


@task(name="stage")
def stage(name: str, forced: bool) -> State[Any] | None:
    """Run one stage unless DVC finds it current, and let DVC record it."""
    dag = Dag()
    if not forced and dag.is_current(name):
        return Completed(name="Current", message=f"{name}: inputs, parameters and outputs are as last recorded")
    config = load(paths.PARAMS)
    run(name, config, shards.mapped(_pool(), config.runtime.shards))
    dag.commit(name)
    get_run_logger().info("%s is done and recorded in dvc.lock", name)
    return None


@contextmanager
def _worker_processes() -> Iterator[None]:
    with ProcessPoolTaskRunner(max_workers=load(paths.PARAMS).runtime.workers or None) as runner:
        _POOL.append(runner)
        try:
            yield
        finally:
            _POOL.remove(runner)


def _pool() -> TaskRunner[Any]:
    # reached through a function: a task that names the pool itself cannot be sent to another process
    return _POOL[-1]


if __name__ == "__main__":
    weak_supervision()
