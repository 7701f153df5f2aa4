"""CPU seconds of a run on four Dask workers without a shared disk, compared with one machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.growth import stored
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN
from bench.measurements import Bound, Measurement, OutputComparison
from bench.runner import Bench
from bench.side import Inputs, RunSpec

N_INTERVIEWS, N_WORKERS = 1_000, 4
MOST = 1.3


def measure(bench: Bench) -> list[Measurement]:
    """Run the weak path after the crawl on one machine and on a cluster in turn; compare CPU seconds and bytes."""
    n_interviews = bench.size(N_INTERVIEWS, 12)
    whole, ids = stored(bench)
    folder = bench.folder / "dask"
    pairs = bench.alternate(
        RunSpec(
            "one machine",
            "bench.dask_runs:one_machine",
            partial(_alone, whole, folder, ids(n_interviews)),
            cores=N_CORES,
        ),
        RunSpec("Dask", "bench.dask_runs:on_dask", partial(_spread, whole, folder, ids(n_interviews)), cores=N_CORES),
    )
    alone, spread = ([run.summary for run in runs] for runs in (pairs.ours, pairs.theirs))
    same = {run["outputs"] for run in (*alone, *spread)}
    text = "all outputs and dvc.lock are equal" if len(same) == 1 else "outputs differ"
    what = (
        f"the weak path after the crawl, {n_interviews:,} interviews, cold: CPU seconds of {N_WORKERS} Dask workers "
        "without a shared disk, scheduler, flow and Prefect server, against `undertone run`"
    )
    return [
        Measurement(
            "dask",
            what,
            "times as long",
            tuple(other["cpu_s"] / one["cpu_s"] for one, other in zip(alone, spread, strict=True)),
            Bound(MOST, "at most"),
            {
                "one machine": tuple(run["cpu_s"] for run in alone),
                "Dask": tuple(run["cpu_s"] for run in spread),
            },
            OutputComparison(len(same) == 1, text),
        )
    ]


def _alone(whole: Path, folder: Path, ids: list[str]) -> Inputs:
    crawled_projects.project(whole, folder / "alone", ids, workers=str(N_CORES))
    return {"folder": str(folder / "alone"), "command": list(UNDERTONE_RUN)}


def _spread(whole: Path, folder: Path, ids: list[str]) -> Inputs:
    crawled_projects.project(whole, folder / "spread", ids, workers=str(N_CORES))
    # the store is in the project: all that it holds is put there by this run
    return {"folder": str(folder / "spread"), "n_workers": N_WORKERS}
