"""Folders replaced together: the old files until the new ones are complete, never some of each."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import folders
from tasks.core.code_version import ROOT

DYING = """
import os, signal, sys
from pathlib import Path
from tasks.core import folders
if sys.argv[1] == "between":
    folders.ctypes.CDLL = lambda _: object()  # a system without the call
    plain = Path.rename
    def rename(path, target):
        if path.name == ".results.part":
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(path, target)
    Path.rename = rename
with folders.replaced(Path("results")) as folder:
    for name in ("a", "b"):
        (folder / name).write_text("new")
        if sys.argv[1] == name:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("results")
    (folder / "model").mkdir(parents=True)
    for name in ("a", "b", ".gitignore", "model/weights"):
        (folder / name).write_text("old")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def renew(folder: Path) -> None:
    with folders.replaced(folder) as new:
        (new / "model").mkdir()
        for name in ("a", "b", "model/layers"):
            (new / name).write_text("new")


RENEWED = {".gitignore": "old", "a": "new", "b": "new", "model/layers": "new"}


@pytest.mark.parametrize("system", ["exchanges", "refuses", "lacks the call"])
def test_all_files_are_replaced_and_others_kept(results: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    class Library:
        if system == "refuses":
            renameat2 = staticmethod(lambda *_: -1)

    if system != "exchanges":
        monkeypatch.setattr(folders.ctypes, "CDLL", lambda _: Library())
    renew(results)
    assert content(results) == RENEWED
    assert [path.name for path in Path().iterdir()] == ["results"]


def test_a_new_folder_and_a_linked_one(results: Path) -> None:
    renew(Path("elsewhere/results"))
    assert content(Path("elsewhere/results")) == {name: "new" for name in RENEWED if name != ".gitignore"}
    Path("link").symlink_to(results)
    renew(Path("link"))
    assert Path("link").is_symlink()
    assert content(results) == RENEWED


def test_after_an_error_the_old_files_are_there_and_the_message_names_the_folder(results: Path) -> None:
    old = content(results)
    with pytest.raises(OSError, match="results/b") as error, folders.replaced(results) as new:
        (new / "a").write_text("new")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(new / "b"))
    assert error.value.filename == "results/b"
    assert content(results) == old
    assert [path.name for path in Path().iterdir()] == ["results"]


@pytest.mark.parametrize("moment", ["a", "b", "between"])
def test_a_kill_leaves_all_old_files_and_the_next_run_completes(results: Path, moment: str) -> None:
    old = content(results)
    died = subprocess.run([sys.executable, "-c", DYING, moment], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert died.returncode == -signal.SIGKILL
    # without the system's call there is a moment without the folder, and none with files of both runs
    assert content(results if results.exists() else Path(".results.old")) == old
    renew(results)
    assert content(results) == RENEWED
    assert [path.name for path in Path().iterdir()] == ["results"]
