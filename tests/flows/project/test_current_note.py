"""The note that all stages were current: it holds until anything changes that DVC would notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.project import current_note
from flows.project.current_note import FileWatch, WatchedFiles


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedFiles:
    monkeypatch.chdir(tmp_path)
    Path("media").mkdir()
    Path("media", "sound").write_text("sound")
    Path("params.yaml").write_text("a: 1\n")
    return WatchedFiles(["media", "out"], ["*.yaml", "*/dvc.yaml"])


def noted(files: WatchedFiles) -> None:
    assert FileWatch(files).note("all", ["captions", "report"])
    assert current_note.unchanged("all") == ("captions", "report")


def test_without_a_change_the_stages_are_current(files: WatchedFiles) -> None:
    assert current_note.unchanged("all") == ()
    noted(files)
    assert current_note.unchanged("interviews") == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("media", "sound").write_text("other"),
        lambda: Path("media", "sound").unlink(),
        lambda: Path("media", "more").write_text(""),
        lambda: Path("out").write_text("made"),
        lambda: Path("params.yaml").write_text("a: 2\n"),
        lambda: (Path("own").mkdir(), Path("own", "dvc.yaml").write_text("")),
    ],
)
def test_any_change_ends_it(files: WatchedFiles, change: Callable[[], object]) -> None:
    noted(files)
    change()
    assert current_note.unchanged("all") == ()


def test_it_is_not_used_while_a_process_runs_a_stage(files: WatchedFiles) -> None:
    noted(files)
    lock = Path(".dvc", "tmp", "rwlock")
    lock.parent.mkdir(parents=True)
    lock.write_text('{"write": {}, "read": {}}')
    assert current_note.unchanged("all")
    lock.write_text('{"write": {"/x/out": {"pid": 7, "cmd": "dvc repro"}}, "read": {}}')
    assert not current_note.unchanged("all")


def test_a_damaged_note_is_none(files: WatchedFiles) -> None:
    noted(files)
    path = current_note.FOLDER / "all.json"
    whole = path.read_text()
    for text in (whole[:-9], whole.replace("report", "rapport"), "[]", "", json.dumps({"note": 3, "sha256": ""})):
        path.write_text(text)
        assert current_note.unchanged("all") == ()


def test_none_is_written_if_a_file_changed_during_the_run(files: WatchedFiles) -> None:
    noted(files)
    watch = FileWatch(files)
    Path("media", "sound").write_text("other")
    assert not watch.note("all", ["captions"])
    assert current_note.unchanged("all") == ()


def test_files_that_the_run_recorded_may_change_before_and_not_after(files: WatchedFiles) -> None:
    watch = FileWatch(files)
    Path("out").write_text("made")
    watch.recorded({"out": files.stamps()["out"]})
    assert watch.note("all", ["captions"])
    watch.recorded({"out": files.stamps()["out"]})
    Path("out").write_text("edited")
    assert not watch.note("all", ["captions"])


def test_a_stage_may_make_a_folder_and_replace_the_files_in_it(files: WatchedFiles) -> None:
    for name in ("first", "second"):
        watch = FileWatch(files)
        Path("out").mkdir(exist_ok=True)
        for path in Path("out").iterdir():
            path.unlink()
        Path("out", name).write_text("made")
        watch.recorded({f"out/{name}": files.stamps()[f"out/{name}"]})
        assert watch.note("all", ["captions"])
    Path("out", "second").unlink()
    assert not watch.note("all", ["captions"])
