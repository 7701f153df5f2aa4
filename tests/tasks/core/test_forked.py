"""The process that workers are forked from has no threads, whatever it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.__main__ import PRELOADED

COUNT = "import tasks.core.forked, {}, os; print(len(os.listdir('/proc/self/task')))"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_the_process_that_workers_are_forked_from_has_no_threads() -> None:
    command = [sys.executable, "-c", COUNT.format(", ".join(PRELOADED))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "1"
