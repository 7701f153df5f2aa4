"""Run stages as Prefect task runs, in DVC's order: outdated stages run and are recorded, current ones are skipped."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from prefect import get_client, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.utilities.annotations import allow_failure

from flows.project import upgrade
from flows.project.dag import Dag
from flows.runs import artifacts, batches, checked_recipes, memory, run_summary, runners
from tasks.__main__ import bound_memo, command, explain, run
from tasks.core import locks, paths
from tasks.core.config import Config, load
from tasks.core.each import Each
from tasks.core.errors import UndertoneError
from tasks.experiments.checkpoint_list import registered

_MAX_LIMITS = 200


@dataclass(frozen=True)
class RunOptions:
    """Options of a flow run: where batches run, Dask's address, and whether to push new outputs to DVC's remote."""

    runner: runners.Kind
    scheduler: str | None
    push: bool


@dataclass(frozen=True)
class _Run:
    """Shared by the stages of one flow run.

    `causes`: each stage that has ended → "", or the failed stage because of which it has no result: itself or one
    before it.
    """

    dag: Dag
    config: Config
    driver: Each
    wanted: Sequence[str]
    causes: dict[str, str] = field(default_factory=dict)


# looked up at run time: a task is pickled with its closure, and this object must not be
_current_run: ContextVar[_Run] = ContextVar("_current_run")


def reporting_mistakes(function: Callable[..., State[Any]]) -> Callable[..., State[Any]]:
    """Return a flow's function that ends as failed with one message, and no traceback, at a mistake of the user's.

    Args:
        function: of the flow
    """

    @wraps(function)
    def run_flow(*args: Any, **options: Any) -> State[Any]:
        try:
            return function(*args, **options)
        except UndertoneError as error:
            get_run_logger().error("%s", error)
            return Failed(message=str(error))

    # Prefect cannot resolve the names of types in another module's function
    run_flow.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return run_flow


def project_dag() -> Dag:
    """Bring the flow's project up to this version and return its DAG; updates and waits go to the run's log."""
    log = get_run_logger().warning
    return Dag(wait_s=registered(upgrade.settings(log)).runtime.lock_wait_s, waiting=log)


def bring_up_to_date(
    dag: Dag, wanted: Sequence[str], options: RunOptions, *, forced: Collection[str] = ()
) -> State[Any]:
    """Bring stages up to date, each as a task run of the calling flow; independent ones run at the same time.

    Args:
        dag: the project's DAG
        wanted: names of stages, each after those it needs
        options: runner, scheduler and push
        forced: stages to run even if they are current

    Returns:
        the final state of the flow; the message of a failed one begins with stage, item and reason
    """
    config = load(paths.PARAMS)
    dag.demand(wanted)
    before_run = run_summary.snapshot(wanted)
    memory.prepare()
    with runners.started(options.runner, options.scheduler, config.runtime) as runner:
        _current_run.set(_Run(dag, config, batches.mapped(runner, config.runtime, _limited(wanted)), wanted))
        runs: dict[str, Any] = {}
        for name in wanted:
            # Prefect leaves a task run after a failed one pending for ever, so a stage starts anyway and skips itself
            before = [allow_failure(runs[needed]) for needed in dag.upstream(name) if needed in runs]
            stage = task(name="stage", task_run_name=name)(_run_stage)
            runs[name] = stage.submit(name, name in forced, return_state=False, wait_for=before)
        for future in runs.values():
            future.wait()
    states = {name: future.state for name, future in runs.items()}
    if any(state.name != "Current" for state in states.values()):
        artifacts.publish(dag, wanted)
        bound_memo(config.runtime.memo_max_bytes)
    after_run = run_summary.snapshot(wanted)
    failed = [state.message or name for name, state in states.items() if state.is_failed() or state.is_crashed()]
    if failed:
        changed = run_summary.changes(before_run, after_run)
        skipped = [name for name, state in states.items() if state.name == "Skipped"]
        more = {"Skipped": ", ".join(skipped), "Changed": changed}
        return Failed(message="\n".join([*failed, *(f"{head}: {text}" for head, text in more.items() if text)]))
    if options.push and (pushed := _push(dag, config)) is not None and pushed.is_failed():
        return Failed(message=pushed.message)
    current = sum(state.name == "Current" for state in states.values())
    counts = {"n_run": len(states) - current, "n_current": current}
    return Completed(message=run_summary.message(before_run, after_run, **counts))


def _limited(stages: Sequence[str]) -> frozenset[str]:
    """Return the stages for which the server has a concurrency limit `tag:STAGE`.

    Only their batches get the stage's name as a tag: Prefect asks the server for a slot for every tag of a task run,
    and SQLite answers seconds late while it records other task runs.
    """
    with get_client(sync_client=True) as client:
        limits = {limit.name for limit in client.read_global_concurrency_limits(limit=_MAX_LIMITS)}
    return frozenset(stage for stage in stages if f"tag:{stage}" in limits)


def _run_stage(name: str, forced: bool) -> State[Any]:
    """Run one stage and record it in dvc.lock, unless it is current or needs a stage that failed."""
    current_run = _current_run.get()
    needed = [before for before in current_run.dag.upstream(name) if before in current_run.wanted]
    # a stage that crashed is missing among the causes
    cause = next((cause for before in needed if (cause := current_run.causes.get(before, before))), "")
    if cause:
        current_run.causes[name] = cause
        # of another type, Prefect would leave the stages after it pending
        return Completed(name="Skipped", message=f"needs {cause}, which failed")
    state = _outcome(name, forced, current_run)
    current_run.causes[name] = name if state.is_failed() else ""
    return state


def _outcome(name: str, forced: bool, current_run: _Run) -> State[Any]:
    log, dag = get_run_logger(), current_run.dag
    try:
        if not forced and dag.is_current(name):
            return _current(name)
        checked_recipes.demand(dag, name, current_run.wanted, current_run.config)
        with dag.held(name):
            # another run may have done it during the wait for the lock
            if not forced and dag.is_current(name):
                return _current(name)
            try:
                summary = _work(name, current_run, log.warning)
            finally:
                memory.release()
            dag.commit(name)
    except Exception as error:
        # only a bug needs a traceback
        log.error("Stage %s failed: %s", name, error, exc_info=explain(error) is None)
        return Failed(message=_message(name, error))
    log.info("%s: %s; recorded in dvc.lock", name, summary)
    return Completed(message=summary)


def _work(name: str, current_run: _Run, warn: Callable[[str], None]) -> str:
    """Run a stage and return a summary: shipped stages in batches, a user's own by their command."""
    if current_run.dag.command(name) != command(name):
        current_run.dag.execute(name)
        return "its command has run"
    return str(run(name, current_run.config, current_run.driver, by=f"flow run {flow_run.name}", waiting=warn))


def _current(name: str) -> State[Any]:
    locks.forget(name)
    return Completed(name="Current", message=f"{name}: inputs, parameters and outputs are unchanged since the last run")


def _message(name: str, error: Exception) -> str:
    return f"{name}: {explain(error) or f'{type(error).__name__}: {error}'}"


def _push(dag: Dag, config: Config) -> State[Any] | None:
    remote = dag.remote()
    if remote is None:
        return None

    def push() -> State[Any]:
        try:
            return Completed(message=f"{dag.push()} files copied to the remote {remote!r}")
        except Exception as error:
            get_run_logger().error("dvc push failed: %s", error)
            return Failed(message=_message("push", error))

    delays_s = list(config.runtime.retry_delays_s)
    run_push = task(name="push", task_run_name="push", retries=len(delays_s), retry_delay_seconds=delays_s)(push)
    state: State[Any] = run_push(return_state=True)
    return state
