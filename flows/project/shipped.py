"""The shipped part of a project: copied files with a record of each, links to the code, folders to fill.

The records (`.dvc/undertone/`) hold the text of each file as it was shipped, so that a later version can distinguish
a user's edits from the text of an older version. For projects without records, there are digests of all files that were
shipped before, and the files of version 0.1.0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tasks.core import pipeline_file, tables
from tasks.core.code_version import ROOT
from tasks.core.errors import InputError

LINKED = ("tasks", "flows")
"""Folders of code that a project links to."""
COPIED = ("params.yaml", "dvc.yaml", "prefect.yaml", ".dvcignore", ".gitignore")
"""Files that a project gets a copy of; a merged dvc.yaml is checked with the new params.yaml, hence the order."""
DATA_FOLDERS = ("listeners", "voters", "checkpoint", "experiment")
"""Folders of data that git tracks: those that people fill, and those that are inputs even while they are empty."""
GITIGNORE = """\
/data/*/
!/data/listeners/
!/data/voters/
!/data/checkpoint/
/data/checkpoint/*/
!/data/experiment/
/data/experiment/*/
/.dvc/cache
/.dvc/config.local
/.dvc/tmp
/.undertone
/predictions
/tasks
/flows
"""
RECORDS = Path(".dvc", "undertone")
"""The copies as they were shipped, below the project folder."""
OWN = pipeline_file.OWN
"""The DVC file for a user's own stages."""
_EARLIER = Path(__file__).with_name("earlier")
_BASES = {
    "dvc.yaml": "dvc-0.1.0.yaml",
    "params.yaml": "params-0.1.0.yaml",
    "prefect.yaml": "prefect-0.1.0.yaml",
    ".dvcignore": "dvcignore-0.1.0.txt",
    ".gitignore": "gitignore-0.1.0.txt",
}


def link(folder: Path, report: Callable[[str], None] = lambda _: None) -> None:
    """Link a project folder to the code of the undertone that runs this; links that lead elsewhere are replaced.

    Args:
        folder: the project
        report: receives a line if a link was made or replaced

    Raises:
        InputError: if a folder or file of that name is in the way
    """
    for name in LINKED:
        path = folder / name
        if path.exists() and not path.is_symlink():
            raise InputError(
                f"{path} is in the way of a link to {ROOT / name}; is {folder} a clone of undertone itself?"
            )
    stale = [name for name in LINKED if not leads_to_root(folder / name)]
    for name in stale:
        with tables.whole(folder / name) as part:
            part.unlink()
            part.symlink_to(ROOT / name, target_is_directory=True)
    if stale:
        report(f"{', '.join(stale)}: linked to the undertone at {ROOT}")


def copy(folder: Path) -> None:
    """Copy the shipped files into a new project."""
    for name in COPIED:
        write(folder / name, text(name))


def record(folder: Path) -> None:
    """Write the records of this version's files."""
    for name in COPIED:
        if recorded(folder, name) != text(name):
            write(_record_path(folder, name), text(name))


def create_data_folders(folder: Path) -> None:
    """Make the folders of data that people fill, each with a README, unless they exist."""
    for name in DATA_FOLDERS:
        target = folder / "data" / name
        if not target.is_dir():
            write(target / "README.md", read(ROOT / "data" / name / "README.md"))


def create_own_stages(folder: Path) -> None:
    """Write the DVC file for the user's own stages, with an example in comments."""
    tables.write_text(folder / OWN, _OWN_STAGES)


def leads_to_root(path: Path) -> bool:
    """Return whether a path is a link to the folder of that name of the undertone that runs this.

    Args:
        path: one of `LINKED` in a project
    """
    return path.is_symlink() and path.resolve() == (ROOT / path.name).resolve()


def text(name: str) -> str:
    """Return a file as this version ships it.

    Args:
        name: one of `COPIED`
    """
    return GITIGNORE if name == ".gitignore" else read(ROOT / name)


def _record_path(folder: Path, name: str) -> Path:
    # without the dot, or git and DVC would take a record for a list of patterns
    return folder / RECORDS / name.removeprefix(".")


def recorded(folder: Path, name: str) -> str | None:
    """Return a file as it was shipped to a project, or None if there is no record.

    Args:
        folder: the project
        name: one of `COPIED`
    """
    path = _record_path(folder, name)
    return read(path) if path.is_file() else None


def earlier_text(name: str) -> str:
    """Return a file as version 0.1.0 shipped it: projects of that version have no records.

    Args:
        name: one of `COPIED`
    """
    return read(_EARLIER / _BASES[name])


def was_shipped(name: str, content: str) -> bool:
    """Return whether a file has the text of a version before there were records.

    Args:
        name: one of `COPIED`
        content: its text in a project
    """
    digest = hashlib.sha256(_bytes(content)).hexdigest()
    return f"{digest}  {name}" in read(_EARLIER / "digests.txt").splitlines()


def read(path: Path) -> str:
    """Read a text file; line ends, and bytes that are not UTF-8, survive `write`.

    Args:
        path: the file
    """
    return path.read_bytes().decode("utf-8", "surrogateescape")


def write(path: Path, content: str) -> None:
    """Replace a text file atomically.

    Args:
        path: the file
        content: its new text
    """
    tables.write_bytes(path, _bytes(content))


def _bytes(content: str) -> bytes:
    return content.encode("utf-8", "surrogateescape")


_OWN_STAGES = """\
# Stages of your own. An upgrade of undertone replaces ../dvc.yaml and leaves this file alone.
#
# `wdir: ..` makes paths relative to the project folder. Settings of your stages go into own/params.yaml: params.yaml is
# undertone's, and refuses keys it does not know. Write results below data/, which git leaves to DVC.
#
#   dvc repro own/dvc.yaml:words       this stage and what it needs (`dvc repro -P`: all files)
#   undertone run                      all stages, those here too
#
# stages:
#   words:
#     wdir: ..
#     desc: Count the words of all utterances
#     cmd: python own/words.py data/captions/utterances.parquet data/own/words.csv
#     deps:
#       - own/words.py
#       - data/captions/utterances.parquet
#     params:
#       - own/params.yaml:
#           - min_count
#     outs:
#       - data/own/words.csv
"""
