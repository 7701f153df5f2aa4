"""Growth of time and memory with ten times as many interviews."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN, cold_run
from bench.commands import ROOT
from bench.measurements import Bound, Measurement
from bench.runner import Bench, seconds
from bench.side import RunSpec
from tasks.core import config

SIZES = (100, 1_000)
N_STORED = 1_010
"""Size of the store shared with `incremental`, which adds ten interviews."""
MOST_TIME, MOST_MEMORY = 11.0, 1.3


def measure(bench: Bench) -> list[Measurement]:
    """Run the weak path after the crawl on two numbers of interviews in turn."""
    few, many = (bench.size(full, toy) for full, toy in zip(SIZES, (10, 20), strict=True))
    whole, ids = stored(bench)
    pairs = bench.alternate(*(_side(bench, whole, ids(n)) for n in (few, many)))
    grown = tuple(large.peak_bytes / small.peak_bytes for small, large in zip(pairs.ours, pairs.theirs, strict=True))
    times_s = {f"{few:,}": seconds(pairs.ours), f"{many:,}": seconds(pairs.theirs)}
    what = f"the weak path after the crawl, {few:,} to {many:,} interviews, cold, {N_CORES} cores"
    most = max(run.peak_bytes for run in pairs.theirs) / 1e6
    return [
        Measurement("growth time", what, "times as long", pairs.ratios, Bound(MOST_TIME, "at most"), times_s),
        Measurement(
            "growth memory",
            "the same: peak memory of the largest process",
            "times the memory",
            grown,
            Bound(MOST_MEMORY, "at most"),
            note=f"at most {most:,.0f} MB with {many:,} interviews",
        ),
    ]


def stored(bench: Bench) -> tuple[Path, Callable[[int], list[str]]]:
    """Return a store of crawled interviews and a function from a number to that many interview ids."""
    n_stored = bench.size(N_STORED, 22)
    planned = crawled_projects.plan(config.load(ROOT / "params.yaml").simulate, n_stored)
    return crawled_projects.store(bench.folder, n_stored, progress=bench.progress), lambda n: [
        interview.id for interview in crawled_projects.select(planned, n)
    ]


def _side(bench: Bench, whole: Path, ids: list[str]) -> RunSpec:
    folder = bench.folder / "growth" / str(len(ids))
    return RunSpec(
        f"{len(ids):,} interviews",
        "bench.commands:run",
        partial(cold_run, whole, folder, ids, [UNDERTONE_RUN]),
        cores=N_CORES,
    )
