"""New project folders: content, ignored files, the note of the code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.project import shipped, upgrade, workspace
from tasks.core.code_version import ROOT
from tasks.core.errors import InputError
from tests.flows.project import old_project


def test_git_ignores_artifacts_but_not_lists_and_parameters(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    workspace.create(folder)
    for made in (
        "data/crawl/videos.parquet",
        "data/listeners/anna.csv",
        "data/voters/mine.py",
        ".undertone/memo/x",
        ".dvc/cache/files/x",
        ".dvc/config.local",
        "dvc.lock",
    ):
        (folder / made).parent.mkdir(parents=True, exist_ok=True)
        (folder / made).write_text("x")
    git(folder, "add", ".")
    listed = git(folder, "ls-files").split()
    assert {"dvc.yaml", "dvc.lock", "params.yaml", "data/train.csv", "data/listeners/anna.csv"} <= set(listed)
    assert {"data/voters/README.md", "data/voters/mine.py", "data/listeners/README.md"} <= set(listed)
    assert {shipped.NOTE, ".dvc/plots/undertone_confusion.json", f".dvc/{shipped.PLOTS_PAGE}"} <= set(listed)
    assert {"own/dvc.yaml", ".dvc/config", ".dvc/undertone/dvc.yaml", ".dvc/undertone/params.yaml"} <= set(listed)
    ignored = (".undertone", ".dvc/cache", ".dvc/tmp", ".dvc/config.local", "data/crawl")
    assert not [name for name in listed if name.startswith(ignored)]
    with pytest.raises(InputError, match="not empty"):
        workspace.create(folder)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_project_needs_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refused)
    monkeypatch.setattr(os, "link", refused)
    folder = tmp_path / "mine"
    workspace.create(folder)
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_a_project_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shipped, "record", full)
    with pytest.raises(OSError, match="No space left"):
        workspace.create(tmp_path / "above" / "mine")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(OSError, match="No space left"):
        workspace.create(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.fixture
def without_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose git has no name, hooks that refuse, and commits that have to be signed."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgSign = true\n[init]\n\tdefaultBranch = trunk\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("without_identity")
def test_a_new_project_is_a_git_repository_with_one_commit(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    workspace.create(folder)
    assert git(folder, "log", "--format=%an %s") == "undertone New undertone project"
    assert git(folder, "status", "--porcelain") == ""
    assert "no_scm" not in (folder / ".dvc" / "config").read_text()


def test_a_project_inside_a_repository_is_part_of_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "mine"
    workspace.create(folder)
    assert not (folder / ".git").exists()
    assert Path(git(folder, "rev-parse", "--show-toplevel")).resolve() == tmp_path.resolve()
    assert "no_scm" not in (folder / ".dvc" / "config").read_text()
    done = subprocess.run([sys.executable, "-m", "dvc", "status", "code"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_project_in_a_folder_that_a_repository_ignores_is_a_repository_of_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("scratch/\n")
    folder = tmp_path / "scratch" / "project"
    workspace.create(folder)
    assert (folder / ".git").is_dir()
    assert (folder / ".dvc").is_dir()


def test_without_git_a_project_does_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "mine"
    workspace.create(folder)
    assert "no_scm = True" in (folder / ".dvc" / "config").read_text()


def test_a_cloned_project_of_an_earlier_version_uses_the_code_here(tmp_path: Path) -> None:
    folder = old_project.make(tmp_path / "old")
    for name in shipped.CODE_FOLDERS:
        # git ignored the links
        (folder / name).unlink()
    with (folder / "dvc.yaml").open("a") as dag:
        dag.write("\n  words: {cmd: wc data/train.csv > data/words.txt, outs: [data/words.txt]}\n")
    assert not upgrade.is_project(folder), "nothing tells it from another DVC project"
    result = CliRunner().invoke(app, ["link", str(folder)])
    assert result.exit_code == 0, result.output
    assert (folder / shipped.NOTE).read_text() == shipped.note()
    assert (folder / ".dvc" / shipped.PLOTS_PAGE).is_file()
    assert "python -m tasks" not in (folder / "dvc.yaml").read_text()
    with pytest.raises(InputError, match="runs its own code"):
        shipped.link(ROOT)
    with pytest.raises(InputError, match="no project folder"):
        CliRunner().invoke(app, ["link", str(folder / "data")], catch_exceptions=False)


def test_a_project_of_recordings_on_disk(tmp_path: Path) -> None:
    media = tmp_path / "my recordings"
    media.mkdir()
    for name in ("Ein Gespräch.opus", "Ein Gespräch.en.vtt", "b.MKV", "notes.txt"):
        (media / name).write_bytes(name.encode())
    result = CliRunner().invoke(app, ["new", str(tmp_path / "mine"), "--media", str(media)])
    assert result.exit_code == 0, result.output
    assert "2 recordings are in" in result.output
    assert "b.MKV: no captions beside it" in result.output
    words = " ".join(result.output.split())
    assert "Without captions: 1. To recognise their speech instead of rejecting them" in words
    assert "transcribe.when: missing in" in words
    assert "notes.txt: neither media nor captions of a media file" in result.output
    train = (tmp_path / "mine/data/train.csv").read_text().splitlines()
    assert train[0] == "Id,File,Title"
    assert train[1].endswith(f",{media / 'Ein Gespräch.opus'},Ein Gespräch")
    assert len((tmp_path / "mine/data/test.csv").read_text().splitlines()) == 2
    result = CliRunner().invoke(app, ["new", str(tmp_path / "other"), "--media", str(tmp_path / "nowhere")])
    assert result.exit_code != 0
    assert not (tmp_path / "other").exists()
