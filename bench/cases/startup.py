"""How long one waits for nothing: the command line's help, and a stage whose every item is known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled
from bench.cases.incremental import STAGES
from bench.cases.weak_path import DOOR, N_CORES, all_ids, cold, stages
from bench.method import OURS, Bench, seconds
from bench.rows import Row, Target
from bench.side import Given, Side

MOST_HELP_S, MOST_STAGE_S = 0.3, 1.0
N_INTERVIEWS = 20


def measure(bench: Bench) -> list[Row]:
    """Time whole processes, from start to end."""
    step = [[DOOR[0], "--help"]]
    help_ = Side(OURS, "bench.commands:run", {"steps": step, "folder": ".", "warm_up": step})
    rows = [_row(bench, "startup help", "`undertone --help`", help_, MOST_HELP_S)]
    folder = bench.folder / "startup"
    whole = crawled.store(bench.folder, bench.size(N_INTERVIEWS, 12), tell=bench.tell)
    bench.once(Side(OURS, "bench.commands:run", cold(whole, folder, all_ids(whole), stages(STAGES)), cores=N_CORES))
    for stage in STAGES:
        side = Side(OURS, "bench.commands:run", partial(_again, folder, stage), cores=N_CORES)
        what = f"`python -m tasks {stage}` with nothing to do"
        rows.append(_row(bench, f"startup {stage}", what, side, MOST_STAGE_S))
    return rows


def _row(bench: Bench, name: str, what: str, side: Side, most_s: float) -> Row:
    took = seconds(bench.repeat(side))
    return Row(name, what, "seconds", took, Target(most_s, "at most"), {OURS: took})


def _again(folder: Path, stage: str) -> Given:
    (step,) = stages([stage])
    return {"steps": [list(step)], "folder": str(folder), "warm_up": [list(step)]}
