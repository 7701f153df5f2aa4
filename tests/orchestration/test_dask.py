"""Batches on Dask workers over TCP: the same bytes, also if a worker is killed during the run."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.orchestration import harness
from tests.orchestration.harness import REPRO, Interviews, artifacts

pytest.importorskip("prefect_dask", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
FEATURES = "extract@interviews-mid-term"
DASK = (sys.executable, "-m", "dask")
# an existing scheduler: Prefect would wait for the end of one that it started itself
RUN = "from flows.weak_supervision import weak_supervision as f; f(runner='dask', scheduler='{}', only={})"


@contextmanager
def cluster(folder: Path, server: dict[str, str]) -> Iterator[tuple[str, list[harness.Run]]]:
    """Start a scheduler and two workers in a project folder; yield its address and the workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = (*DASK, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    worker = (*DASK, "worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--no-nanny")
    with ExitStack() as stack:
        stack.enter_context(harness.running(scheduler, folder, **server))
        _await_port(port)
        scratch = ("--local-directory", str(folder.parent))
        workers = [stack.enter_context(harness.running((*worker, *scratch), folder, **server)) for _ in range(2)]
        yield address, workers


def run_and_kill_a_worker(
    folder: Path, server: dict[str, str], *, only: list[str] | None, after: int
) -> tuple[float, int]:
    """Run on Dask and kill one of two workers after some features; return the duration and the number of features."""
    memo = folder / ".undertone/memo" / FEATURES
    with cluster(folder, server) as (address, workers):
        command = (sys.executable, "-c", RUN.format(address, only))
        with harness.running(command, folder, **server) as run:
            while (n_done := len(list(memo.rglob("*.arrow")))) < after:
                assert run.process.poll() is None, run.log.read_text()[-3000:]
                time.sleep(0.02)
            workers[0].kill()
            assert not psutil.pid_exists(workers[0].process.pid) or workers[0].process.poll() is not None
            return run.finish(), n_done


def test_all_stages_on_dask_with_a_killed_worker(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT)
    run_and_kill_a_worker(folder, server, only=None, after=1)
    assert artifacts(folder) == artifacts(undisturbed[0])


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_features_of_two_hundred_interviews(tmp_path: Path, settings: Config, server: dict[str, str]) -> None:
    pages = sample(settings.simulate.model_copy(update={"train": 160, "test": 40}), tmp_path / "site")
    with harness.served(pages) as interviews:
        local, on_dask = (
            harness.project(tmp_path / name, interviews, **harness.LIGHT) for name in ("local", "on_dask")
        )
        for folder in (local, on_dask):
            harness.run((*REPRO, "segments"), folder)
    harness.run((*REPRO, FEATURES), local)
    took, n_done = run_and_kill_a_worker(on_dask, server, only=[FEATURES], after=60)
    assert artifacts(on_dask) == artifacts(local)
    print(
        f"\nDask: a scheduler and two workers over TCP, features of 200 interviews in {took:.0f} s; one worker killed "
        f"after {n_done}; features and dvc.lock equal those of `dvc repro`"
    )


def _await_port(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until, f"nothing listens on {port}"
        time.sleep(0.1)
