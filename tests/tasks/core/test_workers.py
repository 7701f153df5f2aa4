"""Worker processes leave with the process that started them."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.__main__ import PRELOADED
from tasks.core import workers
from tasks.core.code_version import ROOT

WORK = (
    "import time\nfrom tasks.core import workers\n"
    "if __name__ == '__main__':\n"
    "    with workers.pool(2) as pool:\n"
    "        naps = [pool.submit(time.sleep, n) for n in (0, 0, 60, 60)]\n"
    "        naps[0].result(), naps[1].result()\n"
    "        print('working', flush=True)\n"
    "        naps[2].result()\n"
)


def imported(name: str) -> tuple[int, bool]:
    """Tell which process this is, and whether it has a module."""
    time.sleep(0.2)
    return os.getpid(), name in sys.modules


def test_a_pool_begins_with_what_its_work_will_import() -> None:
    with workers.Pool(2) as pool:
        assert not pool.ready
        pool.prepare(["colorsys", "tasks.evaluation.splits"])
        until = time.monotonic() + 60
        while not pool.ready and time.monotonic() < until:
            time.sleep(0.05)
        assert pool.ready
        found = list(pool.map(imported, ["colorsys"] * 8))
    assert all(there for _, there in found)
    assert len({process for process, _ in found}) == 2


@pytest.mark.parametrize("name", PRELOADED)
def test_what_pools_begin_with_can_be_imported(name: str) -> None:
    # in a process of the pool nobody would hear of a name that is none
    importlib.import_module(name)


def test_they_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout
    assert parent.stdout.readline() == "working\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
