"""Real interviews, served on loopback by the project's own site and crawled like any others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.project import workspace
from flows.project.dag import reproduce
from tasks.core import paths, tables
from tasks.simulate import site
from tasks.simulate.folder import folder

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.filterwarnings("default")]


def test_four_interviews_and_an_audiobook_yield_a_report(
    real_data: Path, tmp_path: Path, workspaces: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "real"
    workspace.create(project)
    monkeypatch.chdir(project)
    pages = folder(real_data / "interviews")
    with site.serve(pages) as url:
        site.write_lists(pages, url, project / "data/train.csv", project / "data/test.csv")
        params = project / "params.yaml"
        params.write_text(params.read_text().replace("127.0.0.1:8417", url.removeprefix("http://")))
        reproduce()
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    assert {name.split("-", 1)[1] for name in videos} == {"1", "2", "3", "kobe", "manifesto_audio"}
    for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist():
        assert 0 <= row["start_s"] < row["end_s"] <= videos[row["group"]]["duration_s"] + 1e-9
    assert paths.REPORT.stat().st_size > 100_000
