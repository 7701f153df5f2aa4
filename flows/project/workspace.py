"""A project folder of one's own: the same pipeline, other lists, parameters and data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tasks.core.code_version import ROOT
from tasks.core.errors import InputError

_LINKED = ("tasks", "flows")
_COPIED = ("dvc.yaml", "params.yaml", "prefect.yaml", ".dvcignore")
_YOURS = ("listeners", "voters")
"""Folders of data that people fill."""
_GITIGNORE = "/data/*/\n!/data/listeners/\n!/data/voters/\n/.undertone\n/predictions\n/tasks\n/flows\n"
_HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


def create(folder: Path) -> None:
    """Make a project folder: parameters and DAG copied, the code linked, empty lists to fill in.

    Raises:
        InputError: if the folder exists and is not empty
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; name a new folder")
    data = folder / "data"
    for name in _YOURS:
        (data / name).mkdir(parents=True)
        shutil.copy(ROOT / "data" / name / "README.md", data / name / "README.md")
    link(folder)
    (folder / ".gitignore").write_text(_GITIGNORE, encoding="utf-8")
    for name in _COPIED:
        shutil.copy(ROOT / name, folder / name)
    for split in ("train", "test"):
        (data / f"{split}.csv").write_text(_HEADER, encoding="utf-8")
    dvc = [sys.executable, "-m", "dvc"]
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([*dvc, "init", "--no-scm", "--quiet"], cwd=folder, env=env, check=True)  # noqa: S603
    subprocess.run([*dvc, "config", "core.analytics", "false"], cwd=folder, env=env, check=True)  # noqa: S603


def link(folder: Path) -> None:
    """Link a project folder to the code of the undertone that runs this; links that lead elsewhere are replaced.

    Raises:
        InputError: if a folder or file of that name is in the way
    """
    for name in _LINKED:
        path = folder / name
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            raise InputError(
                f"{path} is in the way of a link to {ROOT / name}; is {folder} a clone of undertone itself?"
            )
        path.symlink_to(ROOT / name, target_is_directory=True)
