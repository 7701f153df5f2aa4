"""Growth of time, memory and page with ten times as many interviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN, all_ids, cold_run
from bench.commands import ROOT
from bench.measurements import Bound, Measurement
from bench.runner import Bench, TimedRun, seconds
from bench.side import Inputs, RunSpec
from tasks.core import config, paths

SIZES = (1_000, 10_000)
N_STORED = 1_010
"""Size of the store shared with `incremental`, which adds ten interviews."""
N_ENLARGED = 10_010
"""Size of the store of copies at other speeds."""
MOST_RUNS = 1
"""A run of 10,000 interviews takes a quarter of an hour, and 14 GB of disk besides the interviews' 7 GB."""
MOST_TIME, MOST_MEMORY, MOST_IDLE = 10.5, 1.3, 3.0
MOST_PAGE_BYTES = 2_000_000


def measure(bench: Bench) -> list[Measurement]:
    """Run the weak path after the crawl on two numbers of interviews in turn, and each again with nothing to do."""
    bench = replace(bench, n_runs=min(bench.n_runs, MOST_RUNS))
    few, many = (bench.size(full, toy) for full, toy in zip(SIZES, (10, 40), strict=True))
    whole, ids = stored(bench)
    enlarged = crawled_projects.enlarged(whole, bench.size(N_ENLARGED, 44), progress=bench.progress)
    sides = _side(bench, whole, ids(few)), _side(bench, enlarged, all_ids(enlarged)[:many])
    small, large = bench.run_in_turn(*sides)
    idle = bench.run_in_turn(*(_idle(bench, n) for n in (few, many)))
    what = f"the weak path after the crawl, {few:,} to {many:,} interviews, cold, {N_CORES} cores, cache by hard links"
    page_bytes = (_folder(bench, many) / paths.REPORT).stat().st_size
    return [
        Measurement(
            "growth time",
            what,
            "times as long",
            _growth(seconds(small), seconds(large)),
            Bound(MOST_TIME, "at most"),
            {f"{few:,}": seconds(small), f"{many:,}": seconds(large)},
        ),
        Measurement(
            "growth memory",
            "the same: peak memory of the largest process",
            "times the memory",
            _growth(_peaks(small), _peaks(large)),
            Bound(MOST_MEMORY, "at most"),
            note=f"at most {max(_peaks(large)) / 1e6:,.0f} MB with {many:,} interviews",
        ),
        Measurement(
            "growth idle",
            "the same with nothing to do",
            "times as long",
            _growth(*map(seconds, idle)),
            Bound(MOST_IDLE, "at most"),
            {f"{few:,}": seconds(idle[0]), f"{many:,}": seconds(idle[1])},
        ),
        Measurement(
            "growth page",
            f"the report of {many:,} interviews",
            "megabytes",
            (page_bytes / 1e6,),
            Bound(MOST_PAGE_BYTES / 1e6, "at most"),
        ),
    ]


def stored(bench: Bench) -> tuple[Path, Callable[[int], list[str]]]:
    """Return a store of crawled interviews and a function from a number to that many interview ids."""
    n_stored = bench.size(N_STORED, 22)
    planned = crawled_projects.plan(config.load(ROOT / "params.yaml").simulate, n_stored)
    return crawled_projects.store(bench.folder, n_stored, progress=bench.progress), lambda n: [
        interview.id for interview in crawled_projects.select(planned, n)
    ]


def _folder(bench: Bench, n_interviews: int) -> Path:
    return bench.folder / "growth" / str(n_interviews)


def _side(bench: Bench, whole: Path, ids: list[str]) -> RunSpec:
    folder = _folder(bench, len(ids))
    inputs = partial(cold_run, whole, folder, ids, [UNDERTONE_RUN], link=True)
    return RunSpec(f"{len(ids):,} interviews", "bench.commands:run", inputs, cores=N_CORES)


def _idle(bench: Bench, n_interviews: int) -> RunSpec:
    inputs: Inputs = {"steps": [list(UNDERTONE_RUN)], "folder": str(_folder(bench, n_interviews))}
    return RunSpec(f"nothing to do, {n_interviews:,}", "bench.commands:run", inputs, cores=N_CORES)


def _growth(small: tuple[float, ...], large: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(more / less for less, more in zip(small, large, strict=True))


def _peaks(runs: tuple[TimedRun, ...]) -> tuple[float, ...]:
    return tuple(float(run.peak_bytes) for run in runs)
