"""Voters of a project's own: modules `NAME.py` in its folder of voters, and folders `NAME/` of those that learned.

A module is the user's own code, as the pipeline is; nothing is loaded that params.yaml does not name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tasks.core.errors import ConfigError, InputError

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_EXPECTED = "NAME = …, LICENCE = … and def load(), which returns a function from a text to a polarity in [-1, 1]"


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's voters, sorted; none where there is no such folder."""
    if not folder.is_dir():
        return ()
    modules = {path.stem for path in folder.glob("*.py")}
    learned = {path.parent.name for path in folder.glob("*/card.json")}
    return tuple(sorted(name for name in modules | learned if _NAME.fullmatch(name)))


def place(folder: Path, name: str) -> Path:
    """Return the file or folder of a voter.

    Raises:
        ConfigError: if there is none of that name
    """
    if name not in names(folder):
        raise ConfigError(f"there is no voter {name!r} in {folder}; there are {', '.join(names(folder)) or 'none'}")
    module = folder / f"{name}.py"
    return module if module.is_file() else folder / name


def fresh(folder: Path, name: str) -> Path:
    """Return where a new voter of that name goes.

    Raises:
        InputError: if the name cannot be a voter's, or is taken by a module
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a voter; expected small letters, digits, _ and -, a letter first")
    if (folder / f"{name}.py").is_file():
        raise InputError(f"{folder / name}.py is a voter already; choose another name")
    return folder / name


def guarded(path: Path, vote: Callable[[str], float | None]) -> Callable[[str], float | None]:
    """Return a module's function, its failures told with the file and the text.

    Raises:
        ConfigError: (the returned function) if it fails
    """

    def told(text: str) -> float | None:
        try:
            return vote(text)
        except Exception as error:
            raise ConfigError(f"{path} fails on the text {text[:80]!r} ({type(error).__name__}: {error})") from error

    return told


def read(path: Path) -> ModuleType:
    """Run a voter's module.

    Raises:
        ConfigError: if it cannot be run, lacks a name, or calls itself otherwise than its file is called
    """
    module = ModuleType(f"voter_{path.stem.replace('-', '_')}")
    module.__file__ = str(path)
    try:
        # as code, and not by the import system: that would leave compiled files in a folder whose content is a key
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102
    except Exception as error:
        raise ConfigError(f"{path}: cannot be run ({type(error).__name__}: {error}); expected {_EXPECTED}") from error
    if missing := [name for name in ("NAME", "LICENCE", "load") if not hasattr(module, name)]:
        raise ConfigError(f"{path}: {', '.join(missing)} is missing; expected {_EXPECTED}")
    if path.stem != module.NAME:
        raise ConfigError(f"{path}: NAME is {module.NAME!r}; expected {path.stem!r}, as the file is called")
    return module
