"""Folders whose files are replaced together, so that nobody reads files of two runs."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, whose files replace those of `folder` at once on a clean exit.

    Files that only the old folder has are kept, such as DVC's `.gitignore`. After an error or a kill, the old files are
    all there; the next call removes what a killed one left.

    Args:
        folder: to be replaced, or made; no other process may be replacing it
    """
    target = folder.resolve() if folder.is_symlink() else folder
    part, aside = (target.with_name(f".{target.name}.{name}") for name in ("part", "old"))
    if aside.exists() and not target.exists():
        aside.rename(target)
    for left in (part, aside):
        shutil.rmtree(left, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        target.mkdir(exist_ok=True)
        for path in target.iterdir():
            if not (part / path.name).exists():
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, part / path.name)
        _exchange(part, target, aside)
    except OSError as error:
        error.filename = str(error.filename).replace(str(part), str(folder))
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _exchange(new: Path, old: Path, aside: Path) -> None:
    """Swap two folders: by one call of the operating system, or, where there is none, by three."""
    # Python has no function for it, and network file systems refuse it
    with suppress(AttributeError):
        swap = ctypes.CDLL(None).renameat2
        if swap(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
    old.rename(aside)
    new.rename(old)
    aside.rename(new)
