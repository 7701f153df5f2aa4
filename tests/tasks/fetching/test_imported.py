"""Processes that fetch are forked from one with all imports and no threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.workers import Pool
from tasks.fetching.crawl_items import IMPORTED

COUNT = "import tasks.fetching.imported, tasks.stages.crawl, os; print(len(os.listdir('/proc/self/task')))"


def loaded(_: int) -> tuple[bool, bool]:
    return "yt_dlp.extractor._extractors" in sys.modules, all(name in sys.modules for name in IMPORTED)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_the_process_that_others_are_forked_from_has_no_threads() -> None:
    counted = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert counted.stdout.strip() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is a new interpreter")
def test_forked_processes_have_all_imports() -> None:
    with Pool(3, IMPORTED) as pool:
        assert list(pool.map(loaded, range(4))) == [(True, True)] * 4
