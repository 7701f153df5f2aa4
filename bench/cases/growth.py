"""Ten times as many interviews, ours against itself: how much longer, and how much more memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import crawled
from bench.cases.weak_path import DOOR, N_CORES, cold
from bench.commands import ROOT
from bench.method import Bench, seconds
from bench.rows import Row, Target
from bench.side import Side
from tasks.core import config

SIZES = (100, 1_000)
N_STORED = 1_010
"""One store for this case and for `incremental`, which adds ten."""
MOST_TIME, MOST_MEMORY = 11.0, 1.3


def measure(bench: Bench) -> list[Row]:
    """Run the weak path after the crawl on few and on ten times as many, in turn."""
    few, many = (bench.size(full, toy) for full, toy in zip(SIZES, (10, 20), strict=True))
    whole, ids = stored(bench)
    pairs = bench.alternate(*(_side(bench, whole, ids(n)) for n in (few, many)))
    grown = tuple(large.peak_bytes / small.peak_bytes for small, large in zip(pairs.ours, pairs.theirs, strict=True))
    times_s = {f"{few:,}": seconds(pairs.ours), f"{many:,}": seconds(pairs.theirs)}
    what = f"the weak path after the crawl, {few:,} to {many:,} interviews, cold, {N_CORES} cores"
    most = max(run.peak_bytes for run in pairs.theirs) / 1e6
    return [
        Row("growth time", what, "times as long", pairs.ratios, Target(MOST_TIME, "at most"), times_s),
        Row(
            "growth memory",
            "the same: most memory of any one process",
            "times the memory",
            grown,
            Target(MOST_MEMORY, "at most"),
            note=f"at most {most:,.0f} MB with {many:,} interviews",
        ),
    ]


def stored(bench: Bench) -> tuple[Path, Callable[[int], list[str]]]:
    """Return a store of crawled interviews, and which of them a project of so many has."""
    n_stored = bench.size(N_STORED, 22)
    planned = crawled.plan(config.load(ROOT / "params.yaml").simulate, n_stored)
    return crawled.store(bench.folder, n_stored, tell=bench.tell), lambda n: [
        one.id for one in crawled.chosen(planned, n)
    ]


def _side(bench: Bench, whole: Path, ids: list[str]) -> Side:
    folder = bench.folder / "growth" / str(len(ids))
    return Side(
        f"{len(ids):,} interviews", "bench.commands:run", partial(cold, whole, folder, ids, [DOOR]), cores=N_CORES
    )
