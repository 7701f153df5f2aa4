"""The whole main job, crawled over HTTP: both doors, and what the sound says or does not say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.project import shipped
from flows.project.dag import Dag, reproduce
from flows.runs import in_process
from tasks.core import paths, tables
from tasks.pages.common import score_text

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
    for path in [path for pattern in made for path in target.glob(pattern) if path.name not in shipped.DATA_FOLDERS]:
        shutil.rmtree(path)
    return target


def test_both_doors_lead_to_the_same_bytes(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefect: None
) -> None:
    from flows.weak_supervision import weak_supervision

    by_dvc, by_flow, here_alone = workspaces("by-dvc", "by-flow", "here", train=6, test=3)
    monkeypatch.chdir(by_dvc)
    reproduce()
    lost = {row["reason"] for row in tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()}
    assert {"not found", "no captions", "broken media", "live", "too large"} <= lost
    monkeypatch.chdir(here_alone)
    in_process.bring_up_to_date(say=str)
    assert (here_alone / "dvc.lock").read_bytes() == (by_dvc / "dvc.lock").read_bytes()
    assert artifacts(here_alone) == artifacts(by_dvc)
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


def _labels_are_judged_on_the_terminal() -> None:
    """Every voter is scored where someone has listened, and the threshold is the one that the stage found, too."""
    rows = [row for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist() if row["split"] == "test"]
    labels = {
        row["utterance_id"]: row["majority"] or "skipped" for row in tables.read(paths.VOTES, tables.VOTES).to_pylist()
    }
    heard = [
        ",".join(
            (one["group"].removeprefix("test-"), str(one["start_s"]), str(one["end_s"]), labels[one["utterance_id"]])
        )
        for one in rows
    ]
    (paths.LISTENERS / "echo.csv").write_text("\n".join(["Id,start_s,end_s,Echo", *heard]) + "\n", encoding="utf-8")
    shown, tuned = (
        subprocess.run(
            [Path(sys.executable).with_name("undertone"), "labels", verb],
            check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"},
        ).stdout
        for verb in ("show", "tune")
    )  # fmt: skip
    worth = json.loads(paths.LABELS.read_text())
    assert worth["n_heard"] > 10
    for one in worth["voters"]:
        assert f"{one['gold']['macro_f1']['value']:.3f}" in shown
    assert f"polarity.min_score: {worth['proposed']['value']:.3f}" in tuned


@pytest.mark.long
@pytest.mark.parametrize(("prosody", "apart"), [(1.0, True), (0.0, False)])
def test_the_classifier_hears_prosody_and_nothing_else(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, prosody: float, apart: bool
) -> None:
    (folder,) = workspaces("project", prosody=prosody)
    monkeypatch.chdir(folder)
    in_process.bring_up_to_date(["experiment@interviews-source"], say=str)
    metrics: dict[str, Any] = json.loads((paths.experiment("interviews-source") / "results.json").read_text())
    macro_f1 = {name: scores["macro_f1"] for name, scores in score_text.systems(metrics).items()}
    if apart:
        assert macro_f1["recipe"].side_of(macro_f1[score_text.SHUFFLED]) == "above"
        assert macro_f1["recipe"].side_of(macro_f1["majority class"]) == "above"
    else:
        assert macro_f1["recipe"].side_of(macro_f1[score_text.SHUFFLED]) != "above"
