"""Make receipts of scores from DVC's and git's state, and check them: fetch inputs, run the stages again, compare."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.project import git_history, stage_state
from flows.project.dag import Dag
from flows.runs import in_process
from tasks.core import code_version, distribution, locks, memo, paths
from tasks.core.config import Config
from tasks.core.errors import InputError, NotEnoughData
from tasks.on_demand.receipts import comparison, record
from tasks.on_demand.receipts.comparison import Verdict
from tasks.on_demand.receipts.record import Record

_FETCHED = ("crawl",)
"""Stages whose outputs are fetched instead of made again: the web changes."""
_LEFT_OUT = ("code",)
"""The digests of the code are parameters of every stage; the stage that computes them reads nothing else."""


def make(names: Sequence[str], config: Config, *, say: Callable[[str], None], stored: bool = True) -> Record:
    """Return the record of experiments.

    Args:
        names: of experiments
        config: all settings
        say: receives a message if another process has to be waited for
        stored: whether stages must be current

    Raises:
        InputError: if an experiment has no results
        NotEnoughData: if its results are not those of the current inputs, parameters and code
    """
    experiments = {name: record.experiment(name) for name in names}
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=say)
    stages = needed(dag, names)
    outdated = next((stage for stage in stages if not dag.is_current(stage)), None) if stored else None
    if outdated is not None:
        raise NotEnoughData(
            f"{', '.join(names)}: the results are not those of what is here now: {outdated} is outdated "
            f"({', '.join(dag.changes(outdated)[:3])}). Run it first: undertone experiment run {' '.join(names)}"
        )
    made = {
        "format": record.FORMAT,
        "created": datetime.now(UTC).date().isoformat(),
        "software": _software(),
        "project": git_history.state(Path()),
        "platform": record.machine(),
        "packages": record.packages(),
        "stages": stage_state.read(Path(), stages),
        "experiments": experiments,
        "files": record.files(names),
    }
    # as it is read back: a receipt is compared with it
    result: Record = json.loads(json.dumps(made))
    return result


def needed(dag: Dag, names: Sequence[str]) -> list[str]:
    """Return the stages behind the scores of experiments, each after those it needs.

    Args:
        dag: of the project
        names: of experiments
    """
    wanted = {stage for name in names for stage in dag.up_to(f"experiment@{name}")}
    return [stage for stage in dag.stages() if stage in wanted and stage not in _LEFT_OUT]


def verify(receipt: Record, config: Config, *, stored: bool, say: Callable[[str], None]) -> Verdict:
    """Compare a receipt with this project.

    Args:
        receipt: its record
        config: all settings
        stored: compare what is there, and run nothing
        say: receives messages about the run

    Raises:
        InputError: if params.yaml lacks an experiment
    """
    names = list(receipt["experiments"])
    if missing := [name for name in names if name not in config.experiments]:
        raise InputError(
            f"params.yaml has no experiment {', '.join(missing)}; check out the revision of the receipt: git checkout "
            f"{receipt['project']['revision'] or '…'}"
        )
    # before the run, which writes dvc.lock
    project = git_history.state(Path())
    dag = Dag(wait_s=config.runtime.lock_wait_s, waiting=say)
    stages = needed(dag, names)
    if not stored:
        _fetch(receipt, stages, say)
        # the inputs first: with others, running everything again would only take time
        before = stage_state.read(Path(), [stage for stage in stages if stage in receipt["stages"]])
        early = _of_inputs(receipt, before, project)
        if early.failures:
            return early
        _run(dag, stages, config, say)
    actual = make(names, config, say=say, stored=False)
    return comparison.compare(receipt, {**actual, "project": project})


def _of_inputs(receipt: Record, before: dict[str, Any], project: dict[str, Any]) -> Verdict:
    """Compare parameters, inputs from outside and fetched files, before anything runs."""
    stages = {
        name: {**stage, "outputs": stage["outputs"] if name in _FETCHED else {}}
        for name, stage in receipt["stages"].items()
    }
    outside = comparison.sources(receipt["stages"])
    stages = {
        name: {**stage, "inputs": {path: digest for path, digest in stage["inputs"].items() if path in outside}}
        for name, stage in stages.items()
    }
    about = {**receipt, "stages": stages, "experiments": {}, "files": {}}
    here = {
        **about,
        "software": _software(),
        "project": project,
        "platform": record.machine(),
        "packages": record.packages(),
        "stages": before,
    }
    return comparison.compare(about, here)


def _fetch(receipt: Record, stages: Sequence[str], say: Callable[[str], None]) -> None:
    """Fetch the outputs of the crawl, from the cache or a remote, unless they are here."""
    for name in (name for name in _FETCHED if name in stages):
        here = stage_state.read(Path(), [name])[name]["outputs"]
        if here != receipt["stages"][name]["outputs"]:
            say(f"{name}: {stage_state.pull(Path(), name)}")


def _run(dag: Dag, stages: Sequence[str], config: Config, say: Callable[[str], None]) -> None:
    """Run the stages again without cached results; those that are fetched only if nothing could be fetched."""
    state = stage_state.read(Path(), stages)
    absent = [name for name in stages if name in _FETCHED and None in state[name]["outputs"].values()]
    again = [name for name in stages if name not in _FETCHED or name in absent]
    with _without_memo(config, say):
        in_process.bring_up_to_date(again, say=say, force=True)


@contextmanager
def _without_memo(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    """Set the cached results aside: what is verified must be computed, not read. They come back afterwards."""
    aside = paths.MEMO.with_name("memo-aside")
    with locks.alone(memo.LOCK, "undertone verify", wait_s=config.runtime.lock_wait_s, waiting=say):
        if aside.exists():
            # of a verification that was killed
            shutil.rmtree(paths.MEMO, ignore_errors=True)
        elif paths.MEMO.exists():
            paths.MEMO.rename(aside)
    try:
        yield
    finally:
        if aside.exists():
            shutil.rmtree(paths.MEMO, ignore_errors=True)
            aside.rename(paths.MEMO)


def _software() -> dict[str, Any]:
    # an installed package may lie in the repository of something else
    revision = {"revision": None, "changed": []} if code_version.IN_WHEEL else git_history.state(code_version.ROOT)
    return {"name": distribution.NAME, "version": distribution.version(), **revision}
