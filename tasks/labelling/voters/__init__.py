"""Who votes on a text. A voter is a module with three names:

    NAME = "vader"                                        # how params.yaml calls it
    LICENCE = "MIT"                                       # of its lexicon
    def load() -> Callable[[str], float | None]: ...      # a function from a text to a polarity in [-1, 1]; 0 is
                                                          # neutral, None abstains

Those of the house are the modules here. A project has more in its folder `data/voters/`: `NAME.py`, a module of that
kind by the user, and `NAME/`, a voter that has learned from labelled texts (`tasks.labelling.voters.learned`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

from tasks.core import paths
from tasks.core.errors import ConfigError
from tasks.labelling.voters import afinn, project_voters, tags, textblob, vader

Vote = Callable[[str], float | None]
_NUMBERS = (int, float)
HOUSE = MappingProxyType({voter.NAME: voter for voter in (vader, textblob, afinn, tags)})


@dataclass(frozen=True)
class Voter:
    """A voter that is ready.

    Args:
        name: how params.yaml calls it
        licence: of what it knows
        votes: texts → polarities in [-1, 1], None where it abstains
    """

    name: str
    licence: str
    votes: Callable[[Sequence[str]], Sequence[float | None]]

    def cast(self, texts: Sequence[str]) -> list[float | None]:
        """Return a polarity of each text.

        Raises:
            ConfigError: if one is no number from -1 to 1
        """
        found = list(self.votes(texts))
        for text, vote in zip(texts, found, strict=True):
            if vote is not None and not (isinstance(vote, _NUMBERS) and -1 <= vote <= 1):
                raise ConfigError(
                    f"voter {self.name} says {vote!r} of the text {text[:80]!r}; "
                    "expected a number from -1 to 1, or None to abstain"
                )
        return [None if vote is None else float(vote) for vote in found]


def check(names: Sequence[str]) -> None:
    """Check that every named voter exists, and none is named twice: a voter cannot agree with itself.

    Raises:
        ConfigError: naming those that are wrong and those that are allowed
    """
    there = available()
    if unknown := [name for name in names if name not in there]:
        raise ConfigError(
            f"polarity.voters: unknown voter {', '.join(unknown)}; there are {', '.join(there)}. "
            f"One of your own is a module {paths.VOTERS}/NAME.py"
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"polarity.voters: {', '.join(names)} names a voter twice")


def available() -> tuple[str, ...]:
    """Return the names of all voters: the house's, then the project's."""
    mine = sorted(name for name in project_voters.names(paths.VOTERS) if name not in HOUSE)
    return (*HOUSE, *mine)


def version(name: str) -> str:
    """Return what stands for a voter that is not the house's own code, which every item's key holds anyway."""
    if name in HOUSE:
        return ""
    found = project_voters.place(paths.VOTERS, name)
    files = [found] if found.is_file() else sorted(path for path in found.iterdir() if path.is_file())
    return hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()


def licence(name: str) -> str:
    """Return the licence of what a voter knows, without making it ready.

    Raises:
        ConfigError: if there is no such voter, or it is none
    """
    if name in HOUSE:
        return str(HOUSE[name].LICENCE)
    if (found := project_voters.place(paths.VOTERS, name)).is_file():
        return str(project_voters.read(found).LICENCE)
    from tasks.labelling.voters import learned

    return str(learned.card(found)["licence"])


@cache
def load(name: str, folder: Path = paths.VOTERS) -> Voter:
    """Return a voter; its lexicon, or its model, is read once per process.

    Args:
        name: of the voter
        folder: where the project's are

    Raises:
        ConfigError: if one of the project's is not what a voter is
    """
    if name not in HOUSE and (found := project_voters.place(folder, name)).is_dir():
        from tasks.labelling.voters import learned

        head = learned.read(found)
        return Voter(name, head.licence, head.votes)
    module: ModuleType = HOUSE[name] if name in HOUSE else project_voters.read(found)
    vote: Vote = module.load() if name in HOUSE else project_voters.guarded(found, module.load())
    return Voter(name, module.LICENCE, lambda texts: [vote(text) for text in texts])
