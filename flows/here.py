"""Stages in this very process, one after the other: DVC says what is current, and records what has been done.

What `dvc repro` does, without a process, its imports and its start for each stage of the weak path. The others, whose
networks want memory of their own, and stages with commands of a person's own, are left to DVC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from flows import memory
from flows.dag import Dag, reproduce
from tasks import paths
from tasks.__main__ import STAGES, explain, run
from tasks.config import load
from tasks.each import Tally, lasting
from tasks.errors import UndertoneError


def bring_up_to_date(stages: Collection[str] = (), *, say: Callable[[str], None], force: bool = False) -> None:
    """Run stages and what they need, except for what is current.

    Args:
        stages: their names; none: all there are
        say: told of each stage what was done
        force: run the named ones even if they are current; what they need stays as it is

    Raises:
        UndertoneError: if a stage failed, or is unknown; what was finished is kept
    """
    config = load(paths.PARAMS)
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=say)
    dag.demand(stages)
    needed = set(stages) if force else {one for name in stages for one in dag.up_to(name)}
    with lasting(config.runtime) as each:
        for name in [one for one in dag.stages() if one in needed or not stages]:
            if not force and dag.is_current(name):
                say(f"{name}: current")
            elif name in STAGES and dag.command(name) == f"python -m tasks {name}":
                tally = _run(dag, name, partial(run, config=config, each=each, by="undertone run", waiting=say), force)
                say(f"{name}: {tally or 'current'}")
            else:
                reproduce((name,), force=force, alone=True)


def _run(dag: Dag, name: str, work: Callable[[str], Tally], force: bool) -> Tally | None:
    """Run one stage and record it; return what it cost, or None if another run has done it meanwhile."""
    with dag.held(name):
        if not force and dag.is_current(name):
            return None
        try:
            tally = work(name)
        except (UndertoneError, OSError) as error:
            if (message := explain(error)) is None:
                raise
            kept = "What was finished is kept; run again and it goes on from there"
            raise UndertoneError(f"{name}: {message}\n{kept}") from error
        finally:
            memory.give_back()
        dag.commit(name)
    return tally
