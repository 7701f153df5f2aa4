"""Processes that fetch are forked from one with all imports and no threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.code_version import ROOT

COUNT = "import tasks.fetching.imported, tasks.stages.crawl, os; print(len(os.listdir('/proc/self/task')))"
LOADED = """
import sys
from tasks.core.workers import Pool
from tasks.fetching.crawl_items import IMPORTED

def loaded(_):
    return "yt_dlp.extractor._extractors" in sys.modules and all(name in sys.modules for name in IMPORTED)

if __name__ == "__main__":
    with Pool(3, IMPORTED) as pool:
        print(*pool.map(loaded, range(4)))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_the_process_that_others_are_forked_from_has_no_threads() -> None:
    counted = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert counted.stdout.strip() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is a new interpreter")
def test_forked_processes_have_all_imports(tmp_path: Path) -> None:
    # not in this process: the one that others are forked from may have started here, with other imports
    script = tmp_path / "fetching.py"
    script.write_text(LOADED, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["True"] * 4
