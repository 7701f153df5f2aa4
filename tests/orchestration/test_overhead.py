"""Overhead of Prefect over `dvc repro`, time of runs with nothing to do, growth of the driver's memory."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.orchestration import harness
from tests.orchestration.harness import FLOW, LIGHT, REPRO, artifacts

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), pytest.mark.filterwarnings("default")]
SIZES = (200, 1000)
N_NOOPS = 5


@dataclass
class Measured:
    """One run: its duration in seconds, and its driver's peak memory in bytes."""

    time_s: float
    peak_bytes: int


def measured(command: Sequence[str], folder: Path, server: dict[str, str]) -> Measured:
    """Run a command and watch its driver's memory."""
    with harness.running(command, folder, **server) as run:
        peak = [0]
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                peak[0] = max(peak[0], *(_rss(process) for process in _drivers(run.process.pid, command)), 0)

        thread = threading.Thread(target=watch)
        thread.start()
        time_s = run.process.wait(7000)
        time_s = time.monotonic() - run.began
        over.set()
        thread.join()
        assert run.process.returncode == 0, run.log.read_text()[-3000:]
    return Measured(time_s, peak[0])


def _drivers(pid: int, command: Sequence[str]) -> list[psutil.Process]:
    """Return the flow's process, or the processes of the stages of `dvc repro`, without their pools."""
    try:
        root = psutil.Process(pid)
        if command is FLOW:
            return [root]
        return [child for child in root.children(recursive=True) if _is_stage(child)]
    except psutil.NoSuchProcess:
        return []


def _is_stage(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:3] == ["-m", "undertone"]
    except psutil.Error:
        return False


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def median_s(command: Sequence[str], folder: Path, server: dict[str, str]) -> float:
    return statistics.median(harness.run(command, folder, **server) for _ in range(N_NOOPS))


def test_overhead_and_memory(tmp_path: Path, settings: Config, server: dict[str, str]) -> None:
    flows: dict[int, Measured] = {}
    noops: dict[tuple[str, int], float] = {}
    for size in SIZES:
        simulated = {"train": size * 4 // 5, "test": size // 5}
        pages = sample(settings.simulate.model_copy(update=simulated), tmp_path / f"site-{size}")
        with harness.served(pages) as interviews:
            by_flow = harness.project(tmp_path / f"flow-{size}", interviews, **LIGHT)
            _warm(pages)
            flows[size] = measured(FLOW, by_flow, server)
            print(f"\n{size} interviews: flow {flows[size].time_s:.1f} s, driver {flows[size].peak_bytes / 1e6:.0f} MB")
            if size == SIZES[0]:
                by_dvc = harness.project(tmp_path / f"dvc-{size}", interviews, **LIGHT)
                repro = measured(REPRO, by_dvc, server)
                print(f"{size} interviews: dvc repro {repro.time_s:.1f} s, drivers {repro.peak_bytes / 1e6:.0f} MB")
                assert artifacts(by_dvc) == artifacts(by_flow)
            for name, command in (("dvc repro", REPRO), ("flow", FLOW)):
                noops[name, size] = median_s(command, by_flow, server)
                print(f"{size} interviews, nothing to do: {name} {noops[name, size]:.2f} s (median of {N_NOOPS})")
    small, large = (flows[size] for size in SIZES)
    ratio, growth = small.time_s / repro.time_s, large.peak_bytes / small.peak_bytes - 1
    print(f"flow over dvc repro at {SIZES[0]}: {ratio:.2f}; driver's memory {SIZES[0]} to {SIZES[1]}: {growth:+.0%}")
    assert ratio <= 1.2
    assert max(noops["dvc repro", size] for size in SIZES) <= 3.0
    assert max(noops["flow", size] for size in SIZES) <= 5.0
    assert abs(growth) <= 0.2


def _warm(pages: harness.Pages) -> None:
    """Synthesise the site's sounds before the measurement."""
    for resource in pages.resources.values():
        if isinstance(resource, harness.site.File):
            resource.path()
