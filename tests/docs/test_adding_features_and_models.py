"""docs/adding-features-and-models.md, verbatim: its code is written into a copy of undertone and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.on_demand import simulated_corpora

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-features-and-models.md"
BLOCK = re.compile(r"```(?:python|yaml) file=(\S+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def test_extractor_and_model_are_less_than_60_lines() -> None:
    lines = [line for name, text in blocks() if name != "params.yaml" for line in text.splitlines()]
    assert 0 < sum(bool(line.strip()) for line in lines) < 60


@pytest.mark.long
def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    house = tmp_path / "house"
    shutil.copytree(ROOT / "tasks", house / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    simulated_corpora.make("ravdess", house / "voices")
    shipped = (ROOT / "params.yaml").read_text()
    params = re.sub(r"^(corpora|features|experiments):.*\n(?:(?: .*)?\n)*", "", shipped, flags=re.MULTILINE)
    params += "corpora: {simulated-ravdess: {reader: ravdess, path: voices}}\n"
    for name, text in blocks():
        if name == "params.yaml":
            (house / name).write_text(params + text)
        else:
            (house / name).write_text(text)
    for stage in ("corpus@simulated-ravdess", "extract@voices-loudness", "experiment@voices-centroid"):
        done = subprocess.run(
            [sys.executable, "-m", "tasks", stage], cwd=house, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    found = json.loads((house / "data/experiment/voices-centroid/results.json").read_text())
    assert found["model"]["name"] == "centroid"
    assert found["features"][0]["settings"] == {"frame_s": 0.03}
    assert {one["sharpness"] for one in found["tuned"]} <= {0.5, 1.0, 2.0}
    assert found["scores"]["n"] == found["n"] > 0
