"""A user's project folder: the shipped pipeline with their own lists, parameters, data and stages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.project import shipped
from tasks.core.errors import InputError, UndertoneError
from tasks.fetching import local_files
from tasks.fetching.local_files import LocalRecording

_MAX_SHOWN = 500
_HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


def create(folder: Path, recordings: Sequence[LocalRecording] = ()) -> None:
    """Make a project folder: shipped files copied, the code noted, lists, an empty file of own stages, a first commit.

    A folder inside a git repository stays part of that one; without git, DVC does without it, too.

    Args:
        folder: the folder; it must be empty or not exist
        recordings: files on disk to list; without any, the lists are empty

    Raises:
        InputError: if the folder exists and is not empty
        UndertoneError: if DVC cannot be set up in it
        OSError: if it cannot be written; nothing is left behind then
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; name a new folder")
    with _all_or_nothing(folder):
        _fill(folder, recordings)


@contextmanager
def _all_or_nothing(folder: Path) -> Iterator[None]:
    """Empty a folder again if filling it fails, so that the same command can be repeated; remove its new parents."""
    was_there = folder.exists()
    made = [parent for parent in folder.absolute().parents if not parent.exists()]
    try:
        yield
    except BaseException:
        for path in folder.iterdir() if folder.is_dir() else ():
            # links are removed, not followed
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        if folder.is_dir() and not was_there:
            folder.rmdir()
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        raise


def _fill(folder: Path, recordings: Sequence[LocalRecording]) -> None:
    data = folder / "data"
    shipped.create_data_folders(folder)
    shipped.copy(folder)
    shipped.create_own_stages(folder)
    train, test = data / "train.csv", data / "test.csv"
    if recordings:
        local_files.write_lists(recordings, train, test)
    else:
        for path in (train, test):
            path.write_text(_HEADER, encoding="utf-8")
    has_git = shutil.which("git") is not None
    inside = has_git and _is_tracked(folder)
    made = has_git and not inside and _git(folder, "init", "--quiet").returncode == 0
    _dvc(folder, "init", *(["--subdir"] if inside else [] if made else ["--no-scm"]))
    _dvc(folder, "config", "core.analytics", "false")
    _dvc(folder, "config", "plots.html_template", shipped.PLOTS_PAGE)
    # below .dvc, which `dvc init` makes
    shipped.link(folder)
    shipped.record(folder)
    if made:
        _commit(folder)


def _is_tracked(folder: Path) -> bool:
    """Return whether a folder is in a git repository that does not ignore it: DVC refuses to be ignored."""
    is_inside = _git(folder, "rev-parse", "--is-inside-work-tree").returncode == 0
    return is_inside and _git(folder, "check-ignore", "--quiet", ".dvc").returncode != 0


def _commit(folder: Path) -> None:
    """Commit the new project; a user without a name in git's settings gets a neutral one for this commit."""
    named = _git(folder, "config", "user.email").returncode == 0
    identity = [] if named else ["-c", "user.name=undertone", "-c", "user.email=undertone@localhost"]
    # the user's hooks and signing key are about their own commits
    plain = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"]
    for arguments in (["add", "--all"], [*identity, *plain, "commit", "--quiet", "--message", "New undertone project"]):
        done = _git(folder, *arguments)
        if done.returncode:
            raise UndertoneError(
                f"{folder}: `git {arguments[-1]}` failed: {' '.join(done.stderr.split())[-_MAX_SHOWN:]}"
            )


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # set by a hook that calls us, they would lead to another repository
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
    env = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=folder, env=env, check=False, capture_output=True, text=True,
    )  # fmt: skip


def _dvc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise UndertoneError(f"{folder}: `dvc {arguments[0]}` failed: {words[-_MAX_SHOWN:]}")
