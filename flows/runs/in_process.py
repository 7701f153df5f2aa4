"""Stages in this very process, one after the other: DVC says what is current, and records what has been done.

What `dvc repro` does, without a process, its imports and its start for each stage of the weak path. Stages that take
moments are recorded together. The others, whose networks want memory of their own, and stages with commands of a
person's own, are left to DVC.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from flows.project import upgrade
from flows.project.dag import Dag, reproduce
from flows.runs import memory
from tasks.__main__ import LATE, explain, run
from tasks.core import paths
from tasks.core.config import load
from tasks.core.each import Tally, lasting
from tasks.core.errors import UndertoneError
from tasks.experiments.checkpoint_list import registered

_OWN_PROCESS = ("corpus", "extract", "experiment")
_UNRECORDED_S = 5.0
"""Stages that took less together are recorded with the next: should the run be killed, they are done again as fast."""


def bring_up_to_date(stages: Collection[str] = (), *, say: Callable[[str], None], force: bool = False) -> None:
    """Run stages and what they need, except for what is current.

    Args:
        stages: their names; none: all there are
        say: receives one line per stage, and one per file that was updated for this version
        force: run the named ones even if they are current; what they need stays as it is

    Raises:
        UndertoneError: if a stage failed, or is unknown; what was finished is kept
    """
    # params.yaml may lack keys of this version until then
    upgrade.bring_up_to_date(Path(), say)
    config = registered(load(paths.PARAMS))
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=say)
    dag.demand(stages)
    needed = set(stages) if force else {one for name in stages for one in dag.up_to(name)}
    with lasting(config.runtime, LATE) as each, _records(dag) as records:
        for name in [one for one in dag.stages() if one in needed or not stages]:
            # a stage of this process that reads what has changed is asked once, when it is held
            if not (force or (records.changed(name) and _is_here(dag, name))) and dag.is_current(name):
                say(f"{name}: current")
            elif _is_here(dag, name):
                work = partial(run, config=config, each=each, by="undertone run", waiting=say)
                say(f"{name}: {_run(records, name, work, force) or 'current'}")
            else:
                records.write()
                reproduce((name,), force=force, alone=True)


def _is_here(dag: Dag, name: str) -> bool:
    return name.partition("@")[0] not in _OWN_PROCESS and dag.command(name) == f"python -m tasks {name}"


class _Records:
    """Stages that have run and are not yet on record; until then they stay held."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self._ran = set[str]()
        self._waiting = list[str]()
        self._held = ExitStack()
        self._took_s = 0.0

    def changed(self, stage: str) -> bool:
        """Say whether a stage reads what one of this run has written."""
        return not self._ran.isdisjoint(self.dag.upstream(stage))

    def add(self, stage: str, held: ExitStack, took_s: float) -> None:
        """Take over a stage that has just run, and what holds it."""
        self._ran.add(stage)
        self._waiting.append(stage)
        self._held.push(held)
        self._took_s += took_s
        if self._took_s > _UNRECORDED_S:
            self.write()

    def write(self) -> None:
        """Put all that waits for it on record."""
        waiting, self._waiting, self._took_s = self._waiting, [], 0.0
        with self._held:
            if waiting:
                self.dag.commit(*waiting)


@contextmanager
def _records(dag: Dag) -> Iterator[_Records]:
    records = _Records(dag)
    try:
        yield records
    finally:
        records.write()


def _run(records: _Records, name: str, work: Callable[[str], Tally], force: bool) -> Tally | None:
    """Run one stage; return what it cost, or None if another run has done it meanwhile."""
    with ExitStack() as held:
        held.enter_context(records.dag.held(name))
        if not force and records.dag.is_current(name):
            return None
        started = time.monotonic()
        try:
            tally = work(name)
        except (UndertoneError, OSError) as error:
            if (message := explain(error)) is None:
                raise
            kept = "What was finished is kept; run again and it goes on from there"
            raise UndertoneError(f"{name}: {message}\n{kept}") from error
        finally:
            memory.give_back()
        records.add(name, held.pop_all(), time.monotonic() - started)
    return tally
