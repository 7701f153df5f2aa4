"""Removal in a project: continued after an interruption, and honest about what it could not reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.project import workspace
from flows.runs import forgetting
from tasks.core import config, forgotten, paths, tables
from tasks.core.config import Config
from tasks.on_demand.forgetting.subject import resolve

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A project with two listed videos, and a table of speakers."""
    workspace.create(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    Path("data/train.csv").write_text("Id,URL\n1,http://x.org/watch/1\n2,http://x.org/watch/2\n")
    Path("data/test.csv").write_text("Id,URL\n3,http://x.org/watch/3\n")
    rows = [
        {"utterance_id": f"interviews/train-{number}/0000", "speaker": f"person-{number}", "name": name, "share": 1.0}
        for number, name in ((1, "Ada"), (2, "Ben"))
    ]
    tables.write(tables.from_rows(rows, tables.SPEAKERS), paths.SPEAKER_OF, tables.SPEAKERS)
    return config.load(paths.PARAMS)


def remove(subject: Any, settings: Config) -> forgetting.Removal:
    return forgetting.remove(subject, settings, dry_run=False, say=lambda _: None)


def test_an_interrupted_removal_is_continued(listed: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "_remove_memo", killed)
        with pytest.raises(KeyboardInterrupt):
            remove(resolve("video", "train-1", listed), listed)
    assert forgotten.read().removed, "written first: nothing is fetched again"
    unfinished = forgetting.pending()
    assert unfinished is not None
    assert unfinished.videos == ("train-1",)
    Path("left.csv").write_text("see http://x.org/watch/1\n")
    removal = remove(unfinished, listed)
    assert [line.where for line in removal.lines if line.where == "other files"]
    assert not Path("left.csv").exists()
    assert forgetting.pending() is None
    assert Path("data/train.csv").read_text() == "Id,URL\n2,http://x.org/watch/2\n"


def test_a_speaker_of_interviews_is_removed_with_the_interview(listed: Config) -> None:
    subject = resolve("speaker", "Ada", listed)
    assert (subject.videos, subject.names) == (("train-1",), ("Ada",))
    remove(subject, listed)
    assert "watch/1" not in Path("data/train.csv").read_text()
    assert not paths.SPEAKERS.exists(), "outputs of affected stages are removed"
    ledger = forgotten.read()
    assert ledger.day(forgotten.VIDEO, subject.identities[0])
    assert ledger.day(forgotten.SPEAKER, "Ada")


def test_says_what_it_could_not_reach(listed: Config) -> None:
    command = [sys.executable, "-m", "dvc", "remote", "add", "far", "gdrive://folder/x"]
    subprocess.run(command, check=True, capture_output=True)
    Path("notes.md").write_text("http://x.org/watch/1 is good\n")
    removal = remove(resolve("video", "train-1", listed), listed)
    left = "\n".join(removal.left)
    assert "far (gdrive://folder/x): cannot be reached" in left
    assert "dvc gc --workspace --cloud --remote far" in left
    assert "written by people, and named here: notes.md" in left
    assert Path("notes.md").read_text() == "http://x.org/watch/1 is good\n"
