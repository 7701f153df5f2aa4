"""The interviews with speakers told apart: `undertone run`, `dvc repro` and a flow write the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.project.dag import Dag, reproduce
from flows.runs import in_process
from tasks.core import paths, tables
from tests.tasks.media.voices import conftest as tiny

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
weights = tiny.weights


def artifacts(folder: Path) -> dict[str, bytes]:
    made = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in made if path.parent.name != "data"}


def test_all_drivers_write_the_same_bytes(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, weights: Path, prefect: None
) -> None:
    from flows.weak_supervision import weak_supervision

    folders = by_dvc, by_flow, by_run = workspaces("by-dvc", "by-flow", "by-run", train=6, test=3)
    for folder in folders:
        params = folder / "params.yaml"
        text = re.sub(r"(?m)^(speakers:.*\n  when: )never", r"\1always", params.read_text())
        params.write_text(text.replace("  speakers: all ", "  speakers: most"))
    monkeypatch.chdir(by_dvc)
    reproduce()
    monkeypatch.chdir(by_flow)
    weak_supervision()
    assert all(Dag().is_current(stage) for stage in Dag().stages())
    monkeypatch.chdir(by_run)
    in_process.bring_up_to_date(say=str)
    written = artifacts(by_dvc)
    assert artifacts(by_flow) == written
    assert artifacts(by_run) == written
    voices = tables.read(paths.SPEAKER_VOICES, tables.SPEAKER_VOICES)
    assert voices.num_rows >= 9
    left_out = tables.read(paths.VOTES, tables.VOTES)["left_out"].to_pylist()
    assert "another speaker" in left_out
    report = paths.REPORT.read_text(encoding="utf-8")
    assert "Speakers of each video" in report
    assert "Only utterances of the speaker who speaks most in the video." in report
