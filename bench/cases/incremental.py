"""Time for ten additional interviews in a project of a thousand."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.growth import stored
from bench.cases.weak_path import N_CORES, cold_run
from bench.commands import PYTHON
from bench.measurements import Bound, Measurement
from bench.runner import Bench, Pairs, seconds
from bench.side import Inputs, RunSpec

N_BEFORE, N_MORE = 1_000, 10
MOST_SHARE = 0.03
STAGES = (
    "captions", "polarity", "segments", "interviews", "corpus@interviews", "extract@interviews-mid-term",
)  # fmt: skip
_STEPS = [[PYTHON, "-m", "tasks", *STAGES]]


def measure(bench: Bench) -> list[Measurement]:
    """Run the stages up to features and votes, add interviews, and run the stages again."""
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
    return [_row(pairs, before, more)]


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
