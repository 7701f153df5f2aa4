"""Audit of the interviews on the command line: they are the default corpus, and params.yaml may declare leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.project import dag, workspace
from tasks.core import paths, tables
from tasks.core.errors import InputError, LeakError


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


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def test_two_tables_are_audited_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text("speaker,text\nanna,one two three\nben,four five six\n")
    Path("test.csv").write_text("speaker,text\ncarl,seven eight nine\n")
    clean = run("train.csv", "test.csv")
    assert clean.exit_code == 0, clean.output
    assert "Clean" in clean.output
    Path("test.csv").write_text("speaker,text\ncarl,seven eight nine\nben,ten eleven\n")
    leaky = run("train.csv", "test.csv")
    assert leaky.exit_code == 1
    assert "seen speakers" in leaky.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.csv", "train.csv"], "nothing is left behind"
    listing = json.loads(run("train.csv", "test.csv", "--json").stdout)
    assert listing["shared"]["speaker"] == [{"value": "ben", "n_train": 1, "n_test": 1, "train_row": 3, "test_row": 3}]
    assert run("train.csv", "test.csv", "--declare", "seen-speakers").exit_code == 0
    assert run("train.csv", "test.csv", "--column", "speaker=").exit_code == 0
    assert run("train.csv", "test.csv", "--apart", "group").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.csv"], "expected two tables"),
        (["ravdess", "--media", "x"], "--media: only with two tables"),
        (["train.csv", "test.csv", "--column", "speaker"], "expected ROLE=NAME"),
        (["train.csv", "test.csv"], "train.csv"),
    ],
)
def test_mistakes_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not list(tmp_path.iterdir())
