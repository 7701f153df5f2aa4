"""Locks: one at a time, the holder named, and none left by a process that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tasks.core import locks
from tasks.core.code_version import ROOT
from tasks.core.errors import Busy

HOLD = (
    "import time\nfrom tasks.core import locks\n"
    "with locks.alone('train', 'python -m undertone train', wait_s=0, waiting=print):\n"
    "    print('held', flush=True)\n    time.sleep(60)"
)


def holder(project: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", HOLD], cwd=project, env=env, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    return child


def test_another_is_told_who_holds_it_and_a_killed_one_holds_nothing(project: Path) -> None:
    child = holder(project)
    heard: list[str] = []
    try:
        expected = (
            rf"train is in use by python -m undertone train \(process {child.pid} on .*, since 20.*\); waited 0 s"
        )
        with pytest.raises(Busy, match=expected), locks.alone("train", "me", wait_s=0, waiting=heard.append):
            pass
        with locks.alone("polarity", "me", wait_s=0, waiting=heard.append):
            pass
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with locks.alone("train", "me", wait_s=0, waiting=heard.append):
        pass
    assert heard == []


def test_waiting_ends_when_the_other_is_done(project: Path) -> None:
    heard: list[str] = []
    free, order = threading.Event(), []

    def first() -> None:
        with locks.alone("train", "flow run one", wait_s=0, waiting=print):
            free.set()
            while not heard:
                time.sleep(0.01)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    free.wait()
    with locks.alone("train", "flow run two", wait_s=30, waiting=heard.append):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert len(heard) == 1
    assert "by flow run one" in heard[0]
    assert heard[0].endswith("waiting for it")


def test_a_holder_that_failed_or_died_is_remembered_until_one_succeeds(project: Path) -> None:
    assert locks.unfinished("train") == ""
    with pytest.raises(ZeroDivisionError), locks.alone("train", "undertone run", wait_s=0, waiting=print):
        assert locks.unfinished("train").startswith(f"in progress by undertone run (process {os.getpid()} on ")
        raise ZeroDivisionError
    assert locks.unfinished("train").startswith("that did not finish, started by undertone run (process")
    with locks.alone("train", "me", wait_s=0, waiting=print):
        pass
    assert locks.unfinished("train") == ""
    child = holder(project)
    assert f"in progress by python -m undertone train (process {child.pid} on " in locks.unfinished("train")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert "that did not finish, started by python -m undertone train" in locks.unfinished("train")
    locks.forget("train")
    assert locks.unfinished("train") == ""
