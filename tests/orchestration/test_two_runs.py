"""Two runs at the same time: one waits or stops with a message; nothing is damaged."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.orchestration import harness
from tests.orchestration.harness import FLOW, REPRO, Interviews, artifacts

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]


def test_two_flows_at_the_same_time(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT)
    interviews.transfers.clear()
    with harness.running(FLOW, folder, **server) as first, harness.running(FLOW, folder, **server) as second:
        first.finish()
        second.finish()
    assert artifacts(folder) == artifacts(undisturbed[0])
    assert interviews.fetched_twice() == ([], 0)
    assert "waiting for it" in first.log.read_text()
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout


def test_a_flow_during_dvc_repro(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT)
    interviews.transfers.clear()
    with harness.running(REPRO, folder, **server) as repro:
        _await(folder / ".undertone" / "locks" / "crawl.lock")
        with harness.running(FLOW, folder, **server) as flow:
            flow.finish()
            # DVC may have stopped because the flow holds a lock
            repro.process.wait(300)
    if repro.process.returncode:
        assert "is busy, it is being blocked by" in repro.log.read_text()
    harness.run(REPRO, folder)
    assert artifacts(folder) == artifacts(undisturbed[0])
    assert interviews.fetched_twice() == ([], 0)


def _await(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.05)
