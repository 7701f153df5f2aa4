"""Stages as task runs: what DVC finds out of date is run, in DVC's order, and recorded; what is current is skipped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from prefect import get_run_logger, task
from prefect.client.schemas.objects import ConcurrencyLeaseHolder, State

# the task engine's own: the public one warns of every tag without a limit
from prefect.concurrency._sync import concurrency
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows import artifacts, memory, runners, shards
from flows.dag import Dag
from tasks import paths
from tasks.__main__ import explain, run
from tasks.config import Config, load
from tasks.each import Each
from tasks.errors import InputError, ItemFailed


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


def bring_up_to_date(wanted: Sequence[str], where: Where, *, forced: Collection[str] = ()) -> State[Any]:
    """Bring stages up to date, each as a task run of the flow at hand, independent ones at the same time.

    Args:
        wanted: the stages, each after those it needs
        where: where the work is done
        forced: stages to run even if they are current

    Returns:
        the state the flow ends in; a failed one says stage, item and reason first
    """
    log = get_run_logger()
    config = load(paths.PARAMS)
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=log.warning)
    if unknown := [name for name in wanted if name not in dag.stages()]:
        raise InputError(f"unknown stage {', '.join(unknown)}; the stages are {', '.join(dag.stages())}")
    _ask_for_limits(wanted)
    memory.use_one_heap()
    with runners.started(where.runner, where.scheduler, config.runtime) as runner:
        _at_hand.set(_Run(dag, config, shards.mapped(runner, config.runtime)))
        runs: dict[str, Any] = {}
        for name in wanted:
            before = [runs[needed] for needed in dag.upstream(name) if needed in runs]
            # one that could not run leaves no state of its own: those that need it say so themselves
            stage = task(name="stage", task_run_name=name, tags={name})(run_stage)
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


def _ask_for_limits(tags: Sequence[str]) -> None:
    """Learn at once which tags the server puts a limit on: asked while it records task runs, SQLite answers late."""
    for tag in tags:
        holder = ConcurrencyLeaseHolder(type="task_run", id=uuid4())
        with concurrency([f"tag:{tag}"], holder=holder, lease_duration=60, suppress_warnings=True):
            pass


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
            tally = run(name, at_hand.config, at_hand.each, by=f"flow run {flow_run.name}", waiting=log.warning)
            dag.commit(name)
    except Exception as error:
        # a person's mistake needs no traceback, and a bug does
        log.error("Stage %s failed: %s", name, error, exc_info=explain(error) is None)
        return Failed(message=_why(name, error))
    finally:
        memory.give_back()
    log.info("%s: %s; recorded in dvc.lock", name, tally)
    return Completed(message=str(tally))


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
