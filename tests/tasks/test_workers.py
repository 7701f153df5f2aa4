"""Worker processes leave with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tasks.closure import ROOT

WORK = (
    "import time\nfrom tasks import workers\n"
    "if __name__ == '__main__':\n"
    "    with workers.pool(2) as pool:\n"
    "        naps = [pool.submit(time.sleep, n) for n in (0, 0, 60, 60)]\n"
    "        naps[0].result(), naps[1].result()\n"
    "        print('working', flush=True)\n"
    "        naps[2].result()\n"
)


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
