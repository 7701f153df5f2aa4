"""The shipped part of a project: copied files with a record of each, a note of the code, folders to fill.

The records (`.dvc/undertone/`) hold the text of each file as it was shipped, so that a later version can distinguish
a user's edits from the text of an older version. For projects without records, there are digests of all files that were
shipped before, and the files of version 0.1.0.

A checkout of undertone contains its code, on which the stage `code` depends. In a project that stage depends on
`undertone.txt` instead, a note with a digest of the installed code; every command that runs stages keeps it up to date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tasks.core import code_version, distribution, pipeline_file, tables
from tasks.core.code_version import ROOT
from tasks.core.errors import InputError

CODE_FOLDERS = ("tasks", "flows")
"""Folders of code in a checkout. Projects of earlier versions have links to them, which are removed."""
NOTE = "undertone.txt"
"""The note of the installed code in a project, an input of the stage `code`."""
_CODE_INPUT = "      - tasks\n"
_PLOTS = Path(".dvc", "plots")
_EARLIER_PLOTS_PAGE = "../tasks/pages/dvc_plots/page.html"
PLOTS_PAGE = "plots/undertone_page.html"
"""Page of `dvc plots show`, relative to .dvc: with Vega's scripts inside, so that it needs no network."""
COPIED = ("params.yaml", "dvc.yaml", "prefect.yaml", ".dvcignore", ".gitignore")
"""Files that a project gets a copy of; a merged dvc.yaml is checked with the new params.yaml, hence the order."""
DATA_FOLDERS = ("listeners", "rated", "voters", "checkpoint", "experiment", "robustness")
"""Folders of data that git tracks: those that people fill, and those that are inputs even while they are empty."""
GITIGNORE = """\
/data/*/
!/data/listeners/
!/data/rated/
!/data/voters/
!/data/checkpoint/
/data/checkpoint/*/
!/data/experiment/
/data/experiment/*/
!/data/robustness/
/.dvc/cache
/.dvc/config.local
/.dvc/tmp
/.undertone
/predictions
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
    """Make a project use the undertone that runs this: note its code, copy its plots, remove links of earlier versions.

    Args:
        folder: the project
        report: receives a line for each change

    Raises:
        InputError: if the folder contains code of undertone itself
    """
    if is_checkout(folder):
        raise InputError(f"{folder} is a clone of undertone itself: it runs its own code and needs no link")
    if links := [name for name in CODE_FOLDERS if (folder / name).is_symlink()]:
        for name in links:
            (folder / name).unlink()
        report(f"{', '.join(links)}: links to the code removed; stages run the installed undertone")
    if not note_is_current(folder):
        _copy_plots(folder)
        write(folder / NOTE, note())
        report(f"{NOTE}: {note().splitlines()[-2]}, {note().splitlines()[-1]}")


def is_checkout(folder: Path) -> bool:
    """Return whether a folder contains code of undertone, and not only links to it."""
    return any((folder / name).is_dir() and not (folder / name).is_symlink() for name in CODE_FOLDERS)


def note_is_current(folder: Path) -> bool:
    """Return whether a project's note is that of the installed code."""
    path = folder / NOTE
    return path.is_file() and read(path) == note()


@cache
def note() -> str:
    """Return the note of the installed code; the same for a checkout and for a wheel that was built from it."""
    digest = hashlib.sha256()
    for path in _code_files():
        content = path.read_bytes()
        if path.suffix == ".py":
            content = code_version.plain_text(content.decode()).encode()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)}\0".encode() + content)
    return (
        "The undertone that runs the stages of this project. Every command of undertone keeps it up to date (alone:\n"
        "`undertone link`); when it changes, DVC digests the code again and reruns the stages whose code is another.\n"
        f"{distribution.NAME} {distribution.version()}\n"
        f"code {digest.hexdigest()[:16]}\n"
    )


def _code_files() -> Iterator[Path]:
    yield from (path for path in sorted((ROOT / "tasks").rglob("*")) if _is_source(path))
    yield from sorted((ROOT / _PLOTS).iterdir())


def _is_source(path: Path) -> bool:
    return path.suffix != ".pyc" and not path.name.startswith(".") and path.is_file()


def _copy_plots(folder: Path) -> None:
    """Copy the templates of DVC's plots; set the page of `dvc plots show` that an earlier version had linked."""
    for path in sorted((ROOT / _PLOTS).iterdir()):
        target = folder / _PLOTS / path.name
        if not target.is_file() or target.read_bytes() != path.read_bytes():
            tables.write_bytes(target, path.read_bytes())
    settings = folder / ".dvc" / "config"
    if settings.is_file() and _EARLIER_PLOTS_PAGE in (text := read(settings)):
        write(settings, text.replace(_EARLIER_PLOTS_PAGE, PLOTS_PAGE))


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


def text(name: str) -> str:
    """Return a file as this version ships it.

    Args:
        name: one of `COPIED`
    """
    if name == ".gitignore":
        return GITIGNORE
    content = read(ROOT / name)
    return content.replace(_CODE_INPUT, f"      - {NOTE}\n", 1) if name == "dvc.yaml" else content


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
