"""Stages as task runs: what DVC finds out of date is run, in DVC's order, and recorded; what is current is skipped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from prefect import get_client, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.project import upgrade
from flows.project.dag import Dag
from flows.runs import artifacts, memory, runners, shards
from tasks.__main__ import explain, run
from tasks.core import paths
from tasks.core.config import Config, load
from tasks.core.each import Each
from tasks.core.errors import ItemFailed
from tasks.experiments.checkpoint_list import registered

_MOST_LIMITS = 200


@dataclass(frozen=True)
class Where:
    """Where a flow's shards run, and whether what is new goes to DVC's remote."""

    runner: runners.Kind
    scheduler: str | None
    push: bool


@dataclass(frozen=True)
class _Run:
    """What the stages of one flow run share."""

    dag: Dag
    config: Config
    each: Each


# reached by name: a task travels to another machine with its parent, and what that holds would have to travel too
_at_hand: ContextVar[_Run] = ContextVar("_at_hand")


def dag_at_hand() -> Dag:
    """Return the DAG of the flow's project, brought up to date; updates and waits are logged in the run's log."""
    log = get_run_logger().warning
    return Dag(wait_s=registered(upgrade.settings(log)).runtime.lock_wait_s, waiting=log)


def bring_up_to_date(dag: Dag, wanted: Sequence[str], where: Where, *, forced: Collection[str] = ()) -> State[Any]:
    """Bring stages up to date, each as a task run of the flow at hand, independent ones at the same time.

    Args:
        dag: the DAG they are of
        wanted: the stages, each after those it needs
        where: where the work is done
        forced: stages to run even if they are current

    Returns:
        the state the flow ends in; a failed one says stage, item and reason first
    """
    config = load(paths.PARAMS)
    dag.demand(wanted)
    memory.use_one_heap()
    with runners.started(where.runner, where.scheduler, config.runtime) as runner:
        _at_hand.set(_Run(dag, config, shards.mapped(runner, config.runtime, _limited(wanted))))
        runs: dict[str, Any] = {}
        for name in wanted:
            before = [runs[needed] for needed in dag.upstream(name) if needed in runs]
            # one that could not run leaves no state of its own: those that need it say so themselves
            stage = task(name="stage", task_run_name=name)(run_stage)
            runs[name] = stage.submit(name, name in forced, return_state=False, wait_for=before)
        for future in runs.values():
            future.wait()
    states = {name: future.state for name, future in runs.items()}
    if any(state.name != "Current" for state in states.values()):
        artifacts.publish(dag, wanted)
    failed = [state.message or name for name, state in states.items() if state.is_failed()]
    if failed:
        return Failed(message="\n".join(failed))
    if where.push and (pushed := _push(dag, config)) is not None and pushed.is_failed():
        return Failed(message=pushed.message)
    current = sum(state.name == "Current" for state in states.values())
    return Completed(message=f"{len(states) - current} stages run, {current} current")


def _limited(stages: Sequence[str]) -> frozenset[str]:
    """Return the stages for which the server has a limit `tag:STAGE`.

    Only their shards carry the stage's word as a tag: for every tag of a task run the server is asked for a slot, and
    SQLite, asked while it records other task runs, answers seconds late.
    """
    with get_client(sync_client=True) as client:
        limits = {limit.name for limit in client.read_global_concurrency_limits(limit=_MOST_LIMITS)}
    return frozenset(stage for stage in stages if f"tag:{stage}" in limits)


def run_stage(name: str, forced: bool) -> State[Any]:
    """Run one stage unless DVC finds it current, and let DVC record it."""
    log = get_run_logger()
    at_hand = _at_hand.get()
    dag = at_hand.dag
    try:
        if not forced and dag.is_current(name):
            return _current(name)
        with dag.held(name):
            # another run may have done it while this one waited
            if not forced and dag.is_current(name):
                return _current(name)
            try:
                summary = _work(name, at_hand, log.warning)
            finally:
                memory.give_back()
            dag.commit(name)
    except Exception as error:
        # a person's mistake needs no traceback, and a bug does
        log.error("Stage %s failed: %s", name, error, exc_info=explain(error) is None)
        return Failed(message=_why(name, error))
    log.info("%s: %s; recorded in dvc.lock", name, summary)
    return Completed(message=summary)


def _work(name: str, at_hand: _Run, warn: Callable[[str], None]) -> str:
    """Run a stage and return what to report: shipped ones as batches of the runner, a user's own as DVC runs them."""
    if at_hand.dag.command(name) != f"python -m tasks {name}":
        at_hand.dag.execute(name)
        return "its command has run"
    return str(run(name, at_hand.config, at_hand.each, by=f"flow run {flow_run.name}", waiting=warn))


def _current(name: str) -> State[Any]:
    return Completed(name="Current", message=f"{name}: inputs, parameters and outputs are as last recorded")


def _why(name: str, error: Exception) -> str:
    if isinstance(error, ItemFailed):
        return str(error)
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
            return Failed(message=_why("push", error))

    delays_s = list(config.runtime.retry_delays_s)
    run_push = task(name="push", task_run_name="push", retries=len(delays_s), retry_delay_seconds=delays_s)(push)
    state: State[Any] = run_push(return_state=True)
    return state
