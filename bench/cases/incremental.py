"""Ten interviews more on a list of a thousand: what their features and votes cost."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled
from bench.cases.growth import stored
from bench.cases.weak_path import N_CORES, cold
from bench.commands import PYTHON
from bench.method import Bench, Pairs, seconds
from bench.rows import Row, Target
from bench.side import Given, Side

N_BEFORE, N_MORE = 1_000, 10
MOST_SHARE = 0.03
STAGES = ("captions", "polarity", "segments", "acoustic")
_STEPS = [[PYTHON, "-m", "tasks", *STAGES]]


def measure(bench: Bench) -> list[Row]:
    """Run the stages up to features and votes on the list, add to the list, and run them again."""
    before, more = bench.size(N_BEFORE, 20), bench.size(N_MORE, 2)
    whole, ids = stored(bench)
    folder = bench.folder / "incremental"
    pairs = bench.alternate(
        Side(
            f"{before:,} interviews",
            "bench.commands:run",
            partial(cold, whole, folder, ids(before), _STEPS),
            cores=N_CORES,
        ),
        Side(f"{more} more", "bench.commands:run", partial(_added, whole, folder, ids(before + more)), cores=N_CORES),
    )
    return [_row(pairs, before, more)]


def _row(pairs: Pairs, before: int, more: int) -> Row:
    return Row(
        "incremental",
        f"{', '.join(STAGES)} of {more} interviews more than {before:,}, as a share of the first run, {N_CORES} cores",
        "share",
        pairs.ratios,
        Target(MOST_SHARE, "at most"),
        {f"{before:,}": seconds(pairs.ours), f"{more} more": seconds(pairs.theirs)},
    )


def _added(whole: Path, folder: Path, ids: list[str]) -> Given:
    crawled.crawl_into(whole, folder, ids)
    return {"steps": _STEPS, "folder": str(folder)}
