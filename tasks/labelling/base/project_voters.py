"""Voters in a project's folder: modules `NAME.py`, votes in files `NAME.csv`, folders `NAME/` with a trained voter.

A module is the user's own code and runs with the pipeline's rights; only voters named in params.yaml are run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tasks.core.errors import ConfigError, InputError
from tasks.labelling.base.vote import Vote
from tasks.labelling.base.voter_input import VoterInput, primary

VoteFunction = Callable[[Any], Vote]
"""From a text, or from a `VoterInput` if the module declares `CONTEXT` or `PROSODY`."""
VOTES_ENDING = ".csv"
"""Ending of files with votes, which are voters like modules."""
_ENDINGS = (".py", VOTES_ENDING)
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_EXPECTED = "NAME = …, LICENCE = … and def load(), which returns a function from a text to a polarity in [-1, 1]"


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's voters, sorted; none if the folder does not exist.

    Args:
        folder: the project's voters
    """
    files = {path.stem for ending in _ENDINGS for path in folder.glob(f"*{ending}")}
    return tuple(sorted(name for name in files.union(learned(folder)) if _NAME.fullmatch(name)))


def learned(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's learned voters.

    Args:
        folder: the project's voters
    """
    return tuple(path.parent.name for path in folder.glob("*/card.json"))


def location(folder: Path, name: str) -> Path:
    """Return the file or folder of a voter.

    Args:
        folder: the project's voters
        name: the voter's name

    Raises:
        ConfigError: if the folder has no voter of that name, or more than one
    """
    if name not in names(folder):
        raise ConfigError(f"there is no voter {name!r} in {folder}; available are {', '.join(names(folder)) or 'none'}")
    files = [folder / f"{name}{ending}" for ending in _ENDINGS]
    places = [path for path in files if path.is_file()] + [folder / name] * (name in learned(folder))
    if len(places) > 1:
        raise ConfigError(f"{' and '.join(map(str, places))} are voters of one name; rename all but one")
    return places[0]


def new_file(folder: Path, name: str) -> Path:
    """Return the file that new votes are written to; an older one of that name is replaced.

    Args:
        folder: the project's voters
        name: the voter's name

    Raises:
        InputError: if the name is not valid, or another kind of voter already has it
    """
    path = new_folder(folder, name, ending=VOTES_ENDING).with_suffix(VOTES_ENDING)
    if name in learned(folder):
        raise InputError(f"{folder / name} is already a voter; choose another name")
    return path


def new_folder(folder: Path, name: str, ending: str = "") -> Path:
    """Return the folder that a newly trained voter is written to.

    Args:
        folder: the project's voters
        name: the new voter's name
        ending: of a file that it may replace

    Raises:
        InputError: if the name is not valid, or a module or file already has it
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a valid voter name; expected lower-case letters, digits, _ and -, beginning with a letter"
        )
    for other in _ENDINGS:
        if other != ending and (folder / f"{name}{other}").is_file():
            raise InputError(f"{folder / name}{other} is already a voter; choose another name")
    return folder / name


def guarded(path: Path, vote: VoteFunction) -> VoteFunction:
    """Wrap a module's function so that its exceptions name the file and the text.

    Args:
        path: the module's file
        vote: what the module's `load` returned

    Returns:
        a function that raises ConfigError where `vote` raises anything
    """

    def checked_vote(given: Any) -> Vote:
        try:
            return vote(given)
        except Exception as error:
            text = given.text if isinstance(given, VoterInput) else given
            raise ConfigError(f"{path} fails on the text {text[:80]!r} ({type(error).__name__}: {error})") from error

    return checked_vote


def read(path: Path) -> ModuleType:
    """Execute a voter's module.

    Args:
        path: the module's file

    Raises:
        ConfigError: if it fails, lacks one of the three names, or its NAME is not the file's name
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected {_EXPECTED}") from error
    return _executed(path, source)


@lru_cache(maxsize=32)
def _executed(path: Path, source: str) -> ModuleType:
    """Execute a module once per process: its declarations are read several times, and it may import slowly."""
    module = ModuleType(f"voter_{path.stem.replace('-', '_')}")
    module.__file__ = str(path)
    try:
        # exec instead of an import: importing would write __pycache__ into a folder whose content is a cache key
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102
    except Exception as error:
        raise ConfigError(f"{path}: cannot be run ({type(error).__name__}: {error}); expected {_EXPECTED}") from error
    if missing := [name for name in ("NAME", "LICENCE", "load") if not hasattr(module, name)]:
        raise ConfigError(f"{path}: {', '.join(missing)} is missing; expected {_EXPECTED}")
    if path.stem != module.NAME:
        raise ConfigError(f"{path}: NAME is {module.NAME!r}; expected {path.stem!r}, as the file is called")
    languages = getattr(module, "LANGUAGES", ())
    if not isinstance(languages, tuple | list | set | frozenset) or any(
        not isinstance(tag, str) or tag != primary(tag) for tag in languages
    ):
        raise ConfigError(f"{path}: LANGUAGES is {languages!r}; expected a tuple of languages, such as ('es', 'pt')")
    return module
