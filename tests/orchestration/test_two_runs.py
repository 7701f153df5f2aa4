"""Two runs at the same moment: one works, the other waits or says who is at it; nothing is damaged."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.night import machinery
from tests.night.machinery import FLOW, REPRO, Interviews, artifacts

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]


def test_two_flows_at_the_same_moment(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = machinery.project(tmp_path / "project", interviews, **machinery.LIGHT)
    interviews.transfers.clear()
    with machinery.running(FLOW, folder, **server) as one, machinery.running(FLOW, folder, **server) as two:
        one.finish()
        two.finish()
    assert artifacts(folder) == artifacts(undisturbed[0])
    assert interviews.fetched_twice() == ([], 0)
    assert "waiting for it" in one.log.read_text()
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout


def test_a_flow_beside_dvc_repro(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = machinery.project(tmp_path / "project", interviews, **machinery.LIGHT)
    interviews.transfers.clear()
    with machinery.running(REPRO, folder, **server) as repro:
        _await(folder / ".undertone" / "locks" / "crawl.lock")
        with machinery.running(FLOW, folder, **server) as flow:
            flow.finish()
            # DVC may have found what the flow was at and stopped, with a message of its own
            repro.process.wait(300)
    if repro.process.returncode:
        assert "is busy, it is being blocked by" in repro.log.read_text()
    machinery.run(REPRO, folder)
    assert artifacts(folder) == artifacts(undisturbed[0])
    assert interviews.fetched_twice() == ([], 0)


def _await(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.05)
