"""Registry of voters: the modules of `tasks.labelling.voters`, and the voters in the project's `data/voters/`.

A project's voter is a module `NAME.py`, votes in a file `NAME.csv`, or a folder `NAME/` that `undertone labels learn`
wrote (`tasks.labelling.base.voter_kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from tasks.core import paths
from tasks.core.errors import ConfigError
from tasks.core.results import Reject
from tasks.labelling.base import file_votes, project_voters, voter_kinds
from tasks.labelling.base.voter import Voter
from tasks.labelling.base.voter_kinds import ShippedVoter, VoterKind, VoterNeeds


def modules(names: Iterable[str]) -> list[str]:
    """Return the modules that voters need, those of unknown names left out.

    Args:
        names: of voters
    """
    existing = _available()
    needed = (module for name in names if name in existing for module in _kind(name).modules())
    return list(dict.fromkeys(needed))


def check(names: Sequence[str]) -> None:
    """Check that every named voter exists and that none is named twice (a voter would agree with itself).

    Args:
        names: `polarity.voters` of params.yaml

    Raises:
        ConfigError: if a name is unknown or repeated
    """
    existing = _available()
    if unknown := [name for name in names if name not in existing]:
        raise ConfigError(
            f"polarity.voters: unknown voter {', '.join(unknown)}; available are {', '.join(existing)}. "
            f"To add your own, write {paths.VOTERS}/NAME.py"
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"polarity.voters: {', '.join(names)} names a voter twice")


def version(name: str) -> str:
    """Return a digest of a voter's code or files, for the cache keys of its votes.

    Args:
        name: an available voter

    Raises:
        ConfigError: if the voter does not exist
    """
    return _kind(name).version()


def licence(name: str) -> str:
    """Return the licence of a voter's lexicon or training data, without loading the voter.

    Args:
        name: an available voter

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    return _kind(name).licence()


@cache
def load(name: str, folder: Path = paths.VOTERS) -> Voter:
    """Load a voter, once per process; only the named module is imported.

    Args:
        name: an available voter
        folder: the project's voters

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    return _kind(name, folder).load()


def needs(name: str) -> VoterNeeds:
    """Return the inputs that a voter asks for, without loading its lexicon or weights.

    Args:
        name: an available voter

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    return _kind(name).needs()


def needs_of(names: Iterable[str]) -> VoterNeeds:
    """Return the inputs that any of the voters asks for; `languages` is not used.

    Args:
        names: available voters
    """
    wanted = [needs(name) for name in names]
    return VoterNeeds(any(needed.context for needed in wanted), any(needed.prosody for needed in wanted))


def refused(names: Iterable[str], texts: Callable[[], Mapping[str, str]]) -> list[Reject]:
    """Return the votes from files that no utterance can use, because their id is unknown or its text has changed.

    Args:
        names: available voters
        texts: returns utterance id → text, of all utterances

    Raises:
        ConfigError: if a file is not valid, or none of its votes can be used
    """
    places = [project_voters.location(paths.VOTERS, name) for name in names if name not in voter_kinds.shipped()]
    files = [path for path in places if path.suffix == project_voters.VOTES_ENDING]
    if not files:
        return []
    by_id = texts()
    return [reject for path in files for reject in file_votes.refused(path, file_votes.read(path), by_id)]


def are_shipped(names: Iterable[str]) -> bool:
    """Return whether all voters are part of undertone: those of a project read files of it.

    Args:
        names: of voters
    """
    return set(names) <= set(voter_kinds.shipped())


def _available() -> tuple[str, ...]:
    """Return the names of all voters: the shipped ones, then the project's."""
    shipped = voter_kinds.shipped()
    return (*shipped, *(name for name in project_voters.names(paths.VOTERS) if name not in shipped))


def _kind(name: str, folder: Path = paths.VOTERS) -> VoterKind:
    if name in voter_kinds.shipped():
        return ShippedVoter(name)
    return voter_kinds.in_folder(project_voters.location(folder, name))
