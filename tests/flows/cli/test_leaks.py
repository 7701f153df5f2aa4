"""Audit of the interviews on the command line: they are the default corpus, and params.yaml may declare leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.project import dag, workspace
from tasks.core import paths, tables
from tasks.core.errors import LeakError


@pytest.fixture
def interviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Write a corpus in which one video is in both parts; return the stages that commands bring up to date."""
    workspace.create(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    rows = [
        {"utterance_id": f"weak/{part}/{number}", "corpus": "interviews", "group": group, "split": part}
        for part, groups in (("train", ("a", "b", "c")), ("test", ("c", "d")))
        for number, group in enumerate(groups)
    ]
    folder = paths.folder("corpus@interviews")
    tables.write(tables.from_rows(rows, tables.UTTERANCES), folder / "utterances.parquet", tables.UTTERANCES)
    tables.write(tables.SOUNDS.empty_table(), folder / "sounds.parquet", tables.SOUNDS)
    tables.write_text(folder / "reading.json", json.dumps({"simulated": False}))
    targets: list[tuple[str, ...]] = []
    monkeypatch.setattr(dag, "reproduce", targets.append)
    return targets


def test_the_interviews_are_the_default(interviews: list[tuple[str, ...]]) -> None:
    result = CliRunner().invoke(app, ["audit"])
    assert isinstance(result.exception, LeakError)
    assert "seen groups" in str(result.exception)
    assert interviews == [("corpus@interviews",)]
    listing = json.loads((paths.folder("corpus@interviews") / "audit.json").read_text(encoding="utf-8"))
    assert listing["passed"] is False
    accepted = CliRunner().invoke(app, ["audit", "interviews", "--declare", "seen-groups"])
    assert accepted.exit_code == 0, accepted.output


def test_leaks_that_params_declare_are_accepted(interviews: list[tuple[str, ...]]) -> None:
    text = paths.PARAMS.read_text(encoding="utf-8")
    assert "declared: []" in text
    paths.PARAMS.write_text(text.replace("declared: []", "declared: [seen-groups]"), encoding="utf-8")
    result = CliRunner().invoke(app, ["audit"])
    assert result.exit_code == 0, result.output
    assert "as declared" in result.output
