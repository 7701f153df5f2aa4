"""Start-up time: the command line's help, and stages with nothing to do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.incremental import STAGES
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN, all_ids, cold_run, stages
from bench.measurements import Bound, Measurement
from bench.runner import OURS, Bench, seconds
from bench.side import Inputs, RunSpec

MOST_HELP_S, MOST_STAGE_S = 0.3, 1.0
N_INTERVIEWS = 20


def measure(bench: Bench) -> list[Measurement]:
    """Time whole processes from start to end."""
    step = [[UNDERTONE_RUN[0], "--help"]]
    help_side = RunSpec(OURS, "bench.commands:run", {"steps": step, "folder": ".", "warm_up": step})
    rows = [_row(bench, "startup help", "`undertone --help`", help_side, MOST_HELP_S)]
    folder = bench.folder / "startup"
    whole = crawled_projects.store(bench.folder, bench.size(N_INTERVIEWS, 12), progress=bench.progress)
    bench.run_once(
        RunSpec(OURS, "bench.commands:run", cold_run(whole, folder, all_ids(whole), stages(STAGES)), cores=N_CORES)
    )
    for stage in STAGES:
        side = RunSpec(OURS, "bench.commands:run", partial(_again, folder, stage), cores=N_CORES)
        what = f"`python -m undertone {stage}` with nothing to do"
        rows.append(_row(bench, f"startup {stage}", what, side, MOST_STAGE_S))
    return rows


def _row(bench: Bench, name: str, what: str, side: RunSpec, most_s: float) -> Measurement:
    times_s = seconds(bench.repeat(side))
    return Measurement(name, what, "seconds", times_s, Bound(most_s, "at most"), {OURS: times_s})


def _again(folder: Path, stage: str) -> Inputs:
    (step,) = stages([stage])
    return {"steps": [list(step)], "folder": str(folder), "warm_up": [list(step)]}
