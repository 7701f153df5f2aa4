"""Time for ten additional interviews in a project of a thousand, and for runs of it with nothing to do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.growth import stored
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN, cold_run
from bench.commands import PYTHON
from bench.measurements import Bound, Measurement
from bench.runner import OURS, Bench, Pairs, seconds
from bench.side import Inputs, RunSpec

N_BEFORE, N_MORE = 1_000, 10
MOST_SHARE = 0.03
NOTHING_TO_DO = {"undertone run": (UNDERTONE_RUN, 1.0), "dvc repro": ((PYTHON, "-m", "dvc", "repro"), 1.5)}
"""Command → its arguments, and the most seconds it may take."""
STAGES = (
    "captions", "polarity", "segments", "interviews", "corpus@interviews", "extract@interviews-mid-term",
)  # fmt: skip
_STEPS = [[PYTHON, "-m", "tasks", *STAGES]]


def measure(bench: Bench) -> list[Measurement]:
    """Run the stages up to features and votes, add interviews, run the stages again, and run with nothing to do."""
    before, more = bench.size(N_BEFORE, 20), bench.size(N_MORE, 2)
    whole, ids = stored(bench)
    folder = bench.folder / "incremental"
    extended = partial(_extended, whole, folder, ids(before + more))
    pairs = bench.alternate(
        RunSpec(
            f"{before:,} interviews",
            "bench.commands:run",
            partial(cold_run, whole, folder, ids(before), _STEPS),
            cores=N_CORES,
        ),
        RunSpec(f"{more} more", "bench.commands:run", extended, cores=N_CORES),
    )
    run_all: Inputs = {"steps": [list(UNDERTONE_RUN)] * 2, "folder": str(folder)}
    bench.run_once(RunSpec("all stages", "bench.commands:run", run_all, cores=N_CORES))
    return [_row(pairs, before, more), *(_idle(bench, folder, name, before + more) for name in NOTHING_TO_DO)]


def _idle(bench: Bench, folder: Path, name: str, n_interviews: int) -> Measurement:
    """Time a command in a project whose stages are all current."""
    command, most_s = NOTHING_TO_DO[name]
    inputs: Inputs = {"steps": [list(command)], "folder": str(folder)}
    times_s = seconds(bench.repeat(RunSpec(name, "bench.commands:run", inputs, cores=N_CORES)))
    what = f"`{name}` with nothing to do, {n_interviews:,} interviews, {N_CORES} cores"
    return Measurement(f"idle {name}", what, "seconds", times_s, Bound(most_s, "at most"), {OURS: times_s})


def _row(pairs: Pairs, before: int, more: int) -> Measurement:
    return Measurement(
        "incremental",
        f"{', '.join(STAGES)} of {more} interviews added to {before:,}, as a share of the first run, {N_CORES} cores",
        "share",
        pairs.ratios,
        Bound(MOST_SHARE, "at most"),
        {f"{before:,}": seconds(pairs.ours), f"{more} more": seconds(pairs.theirs)},
    )


def _extended(whole: Path, folder: Path, ids: list[str]) -> Inputs:
    crawled_projects.crawl_into(whole, folder, ids)
    return {"steps": _STEPS, "folder": str(folder)}
