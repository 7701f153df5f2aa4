"""Arrays of a process that keeps freed memory cost few page faults; worker processes seek cycles rarely."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from tasks.core import workers

CODE = """
import resource, sys
import numpy as np
from tasks.core import heap
if sys.argv[1] == "kept":
    heap.keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for _ in range(50):
        arrays = [np.ones(100_000) for _ in range(4)]
        del arrays
work()
before = faults()
work()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="settings of glibc")
def test_freed_memory_is_used_again() -> None:
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "returned")
    )
    assert kept < 1_000 < returned


def test_worker_processes_seek_cycles_rarely() -> None:
    with workers.pool(1) as pool:
        assert pool.submit(gc.get_threshold).result()[0] > 5 * 700
