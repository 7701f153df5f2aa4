"""Kinds of voters: shipped modules, a project's modules, votes from files, and trained voters.

Each kind has its cache key, its licence, the inputs it asks for, the modules it needs and a way to be loaded. A module
has `NAME`, `LICENCE` and `load`, and may define

    LANGUAGES = ("es",)      # it votes on texts of these languages, and on those of unknown language
    CONTEXT = True           # its function gets a `VoterInput`: the text, its sentence, its neighbours …
    PROSODY = True           # … and how it was said
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Protocol

from tasks.core import code_version
from tasks.core.code_version import PACKAGE
from tasks.core.errors import ConfigError
from tasks.labelling import voters
from tasks.labelling.base import file_votes, project_voters
from tasks.labelling.base.voter import Voter

VOICES = f"{PACKAGE}.labelling.base.voices"
"""Measures prosody. Imported by name, as `LEARNED`."""
LEARNED = f"{PACKAGE}.labelling.learned.voter_files"
"""Imported by name: its encoder is code of the stages in which a learned voter votes, and of no others."""


@cache
def shipped() -> tuple[str, ...]:
    """Return the names of the shipped voters, sorted. Lists the package's files and imports none of them."""
    return tuple(sorted(module.name for module in iter_modules(voters.__path__)))


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


class VoterKind(Protocol):
    """A voter that has not been loaded; each method raises ConfigError if its files are not valid."""

    def version(self) -> str:
        """Return a digest of its code or files, for the cache keys of its votes."""

    def licence(self) -> str:
        """Return the licence of its lexicon or training data."""

    def needs(self) -> VoterNeeds:
        """Return the inputs that it asks for, without loading its lexicon or weights."""

    def modules(self) -> list[str]:
        """Return the modules that it needs, by name."""

    def load(self) -> Voter:
        """Return the voter."""


@dataclass(frozen=True)
class ShippedVoter:
    """A module of `tasks.labelling.voters`.

    Args:
        name: its name
    """

    name: str

    def version(self) -> str:
        """Return a digest of its code."""
        return code_version.version(*self.modules())

    def licence(self) -> str:
        """Return its lexicon's licence."""
        return str(self._module().LICENCE)

    def needs(self) -> VoterNeeds:
        """Return what the module declares."""
        return _declared(self._module())

    def modules(self) -> list[str]:
        """Return its module, and the one that measures prosody if it asks for that."""
        return [self._path(), *([VOICES] if self.needs().prosody else [])]

    def load(self) -> Voter:
        """Return the voter."""
        return _text_by_text(self._module(), self._module().load())

    def _module(self) -> ModuleType:
        return import_module(self._path())

    def _path(self) -> str:
        return f"{voters.__name__}.{self.name}"


@dataclass(frozen=True)
class ModuleVoter:
    """A module `NAME.py` of a project.

    Args:
        path: of the module
    """

    path: Path

    def version(self) -> str:
        """Return a digest of the file."""
        return _digest([self.path], (code_version.version(module) for module in self.modules()))

    def licence(self) -> str:
        """Return what the module states."""
        return str(project_voters.read(self.path).LICENCE)

    def needs(self) -> VoterNeeds:
        """Return what the module declares."""
        return _declared(project_voters.read(self.path))

    def modules(self) -> list[str]:
        """Return the module that measures prosody if it asks for that."""
        return [VOICES] if self.needs().prosody else []

    def load(self) -> Voter:
        """Return the voter."""
        module = project_voters.read(self.path)
        return _text_by_text(module, project_voters.guarded(self.path, module.load()))


@dataclass(frozen=True)
class FileVoter:
    """Votes in a file `NAME.csv`, with a card.

    Args:
        path: of the CSV file
    """

    path: Path

    def version(self) -> str:
        """Return a digest of the votes and their card."""
        return _digest([path for path in (self.path, file_votes.card_path(self.path)) if path.is_file()])

    def licence(self) -> str:
        """Return what the card states."""
        return file_votes.card(self.path).terms

    def needs(self) -> VoterNeeds:
        """Return nothing: ids are in every input."""
        return VoterNeeds()

    def modules(self) -> list[str]:
        """Return no modules."""
        return []

    def load(self) -> Voter:
        """Return the voter."""
        card, votes = file_votes.card(self.path), file_votes.read(self.path)
        return Voter(
            self.path.stem,
            card.terms,
            lambda inputs: [file_votes.vote_of(votes, given) for given in inputs],
            context=True,
            languages=card.languages,
        )


@dataclass(frozen=True)
class TrainedVoter:
    """A folder `NAME/` that `undertone labels learn` wrote (`tasks.labelling.learned`).

    Args:
        folder: of the voter
    """

    folder: Path

    def version(self) -> str:
        """Return a digest of its files and of the lexicons it reads."""
        files = sorted(path for path in self.folder.iterdir() if path.is_file())
        return _digest(files, (lexicon.version() for lexicon in self._lexicons()))

    def licence(self) -> str:
        """Return what the card states."""
        return str(_files().card(self.folder)["licence"])

    def needs(self) -> VoterNeeds:
        """Return what the card states."""
        fields = _files().card(self.folder)
        languages = fields.get("languages")
        return VoterNeeds(bool(fields.get("context")), languages=frozenset(languages) if languages else None)

    def modules(self) -> list[str]:
        """Return the module of all trained voters, and those of its lexicons."""
        return [LEARNED, *(module for lexicon in self._lexicons() for module in lexicon.modules())]

    def load(self) -> Voter:
        """Return the voter."""
        model, needed = _files().read(self.folder), self.needs()
        return Voter(self.folder.name, model.licence, model.votes, context=needed.context, languages=needed.languages)

    def _lexicons(self) -> list[ShippedVoter]:
        """Return the shipped voters whose scores it reads; a damaged card is reported when it is loaded."""
        try:
            return [ShippedVoter(name) for name in _files().lexicons_of(self.folder) if name in shipped()]
        except ConfigError:
            return []


def in_folder(place: Path) -> VoterKind:
    """Return a project's voter.

    Args:
        place: its file or folder, from `project_voters.location`
    """
    if place.is_dir():
        return TrainedVoter(place)
    return FileVoter(place) if place.suffix == project_voters.VOTES_ENDING else ModuleVoter(place)


def _digest(files: Iterable[Path], others: Iterable[str] = ()) -> str:
    contents = [path.name.encode() + b"\0" + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join([*contents, *(other.encode() for other in others)])).hexdigest()


def _declared(module: ModuleType) -> VoterNeeds:
    prosody, languages = bool(getattr(module, "PROSODY", False)), getattr(module, "LANGUAGES", None)
    context = prosody or bool(getattr(module, "CONTEXT", False))
    return VoterNeeds(context, prosody, None if languages is None else frozenset(languages))


def _text_by_text(module: ModuleType, vote: project_voters.VoteFunction) -> Voter:
    needed = _declared(module)
    return Voter(
        module.NAME,
        module.LICENCE,
        lambda inputs: [vote(given) for given in inputs],
        context=needed.context,
        prosody=needed.prosody,
        languages=needed.languages,
    )


def _files() -> Any:
    return import_module(LEARNED)
