"""Runs killed at any moment and started again: same bytes, no second download, no files or processes left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.orchestration import harness
from tests.orchestration.harness import FLOW, REPRO, Interviews, artifacts, names

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
PREFECT = (sys.executable, "-m", "prefect")
DEPLOYMENT = "weak-supervision/killed"
EXIT_S = 10.0


@contextmanager
def started(driver: str, folder: Path, server: dict[str, str]) -> Iterator[harness.Run]:
    """Start a run by a driver (flow, dvc repro or worker); for `worker`, yield the worker's process."""
    if driver != "worker":
        with harness.running(FLOW if driver == "flow" else REPRO, folder, **server) as run:
            yield run
        return
    pool = folder.parent.name
    harness.run(
        (*PREFECT, "--no-prompt", "work-pool", "create", pool, "--type", "process", "--overwrite"), folder, **server
    )
    entry = "undertone.weak_supervision"
    harness.run((*PREFECT, "--no-prompt", "deploy", entry, "-n", "killed", "-p", pool), folder, **server)
    often = {**server, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with harness.running((*PREFECT, "worker", "start", "--pool", pool), folder, **often) as worker:
        yield worker


def finish(driver: str, run: harness.Run, folder: Path, server: dict[str, str]) -> float:
    """Wait for the run to succeed; return its duration in seconds."""
    if driver != "worker":
        return run.finish()
    return harness.run((*PREFECT, "deployment", "run", DEPLOYMENT, "--watch"), folder, **server)


def killed(driver: str, moment_s: float, folder: Path, server: dict[str, str]) -> float:
    """Start a run and kill it after `moment_s`; return the time of the kill on the monotonic clock."""
    with started(driver, folder, server) as run:
        if driver == "worker":
            harness.run((*PREFECT, "deployment", "run", DEPLOYMENT), folder, **server)
        time.sleep(moment_s)
        left = run.kill()
        at = time.monotonic()
        if driver == "worker":
            # a power cut ends the flow's process, too; its children must end by themselves
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    if "prefect" in " ".join(process.cmdline()):
                        process.kill()
    _, alive = psutil.wait_procs(left, timeout=EXIT_S)
    assert alive == [], f"left by a killed {driver}: {[process.cmdline() for process in alive]}"
    return at


def examine(
    driver: str, moment_s: float, folder: Path, server: dict[str, str], interviews: Interviews, reference: Path
) -> int:
    """Kill a run, start it again, compare all files; return the number of downloads in flight at the kill."""
    interviews.transfers.clear()
    kill = killed(driver, moment_s, folder, server)
    with started(driver, folder, server) as run:
        finish(driver, run, folder, server)
    # as in the reference project, which ran twice
    harness.run(REPRO, folder)
    actual, expected = artifacts(folder), artifacts(reference)
    assert [name for name in actual.keys() | expected.keys() if actual.get(name) != expected.get(name)] == []
    twice, in_flight = interviews.fetched_twice([kill])
    assert twice == []
    assert names(folder) - names(reference) - {"data/train.csv", "data/test.csv"} == set()
    return in_flight


def kill_at_moments(
    driver: str, moments: int, tmp_path: Path, server: dict[str, str], interviews: Interviews, reference: Path
) -> None:
    """Kill a driver's run at evenly spaced moments, each time in a fresh project."""

    def fresh(name: str) -> Path:
        return harness.project(tmp_path / f"{driver}-{name}" / "project", interviews, **harness.LIGHT)

    (tmp_path / f"{driver}-calm").mkdir()
    calm = fresh("calm")
    with started(driver, calm, server) as run:
        took = finish(driver, run, calm, server)
    assert artifacts(calm) == artifacts(reference)
    in_flight = 0
    for number in range(moments):
        (tmp_path / f"{driver}-{number}").mkdir()
        moment_s = took * (number + 0.5) / moments
        in_flight += examine(driver, moment_s, fresh(str(number)), server, interviews, reference)
    print(
        f"\n{driver}: killed at {moments} moments of a run of {took:.1f} s, started again: artifacts and dvc.lock "
        f"byte-identical {moments} of {moments} times, no media fetched twice ({in_flight} transfers in flight at the "
        "kill), no temporary file, no process left"
    )


@pytest.mark.parametrize("driver", ["flow", "dvc repro"])
def test_killed_halfway(
    driver: str, tmp_path: Path, server: dict[str, str], interviews: Interviews, undisturbed: tuple[Path, float]
) -> None:
    kill_at_moments(driver, 1, tmp_path, server, interviews, undisturbed[0])


@pytest.mark.bench
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("driver", ["flow", "dvc repro", "worker"])
def test_killed_at_twenty_moments(
    driver: str, tmp_path: Path, server: dict[str, str], interviews: Interviews, undisturbed: tuple[Path, float]
) -> None:
    kill_at_moments(driver, 20, tmp_path, server, interviews, undisturbed[0])
