"""A project folder as version 0.1.0 made it, after a run of the sample."""

from __future__ import annotations

import shutil
from pathlib import Path

from tasks.core.code_version import ROOT

EARLIER = ROOT / "flows" / "project" / "earlier"
FIXTURE = ROOT / "tests" / "fixtures" / "project-0.1.0"
DVC_CONFIG = "[core]\n    no_scm = True\n    analytics = false\n"


def make(folder: Path) -> Path:
    """Make the folder, with dangling links to the code."""
    shutil.copytree(FIXTURE, folder)
    for name, source in (("dvc.yaml", "dvc-0.1.0.yaml"), ("prefect.yaml", "prefect-0.1.0.yaml")):
        shutil.copy(EARLIER / source, folder / name)
    shutil.copy(EARLIER / "dvcignore-0.1.0.txt", folder / ".dvcignore")
    shutil.copy(EARLIER / "gitignore-0.1.0.txt", folder / ".gitignore")
    for name in ("listeners", "voters"):
        (folder / "data" / name).mkdir()
        shutil.copy(ROOT / "data" / name / "README.md", folder / "data" / name)
    for name in ("tasks", "flows"):
        (folder / name).symlink_to(Path("/nowhere", name))
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(DVC_CONFIG)
    return folder
