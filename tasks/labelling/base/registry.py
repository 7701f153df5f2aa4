"""Registry of voters: the modules of `tasks.labelling.voters`, and the voters in the project's `data/voters/`.

A project's voter is a module `NAME.py` with the same names as a shipped one, votes in a file `NAME.csv`
(`tasks.labelling.base.file_votes`), or a folder `NAME/` that `undertone labels learn` wrote
(`tasks.labelling.learned`). Beside its three names a module may define

    LANGUAGES = ("es",)      # it votes on texts of these languages, and on those of unknown language
    CONTEXT = True           # its function gets a `VoterInput`: the text, its sentence, its neighbours …
    PROSODY = True           # … and how it was said
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from tasks.core import code_version, paths
from tasks.core.code_version import PACKAGE
from tasks.core.errors import ConfigError
from tasks.core.results import Reject
from tasks.labelling import voters
from tasks.labelling.base import file_votes, project_voters
from tasks.labelling.base.voter import Voter

_CSV = ".csv"
VOICES = f"{PACKAGE}.labelling.base.voices"
"""Measures prosody. Imported by name, as `_LEARNED`."""
_LEARNED = f"{PACKAGE}.labelling.learned.voter_files"
"""Imported by name: its encoder is code of the stages in which a learned voter votes, and of no others."""


@cache
def shipped() -> tuple[str, ...]:
    """Return the names of the shipped voters, sorted. Lists the package's files and imports none of them."""
    return tuple(sorted(module.name for module in iter_modules(voters.__path__)))


def modules(names: Iterable[str]) -> list[str]:
    """Return the modules that voters need; none for `NAME.py`.

    Shipped voters need their own, learned ones that of all learned voters and those of the lexicons they read, and
    voters that ask for prosody the one that measures it.

    Args:
        names: of voters
    """
    asked = list(names)
    learned = sorted(set(asked) & set(project_voters.learned(paths.VOTERS)) - set(shipped()))
    lexicons = [lexicon for name in learned for lexicon in _lexicons(paths.VOTERS / name)]
    needed = dict.fromkeys(_module_name(name) for name in (*asked, *lexicons) if name in shipped())
    sound = needs_of(set(asked) & set(_available())).prosody
    return [*needed, *([_LEARNED] if learned else []), *([VOICES] if sound else [])]


def _available() -> tuple[str, ...]:
    """Return the names of all voters: the shipped ones, then the project's."""
    return (*shipped(), *(name for name in project_voters.names(paths.VOTERS) if name not in shipped()))


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
    sound = [VOICES] if needs(name).prosody else []
    if name in shipped():
        return code_version.version(_module_name(name), *sound)
    location = project_voters.location(paths.VOTERS, name)
    files = [location] if location.is_file() else sorted(path for path in location.iterdir() if path.is_file())
    if location.suffix == _CSV and (place := file_votes.card_path(location)).is_file():
        files.append(place)
    contents = [path.name.encode() + b"\0" + path.read_bytes() for path in files]
    contents += [code_version.version(module).encode() for module in sound]
    if location.is_dir():
        contents += [version(lexicon).encode() for lexicon in _lexicons(location)]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


def licence(name: str) -> str:
    """Return the licence of a voter's lexicon or training data, without loading the voter.

    Args:
        name: an available voter

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    if name in shipped():
        return str(import_module(_module_name(name)).LICENCE)
    location = project_voters.location(paths.VOTERS, name)
    if location.suffix == _CSV:
        return file_votes.card(location).terms
    if location.is_file():
        return str(project_voters.read(location).LICENCE)
    return str(_learned_voter().card(location)["licence"])


@cache
def load(name: str, folder: Path = paths.VOTERS) -> Voter:
    """Load a voter, once per process; only the named module is imported.

    Args:
        name: an available voter
        folder: the project's voters

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    if name in shipped():
        module = import_module(_module_name(name))
        return _one_by_one(module, module.load())
    location = project_voters.location(folder, name)
    if location.is_dir():
        model = _learned_voter().read(location)
        return _needing(Voter(name, model.licence, model.votes), needs(name, folder))
    if location.suffix == _CSV:
        return _from_file(location)
    module = project_voters.read(location)
    return _one_by_one(module, project_voters.guarded(location, module.load()))


@dataclass(frozen=True)
class VoterNeeds:
    """Inputs that a voter asks for, which the pipeline prepares.

    Args:
        context: sentence and neighbours of each text
        prosody: the voice of each utterance; implies `context`
        languages: primary subtags of the languages it votes on; None: all
    """

    context: bool = False
    prosody: bool = False
    languages: frozenset[str] | None = None


def needs(name: str, folder: Path = paths.VOTERS) -> VoterNeeds:
    """Return the inputs that a voter asks for, without loading its lexicon or weights.

    Args:
        name: an available voter
        folder: the project's voters

    Raises:
        ConfigError: if the voter does not exist or is not valid
    """
    if name in shipped():
        return _declared(import_module(_module_name(name)))
    location = project_voters.location(folder, name)
    if location.is_dir():
        fields = _learned_voter().card(location)
        languages = fields.get("languages")
        return VoterNeeds(bool(fields.get("context")), languages=frozenset(languages) if languages else None)
    # ids are in every input: votes from a file need no context
    return VoterNeeds() if location.suffix == _CSV else _declared(project_voters.read(location))


def needs_of(names: Iterable[str]) -> VoterNeeds:
    """Return the inputs that any of the voters asks for; `languages` is not used.

    Args:
        names: available voters
    """
    wanted = [needs(name) for name in names]
    return VoterNeeds(any(needed.context for needed in wanted), any(needed.prosody for needed in wanted))


def _declared(module: ModuleType) -> VoterNeeds:
    prosody, languages = bool(getattr(module, "PROSODY", False)), getattr(module, "LANGUAGES", None)
    context = prosody or bool(getattr(module, "CONTEXT", False))
    return VoterNeeds(context, prosody, None if languages is None else frozenset(languages))


def refused(names: Iterable[str], texts: Callable[[], Mapping[str, str]]) -> list[Reject]:
    """Return the votes from files that no utterance can use, because their id is unknown or its text has changed.

    Args:
        names: available voters
        texts: returns utterance id → text, of all utterances

    Raises:
        ConfigError: if a file is not valid, or none of its votes can be used
    """
    places = [project_voters.location(paths.VOTERS, name) for name in names if name not in shipped()]
    files = [path for path in places if path.suffix == _CSV]
    if not files:
        return []
    by_id = texts()
    return [reject for path in files for reject in file_votes.refused(path, file_votes.read(path), by_id)]


def _from_file(path: Path) -> Voter:
    card, votes = file_votes.card(path), file_votes.read(path)
    return Voter(
        path.stem,
        card.terms,
        lambda inputs: [file_votes.vote_of(votes, given) for given in inputs],
        context=True,
        languages=card.languages,
    )


def _one_by_one(module: ModuleType, vote: project_voters.VoteFunction) -> Voter:
    voter = Voter(module.NAME, module.LICENCE, lambda inputs: [vote(given) for given in inputs])
    return _needing(voter, _declared(module))


def _needing(voter: Voter, needed: VoterNeeds) -> Voter:
    return replace(voter, context=needed.context, prosody=needed.prosody, languages=needed.languages)


def _lexicons(location: Path) -> tuple[str, ...]:
    """Return the shipped voters whose scores a learned voter reads; a damaged card is reported when it is loaded."""
    try:
        return tuple(name for name in _learned_voter().lexicons_of(location) if name in shipped())
    except ConfigError:
        return ()


def _learned_voter() -> Any:
    return import_module(_LEARNED)


def _module_name(name: str) -> str:
    return f"{voters.__name__}.{name}"
