"""Killed at any moment and started again: the same bytes, nothing fetched twice, nothing left lying about."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.night import machinery
from tests.night.machinery import FLOW, REPRO, Interviews, artifacts, names

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
PREFECT = (sys.executable, "-m", "prefect")
DEPLOYED = "weak-supervision/night"
LEAVE_S = 10.0


@contextmanager
def started(door: str, folder: Path, server: dict[str, str]) -> Iterator[machinery.Run]:
    """Start a run through a door; for `worker`, the process that is killed is the worker's."""
    if door != "worker":
        with machinery.running(FLOW if door == "flow" else REPRO, folder, **server) as run:
            yield run
        return
    pool = folder.parent.name
    machinery.run(
        (*PREFECT, "--no-prompt", "work-pool", "create", pool, "--type", "process", "--overwrite"), folder, **server
    )
    entry = "flows/weak_supervision.py:weak_supervision"
    machinery.run((*PREFECT, "--no-prompt", "deploy", entry, "-n", "night", "-p", pool), folder, **server)
    often = {**server, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with machinery.running((*PREFECT, "worker", "start", "--pool", pool), folder, **often) as worker:
        yield worker


def finish(door: str, run: machinery.Run, folder: Path, server: dict[str, str]) -> float:
    """Wait for the run to end well; return how long it took, in seconds."""
    if door != "worker":
        return run.finish()
    return machinery.run((*PREFECT, "deployment", "run", DEPLOYED, "--watch"), folder, **server)


def killed(door: str, moment_s: float, folder: Path, server: dict[str, str]) -> float:
    """Start a run, kill it after a while with all it started; return when, on the monotonic clock."""
    with started(door, folder, server) as run:
        if door == "worker":
            machinery.run((*PREFECT, "deployment", "run", DEPLOYED), folder, **server)
        time.sleep(moment_s)
        left = run.kill()
        at = time.monotonic()
        if door == "worker":
            # a power cut takes the flow's process too; what that one started has to see for itself
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    if "prefect" in " ".join(process.cmdline()):
                        process.kill()
    _, alive = psutil.wait_procs(left, timeout=LEAVE_S)
    assert alive == [], f"left by a killed {door}: {[process.cmdline() for process in alive]}"
    return at


def examine(
    door: str, moment_s: float, folder: Path, server: dict[str, str], interviews: Interviews, peace: Path
) -> int:
    """Kill a run, start it again, look at everything; return how many downloads were in flight."""
    interviews.transfers.clear()
    kill = killed(door, moment_s, folder, server)
    with started(door, folder, server) as run:
        finish(door, run, folder, server)
    # what an undisturbed project has seen too
    machinery.run(REPRO, folder)
    mine, theirs = artifacts(folder), artifacts(peace)
    assert [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)] == []
    twice, in_flight = interviews.fetched_twice([kill])
    assert twice == []
    assert names(folder) - names(peace) - {"data/train.csv", "data/test.csv"} == set()
    return in_flight


def night(door: str, moments: int, tmp_path: Path, server: dict[str, str], interviews: Interviews, peace: Path) -> None:
    """Kill a door's run at moments spread over it, each time in a fresh project."""

    def fresh(name: str) -> Path:
        return machinery.project(tmp_path / f"{door}-{name}" / "project", interviews, **machinery.LIGHT)

    (tmp_path / f"{door}-peace").mkdir()
    calm = fresh("peace")
    with started(door, calm, server) as run:
        took = finish(door, run, calm, server)
    assert artifacts(calm) == artifacts(peace)
    in_flight = 0
    for number in range(moments):
        (tmp_path / f"{door}-{number}").mkdir()
        moment_s = took * (number + 0.5) / moments
        in_flight += examine(door, moment_s, fresh(str(number)), server, interviews, peace)
    print(
        f"\n{door}: killed at {moments} moments of a run of {took:.1f} s, started again: artifacts and dvc.lock "
        f"byte-identical {moments} of {moments} times, no media fetched twice ({in_flight} transfers in flight at the "
        "kill), no temporary file, no process left"
    )


@pytest.mark.parametrize("door", ["flow", "dvc repro"])
def test_killed_in_the_middle(
    door: str, tmp_path: Path, server: dict[str, str], interviews: Interviews, undisturbed: tuple[Path, float]
) -> None:
    night(door, 1, tmp_path, server, interviews, undisturbed[0])


@pytest.mark.bench
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", ["flow", "dvc repro", "worker"])
def test_killed_at_twenty_moments(
    door: str, tmp_path: Path, server: dict[str, str], interviews: Interviews, undisturbed: tuple[Path, float]
) -> None:
    night(door, 20, tmp_path, server, interviews, undisturbed[0])
