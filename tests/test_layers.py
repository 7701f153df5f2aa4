"""Rules a command can see: arrows point down, nothing heavy at import, no pickles."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_every_stage_pulls_in_nothing_heavy() -> None:
    code = """
import sys, importlib
from tasks.__main__ import stages
for stage in stages(): importlib.import_module(f"tasks.stages.{stage}")
heavy = {"torch", "matplotlib", "sklearn", "pandas", "plotly", "yt_dlp", "av", "textblob", "pydub", "onnxruntime"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_pickles_are_written_or_read() -> None:
    offenders = [
        str(path)
        for folder in ("tasks", "flows")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\b(pickle|joblib|dill|cloudpickle)\b\.?(load|dump)", path.read_text())
    ]
    assert offenders == []
