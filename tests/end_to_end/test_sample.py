"""The whole main job, crawled over HTTP: both doors, and what the sound says or does not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.dag import Dag, reproduce
from tasks import paths, tables
from tasks.page.headline import headline

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def artifacts(folder: Path) -> dict[str, bytes]:
    data = folder / "data"
    made = (path for path in sorted(data.rglob("*")) if path.is_file() and path.parent != data)
    return {str(path.relative_to(data)): path.read_bytes() for path in made}


def test_both_doors_lead_to_the_same_bytes(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.testing.utilities import prefect_test_harness

    from flows.weak_supervision import weak_supervision

    by_dvc, by_flow = workspaces("by-dvc", "by-flow", train=6, test=3)
    monkeypatch.chdir(by_dvc)
    reproduce()
    lost = {row["reason"] for row in tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()}
    assert {"not found", "no captions", "broken media", "live", "too large"} <= lost
    with prefect_test_harness(server_startup_timeout=90):
        monkeypatch.chdir(by_flow)
        weak_supervision()
        assert all(Dag().is_current(stage) for stage in Dag().stages()), "dvc status is clean after a flow"
        done = (by_flow / "dvc.lock").read_bytes()
        weak_supervision()
        assert (by_flow / "dvc.lock").read_bytes() == done, "a second flow finds every stage current"
    mine, theirs = artifacts(by_dvc), artifacts(by_flow)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []
    monkeypatch.chdir(by_dvc)
    reproduce()
    assert not list(by_dvc.rglob("*.part"))


@pytest.mark.parametrize(("prosody", "apart"), [(1.0, True), (0.0, False)])
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
