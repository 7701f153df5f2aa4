"""A user's project folder: the shipped pipeline with their own lists, parameters, data and stages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flows.project import shipped
from tasks.core.errors import InputError

_HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


def create(folder: Path) -> None:
    """Make a project folder: shipped files copied, the code linked, empty lists and an empty file of own stages.

    Args:
        folder: the folder; it must be empty or not exist

    Raises:
        InputError: if the folder exists and is not empty
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; name a new folder")
    data = folder / "data"
    shipped.create_data_folders(folder)
    shipped.link(folder)
    shipped.copy(folder)
    shipped.create_own_stages(folder)
    for split in ("train", "test"):
        (data / f"{split}.csv").write_text(_HEADER, encoding="utf-8")
    dvc = [sys.executable, "-m", "dvc"]
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([*dvc, "init", "--no-scm", "--quiet"], cwd=folder, env=env, check=True)  # noqa: S603
    subprocess.run([*dvc, "config", "core.analytics", "false"], cwd=folder, env=env, check=True)  # noqa: S603
    # below .dvc, which `dvc init` makes
    shipped.record(folder)
