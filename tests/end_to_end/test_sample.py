"""The whole main job, crawled over HTTP: both doors, and what the sound says or does not say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.dag import Dag, reproduce
from tasks import paths, tables
from tasks.page.headline import headline

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def artifacts(folder: Path) -> dict[str, bytes]:
    data = folder / "data"
    made = (path for path in sorted(data.rglob("*")) if path.is_file() and path.parent != data)
    return {str(path.relative_to(data)): path.read_bytes() for path in made}


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True, capture_output=True)


def clone(folder: Path, target: Path) -> Path:
    """What git would hand on of a project: all but the artifacts, the cache and the memo."""
    made = ("data/*/", ".undertone", ".dvc/cache", ".dvc/tmp")
    shutil.copytree(folder, target, symlinks=True)
    for path in [path for pattern in made for path in target.glob(pattern) if path.name not in ("listeners", "voters")]:
        shutil.rmtree(path)
    return target


def test_both_doors_lead_to_the_same_bytes(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefect: None
) -> None:
    from flows.weak_supervision import weak_supervision

    by_dvc, by_flow = workspaces("by-dvc", "by-flow", train=6, test=3)
    monkeypatch.chdir(by_dvc)
    reproduce()
    lost = {row["reason"] for row in tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()}
    assert {"not found", "no captions", "broken media", "live", "too large"} <= lost
    monkeypatch.chdir(by_flow)
    dvc("remote", "add", "-d", "store", str(tmp_path / "remote"))
    weak_supervision()
    assert all(Dag().is_current(stage) for stage in Dag().stages()), "dvc status is clean after a flow"
    done = (by_flow / "dvc.lock").read_bytes()
    assert done == (by_dvc / "dvc.lock").read_bytes()
    weak_supervision()
    assert (by_flow / "dvc.lock").read_bytes() == done, "a second flow finds every stage current"
    mine, theirs = artifacts(by_dvc), artifacts(by_flow)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []
    monkeypatch.chdir(by_dvc)
    reproduce()
    assert not list(by_dvc.rglob("*.part"))
    _labels_are_judged_on_the_terminal()
    # another machine: what git has, and what dvc pull brings, is enough to run nothing again
    monkeypatch.chdir(clone(by_flow, tmp_path / "clone"))
    assert not any(Dag().is_current(stage) for stage in Dag().stages())
    dvc("pull")
    weak_supervision(refresh=True)
    assert artifacts(Path()) == theirs
    assert Path("dvc.lock").read_bytes() == done
    assert not list(paths.TALLY.glob("[!c]*.json")), "nothing but the crawl looked for something new"
    assert not paths.CRAWL_LOG.exists(), "and it fetched no video"


@pytest.mark.parametrize(("prosody", "apart"), [(1.0, True), (0.0, False)])
def _labels_are_judged_on_the_terminal() -> None:
    """Where simulated listeners have voted: every voter scored, and a threshold that is what the stage found, too."""
    shown, tuned = (
        CliRunner().invoke(app, ["labels", verb], catch_exceptions=False, env={"COLUMNS": "100"}).output
        for verb in ("show", "tune")
    )
    worth = json.loads(paths.LABELS.read_text())
    assert worth["n_heard"] > 0
    for one in worth["voters"]:
        assert f"{one['gold']['macro_f1']['value']:.3f}" in shown
    assert f"polarity.min_score: {worth['proposed']['value']:.3f}" in tuned


def test_the_classifier_hears_prosody_and_nothing_else(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, prosody: float, apart: bool
) -> None:
    (folder,) = workspaces("project", prosody=prosody)
    monkeypatch.chdir(folder)
    reproduce(("evaluate",))
    metrics: dict[str, Any] = json.loads(paths.METRICS.read_text())
    macro_f1 = headline(metrics)[0]
    if apart:
        assert macro_f1.classifier.side_of(macro_f1.shuffled) == "above"
        assert macro_f1.classifier.side_of(macro_f1.majority) == "above"
    else:
        assert macro_f1.classifier.side_of(macro_f1.shuffled) != "above"
