"""A note that all stages of a run were current, with the stamps of all files on which that depends.

A run that finds the same stamps has nothing to do and need not ask DVC, whose start takes longer. The note is written
only if every file was the same before DVC checked it and after the run, or was written and recorded by the run itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.core import file_stamps, paths
from tasks.core.code_version import ROOT
from tasks.core.file_stamps import Stamps

FOLDER = paths.STATE / "current"
_CODE = ("tasks", "flows")
_RWLOCK = Path(".dvc", "tmp", "rwlock")


@dataclass(frozen=True)
class WatchedFiles:
    """Files on which it depends whether stages are current, relative to the project folder.

    Args:
        trees: files, and folders with all that is in them
        patterns: of files and folders; those of folders stand for the names in them
    """

    trees: Sequence[str]
    patterns: Sequence[str]

    def stamps(self) -> Stamps:
        """Return the stamps of all these files, and of undertone's code."""
        code = file_stamps.of_trees([str(ROOT / name) for name in _CODE], without=("__pycache__",))
        return code | file_stamps.of_trees(self.trees) | file_stamps.of_matches(self.patterns)


class FileWatch:
    """Watches files during a run; it is made before DVC checks the first stage.

    Args:
        files: the files
    """

    def __init__(self, files: WatchedFiles) -> None:
        self._files = files
        self._before = files.stamps()
        self._recorded = Stamps()

    def recorded(self, written: Mapping[str, file_stamps.Stamp]) -> None:
        """Take in files that this run has written and recorded.

        Args:
            written: path → stamp at that time
        """
        self._recorded |= written

    def note(self, name: str, stages: Iterable[str]) -> bool:
        """Write a note unless a file has changed that the run did not record; return whether it was written.

        Args:
            name: of the note
            stages: names of the stages, all of them current
        """
        from tasks.core import tables

        now, path = self._files.stamps(), _path(name)
        if not self._explains(now):
            path.unlink(missing_ok=True)
            return False
        note = {"stages": list(stages), "files": asdict(self._files), "stamps": _digest(now)}
        tables.write_text(path, json.dumps({"note": note, "sha256": _sha256(note)}))
        return True

    def _explains(self, now: Stamps) -> bool:
        """Return whether all files are as they were before the run, or as the run recorded them."""
        expected = self._before | self._recorded
        # a stage that was recorded may have removed files from its folders, and made others that were not there
        rewritten = {os.path.dirname(name) for name in self._recorded}  # noqa: PTH120
        gone = {name for name, taken in self._before.items() if taken is not None} - now.keys()
        return (
            all(expected.get(name) == taken for name, taken in now.items())
            and self._recorded.keys() <= now.keys()
            and all(os.path.dirname(name) in rewritten for name in gone)  # noqa: PTH120
        )


def unchanged(name: str) -> tuple[str, ...]:
    """Return the stages of a note, if no file has changed since and DVC's list of running stages is empty; else none.

    Args:
        name: of the note
    """
    try:
        content = json.loads(_path(name).read_bytes())
        note = content["note"]
        if content["sha256"] != _sha256(note) or _is_in_use():
            return ()
        is_same = note["stamps"] == _digest(WatchedFiles(**note["files"]).stamps())
        return tuple(note["stages"]) if is_same else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _is_in_use() -> bool:
    try:
        return any(json.loads(_RWLOCK.read_bytes()).values())
    except FileNotFoundError:
        return False


def _digest(taken: Stamps) -> str:
    return _sha256([sys.version, sys.prefix, sorted(taken.items())])


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
