"""What DVC shows of a project: metrics in few columns, differences between settings, plots that need no network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.project import workspace
from flows.project.dag import reproduce
from tasks.core import paths, tables
from tests import browser

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
EXPERIMENT = paths.experiment("interviews-source")


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(*arguments: str) -> str:
    return run(sys.executable, "-m", "dvc", *arguments)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project with fabricated files of metrics and plots."""
    folder = tmp_path / "project"
    workspace.create(folder)
    monkeypatch.chdir(folder)
    experiment = {"uar": 0.7032, "macro_f1": 0.7041, "low": 0.5894, "high": 0.8175, "base": 0.3333, "n": 72}
    labels = {"macro_f1": 0.9861, "low": 0.9583, "high": 1.0, "n": 70}
    tables.write_text(EXPERIMENT / "metrics.json", json.dumps(experiment))
    tables.write_text(paths.LABEL_METRICS, json.dumps(labels))
    classes = ("negative", "neutral", "positive")
    pairs = [{"actual": a, "predicted": p, "n": 9 if a == p else 2} for a in classes for p in classes]
    tables.write_csv(EXPERIMENT / "confusion.csv", pairs)
    scores = [
        {"class": name, "measure": measure, "value": 0.7}
        for name in classes
        for measure in ("precision", "recall", "F1")
    ]
    tables.write_csv(EXPERIMENT / "per_class.csv", scores)
    points = [{"threshold": 0.1, "coverage": c, "n": 9, "macro_f1": 0.8, "low": 0.7, "high": 0.9} for c in (0.5, 1.0)]
    tables.write_csv(paths.CURVE, points)
    return folder


@pytest.mark.usefixtures("results")
def test_metrics_fit_in_100_columns() -> None:
    shown = dvc("metrics", "show")
    assert "interviews-source" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_plots_are_drawn_without_a_network(results: Path, tmp_path: Path) -> None:
    dvc("plots", "show", "--out", str(tmp_path / "plots"))
    page = tmp_path / "plots" / "index.html"
    with browser.opened(tmp_path, browser.Tab, "--host-resolver-rules=MAP * ~NOTFOUND") as open_tab:
        tab = open_tab()
        tab.open(page.as_uri(), shows="document.querySelectorAll('canvas').length === 3")
        assert tab.run("performance.getEntriesByType('resource').length") == 0
        drawn = """(() => [...document.querySelectorAll('canvas')].map(canvas => new Set(
          canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size > 20))()"""
        assert tab.run(drawn) == [True, True, True]


@pytest.mark.timeout(300)
def test_settings_are_compared(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (folder,) = workspaces("project", train=3, test=2)
    monkeypatch.chdir(folder)
    reproduce(("polarity",))
    run("git", "add", "--all")
    run("git", "-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-qm", "First votes")
    dvc("exp", "run", "-S", "polarity.min_score=0.6", "polarity")
    assert "polarity.min_score" in dvc("params", "diff")
    assert "min_score: 0.6" in Path("params.yaml").read_text()
    assert "0.6" in dvc("exp", "show", "--csv")
