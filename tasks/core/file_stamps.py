"""Stamps of files: size, times and inode, by which DVC and git notice that a file may have changed."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable
from pathlib import Path

Stamp = tuple[int, int, int, int] | None
"""Size in bytes, times of modification and change in nanoseconds, and inode; None: there is no such file."""
Stamps = dict[str, Stamp]
"""Path → stamp."""


def of_matches(patterns: Iterable[str], root: Path = Path()) -> Stamps:
    """Return the stamps of all files and folders that match patterns; those of folders themselves.

    Args:
        patterns: such as `*/dvc.yaml`
        root: folder that relative patterns begin at
    """
    names = {name for pattern in patterns for name in glob.glob(pattern, root_dir=root, include_hidden=True)}  # noqa: PTH207
    return {name: _stamp(root / name) for name in names}


def of_trees(trees: Iterable[str], root: Path = Path(), *, without: Collection[str] = ()) -> Stamps:
    """Return the stamps of files, and of all files in folders and their subfolders.

    Args:
        trees: paths of files and folders
        root: folder that relative paths begin at
        without: names of files and folders to leave out
    """
    taken, waiting = Stamps(), list(trees)
    while waiting:
        name = waiting.pop()
        try:
            with os.scandir(root / name) as entries:
                for entry in entries:
                    if entry.name in without:
                        continue
                    path = f"{name}/{entry.name}"
                    if entry.is_dir():
                        waiting.append(path)
                    else:
                        taken[path] = _stamp(root / path) if entry.is_symlink() else _of(entry.stat())
        except (FileNotFoundError, NotADirectoryError):
            taken[name] = _stamp(root / name)
    return taken


def _stamp(path: Path) -> Stamp:
    try:
        return _of(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _of(stats: os.stat_result) -> Stamp:
    return stats.st_size, stats.st_mtime_ns, stats.st_ctime_ns, stats.st_ino
