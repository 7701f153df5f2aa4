"""Slots of hosts: a limit over all processes and threads, released by a kill; pauses concern every process."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.core import host_slots, paths

HOLDING = (
    "import sys, time; from tasks.core import host_slots\n"
    "with host_slots.limited(2), host_slots.held('example.org'):\n"
    "    print(time.monotonic(), flush=True)\n"
    "    time.sleep(float(sys.argv[1]))\n"
    "    print(time.monotonic(), flush=True)\n"
)


def start(hold_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLDING, str(hold_s)], stdout=subprocess.PIPE, text=True)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def test_processes_together_hold_no_more_than_the_limit(project: Path) -> None:
    processes = [start(0.3) for _ in range(5)]
    spans = [tuple(map(float, process.communicate(timeout=60)[0].split())) for process in processes]
    assert most_at_once([(begin, end) for begin, end in spans]) == 2


def test_a_killed_process_holds_nothing(project: Path) -> None:
    holders = [start(60.0), start(60.0)]
    for holder in holders:
        assert holder.stdout
        assert holder.stdout.readline()
    waiting = start(0.0)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(3.0)
    for holder in holders:
        holder.kill()
        holder.communicate()
    assert len(waiting.communicate(timeout=30)[0].split()) == 2


def test_threads_share_the_limit_and_hosts_do_not(project: Path) -> None:
    def hold(host: str) -> tuple[float, float]:
        with host_slots.limited(1), host_slots.held(host):
            began = time.monotonic()
            time.sleep(0.1)
            return began, time.monotonic()

    with ThreadPoolExecutor(4) as threads:
        same = list(threads.map(hold, ["a.org", "A.org", "a.org"]))
        different = list(threads.map(hold, ["a.org", "b.org", "c.org", "d.org"]))
    assert most_at_once(same) == 1
    assert most_at_once(different) > 1


def test_files_and_unlimited_fetches_need_no_slot(project: Path) -> None:
    with host_slots.held("a.org"), host_slots.limited(1), host_slots.held(""):
        host_slots.pause("", 60.0)
    host_slots.pause("a.org", 60.0)
    assert not (paths.LOCKS / "hosts").exists()


def test_a_pause_delays_every_fetch_from_its_host_only(project: Path) -> None:
    with host_slots.limited(2):
        host_slots.pause("a.org", 0.5)
        # an earlier end does not shorten it
        host_slots.pause("a.org", 0.1)
        began = time.monotonic()
        with host_slots.held("b.org"):
            assert time.monotonic() - began < 0.4
        with host_slots.held("a.org"):
            assert time.monotonic() - began > 0.4


def test_the_files_of_a_host_do_not_depend_on_how_many_slots_were_needed(project: Path) -> None:
    with host_slots.limited(3), host_slots.held("../../a.org"):
        names = sorted(path.name for path in (paths.LOCKS / "hosts").iterdir())
    assert [name.partition("-")[2] for name in names] == ["0.lock", "1.lock", "2.lock"]
