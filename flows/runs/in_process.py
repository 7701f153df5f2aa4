"""Run outdated stages in this process, one after the other, and record them in dvc.lock.

The result is that of `dvc repro`, without starting a process and importing libraries for every stage. Short stages are
recorded together. Stages that train or apply networks, which need memory of their own, and users' own commands run
through DVC in their own process.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

from flows.project import current_note, upgrade
from flows.project.dag import Dag, reproduce
from flows.runs import checked_recipes, memory, nothing_to_do
from tasks.__main__ import PRELOADED, bound_memo, command, explain, run
from tasks.core import code_version, locks, os_errors, paths, progress_log, workers
from tasks.core.config import Config, load
from tasks.core.each import Tally, lasting
from tasks.core.errors import UndertoneError
from tasks.experiments.checkpoint_list import registered
from tasks.fetching import crawl_items

_CODE, _CRAWL = "code", "crawl"
_NETWORKS = re.compile(r"^\s*(?:import|from) (?:torch|lightning|transformers)\b", re.MULTILINE)
_SHORT_S = 1.0
_UNRECORDED_S = 5.0
"""Stages that took less than this together are recorded with the next one; after a kill they only run again."""


def bring_up_to_date(
    stages: Collection[str] = (), *, say: Callable[[str], None], force: bool = False, everything: bool = False
) -> None:
    """Run outdated stages and the stages they need.

    Args:
        stages: their names; if empty, those of the interviews' report
        say: receives one line per stage, and one per file that was updated for this version
        force: run the named stages even if they are current, and of those they need only the digests of the code
        everything: run all stages

    Raises:
        UndertoneError: if a stage failed or is unknown; finished items and stages are kept
    """
    progress_log.on_a_terminal()
    # first, since params.yaml of an older version may lack keys
    upgrade.bring_up_to_date(Path(), say)
    config = registered(load(paths.PARAMS))
    if paths.VIDEOS.exists() and not paths.INTERVIEWS.exists() and config.runtime.workers != 1:
        # the first run after a crawl: while DVC reads the project
        workers.start_forking((workers.FORKED, *PRELOADED))
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=say)
    dag.demand(stages)
    wanted = set(stages) or set(dag.stages() if everything else dag.of_interviews())
    # every stage depends on the digests of the code, which a new project does not have yet
    needed = {_CODE, *wanted} if force else {needed for name in stages for needed in dag.up_to(name)} or wanted
    if _CRAWL in needed and not paths.VIDEOS.exists():
        # while the code is digested
        workers.start_forking(crawl_items.IMPORTED)
    order = [stage for stage in dag.stages() if stage in needed]
    # what has been imported and read so far stays: it is not searched for garbage after every long stage
    gc.freeze()
    n_done = 0
    watch = current_note.FileWatch(dag.watched(order))
    with lasting(config.runtime, PRELOADED) as driver, _records(dag, watch) as records:
        for name in order:
            forced = force and name in wanted
            # if its inputs were just written, `_run` and DVC ask once, after locking; asking here too costs time
            if not (forced or records.changed(name)) and dag.is_current(name):
                locks.forget(name)
                say(f"{name}: current")
                continue
            checked_recipes.demand(dag, name, needed, config)
            if _runs_here(dag, name, config):
                work = partial(run, config=config, each=driver, by="undertone run", waiting=say)
                tally = _run(records, name, work, forced)
                n_done += tally.done if tally else 0
                say(f"{name}: {tally or 'current'}")
            else:
                records.write()
                say(f"{name}: in a process of its own")
                reproduce((name,), force=forced, alone=True)
    if n_done:
        bound_memo(config.runtime.memo_max_bytes)
    if note := nothing_to_do.note_name(stages, everything=everything):
        watch.note(note, order)


def _runs_here(dag: Dag, name: str, config: Config) -> bool:
    word, _, instance = name.partition("@")
    if dag.command(name) != command(name):
        return False
    if word not in ("extract", "experiment"):
        return True
    try:
        plugins = import_module(f"{code_version.PACKAGE}.stages.{word}").plugins(config, instance)
    except UndertoneError:
        # the stage reports it
        return True
    files = {path for plugin in plugins for path in code_version.files(plugin)}
    return not any(_NETWORKS.search((code_version.ROOT / path).read_text(encoding="utf-8")) for path in files)


class _Records:
    """Stages that have run and are not recorded yet; they stay locked until they are."""

    def __init__(self, dag: Dag, watch: current_note.FileWatch) -> None:
        self.dag = dag
        self._watch = watch
        self._ran = set[str]()
        self._pending = list[str]()
        self._locks = ExitStack()
        self._took_s = 0.0

    def changed(self, stage: str) -> bool:
        """Return whether a stage reads the output of one that ran in this call."""
        return not self._ran.isdisjoint(self.dag.upstream(stage))

    def add(self, stage: str, locks: ExitStack, took_s: float) -> None:
        """Add a stage that has just run, with its locks and its time in seconds."""
        self._ran.add(stage)
        self._pending.append(stage)
        self._locks.push(locks)
        self._took_s += took_s
        if self._took_s > _UNRECORDED_S:
            self.write()

    def write(self) -> None:
        """Record all pending stages and release their locks."""
        pending, self._pending, self._took_s = self._pending, [], 0.0
        with self._locks:
            if pending:
                self._watch.recorded(self.dag.commit(*pending))


@contextmanager
def _records(dag: Dag, watch: current_note.FileWatch) -> Iterator[_Records]:
    records = _Records(dag, watch)
    try:
        yield records
    finally:
        records.write()


def _run(records: _Records, name: str, work: Callable[[str], Tally], force: bool) -> Tally | None:
    """Run one stage and return its counts, or None if another run has done it meanwhile."""
    with ExitStack() as locks:
        locks.enter_context(records.dag.held(name))
        if not force and records.dag.is_current(name):
            return None
        started = time.monotonic()
        try:
            tally = work(name)
        except Exception as error:
            if (message := explain(error)) is None:
                raise
            kept = "" if os_errors.KEPT in message else "\nFinished items are kept; the next run continues from there"
            raise UndertoneError(f"{name}: {message}{kept}") from error
        finally:
            # collecting garbage takes 0.1 s: short stages leave little of it
            if time.monotonic() - started > _SHORT_S:
                memory.release()
        records.add(name, locks.pop_all(), time.monotonic() - started)
    return tally
