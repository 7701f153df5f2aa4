"""Add a corpus to a project: a folder stays where it is, an archive is unpacked; params.yaml gets an entry."""

from __future__ import annotations

import filecmp
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.core import locks, paths, tables
from tasks.core.config import CORPUS_NAME, INTERVIEWS, Corpus, load
from tasks.core.errors import Busy, InputError, UndertoneError
from tasks.corpora.archives import unpacking
from tasks.corpora.readers import reading, registry

_PART = ".part"


@dataclass(frozen=True)
class Added:
    """A corpus as added to params.yaml.

    Args:
        name: its name there
        reader: the reader's name
        path: its folder
        left_packed: archives in its archive that were not unpacked → the reason
    """

    name: str
    reader: str
    path: Path
    left_packed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Share:
    """The part of a folder's files that a reader can read, and the first problem with the others."""

    reader: str
    n_read: int
    n: int
    problem: str

    @property
    def share(self) -> float:
        return self.n_read / max(1, self.n)


def add(name: str, source: Path, reader: str | None = None) -> Added:
    """Add a corpus to params.yaml; on an error nothing is left behind.

    Args:
        name: its name there
        source: a folder, or an archive (.zip, .tar, .tar.gz …)
        reader: the reader's name; guessed from the files if None

    Raises:
        InputError: if the name is invalid or taken, there is no such reader, the archive is unsafe, or no reader fits
        Busy: if another process adds a corpus of this name
    """
    if not re.fullmatch(CORPUS_NAME, name):
        raise InputError(f"{name!r} is no name for a corpus: small letters, digits and dashes, such as my-ravdess")
    entries = load(paths.PARAMS).corpora
    if INTERVIEWS in (name, reader):
        raise InputError(
            f"{INTERVIEWS} are what the lists of interviews name: they are a corpus already, read by the stages up to "
            f"corpus@{INTERVIEWS}; choose another {'name' if name == INTERVIEWS else 'reader'}"
        )
    if reader is not None:
        registry.corpus(reader)
    if source.is_dir():
        folder = source.resolve()
        return _register(Added(name, reader or _guess(folder), folder), entries)
    if not source.is_file():
        raise InputError(f"{source}: there is no such folder or archive")
    if not unpacking.is_archive(source.name):
        raise InputError(f"{source}: neither a folder nor one of {', '.join(unpacking.SUFFIXES)}")
    return _add_archive(name, source, reader, entries)


def _add_archive(name: str, source: Path, reader: str | None, entries: Mapping[str, Corpus]) -> Added:
    target = paths.CORPORA / name
    if name in entries:
        place = entries[name].path
        raise InputError(
            f"{place} is there already, as corpus {name!r} of params.yaml; remove it, or choose another name"
        )
    paths.CORPORA.mkdir(parents=True, exist_ok=True)
    with _part_of(name) as part:
        left_packed = unpacking.unpack(source, part)
        guessed = reader or _guess(part, shown=source)
        if existed := target.exists():
            _demand_same(part, target)
        else:
            part.rename(target)
        try:
            return _register(Added(name, guessed, target.resolve(), left_packed), entries)
        except BaseException:
            if not existed:
                shutil.rmtree(target, ignore_errors=True)
            raise


@contextmanager
def _part_of(name: str) -> Iterator[Path]:
    """Yield the folder that a corpus's archive is unpacked into, and remove it at the end, if it is still there.

    A killed process leaves such a folder: those that no process holds are removed first.
    """
    for leftover in paths.CORPORA.glob(f".*{_PART}"):
        with suppress(Busy), _held(leftover.name.removeprefix(".").removesuffix(_PART)):
            shutil.rmtree(leftover, ignore_errors=True)
    part = paths.CORPORA / f".{name}{_PART}"
    with _held(name):
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _held(name: str) -> Iterator[None]:
    with locks.alone(f"corpus-add-{name}", f"corpus add {name}", wait_s=0.0, waiting=lambda _: None):
        yield


def _demand_same(part: Path, target: Path) -> None:
    """Check that a folder from an interrupted run has the content of the archive."""
    unpacked, existing = (
        {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()} for folder in (part, target)
    )
    same = unpacked.keys() == existing.keys()
    if not same or not all(filecmp.cmp(path, existing[name], shallow=False) for name, path in unpacked.items()):
        raise InputError(
            f"{target} is there already, with other files than the archive has; remove it, or choose another name"
        )


def _register(added: Added, entries: Mapping[str, Corpus]) -> Added:
    """Write a corpus's entry into params.yaml."""
    entry = entries.get(added.name)
    if entry and (entry.reader, Path(entry.path).resolve()) != (added.reader, added.path):
        raise InputError(
            f"params.yaml has a corpus {added.name!r} already, at {entry.path}; choose another name, or remove it"
        )
    # keep paths inside the project relative, so that the project can be moved
    inside = added.path.is_relative_to(Path.cwd())
    path = added.path.relative_to(Path.cwd()) if inside else added.path
    write_entries(paths.PARAMS, {"corpora": {added.name: {"reader": added.reader, "path": str(path)}}})
    return added


def _guess(folder: Path, shown: Path | None = None) -> str:
    """Return the reader that reads most of a folder.

    Args:
        folder: of the corpus
        shown: its name in messages, if the folder is a temporary one

    Raises:
        InputError: if none reads more than half of it
    """
    shares, problems = list[_Share](), list[str]()
    for name in registry.names():
        try:
            shares.append(_share(name, folder))
        except reading.NoCorpusFiles:
            continue
        except UndertoneError as error:
            problems.append(f"{name}: {error}".replace(str(folder), str(shown or folder)))
    best = max(shares, key=lambda share: share.share, default=None)
    if best is not None and best.share > 0.5:
        return best.reader
    if best is not None and best.n_read:
        problems.insert(0, f"{best.reader} reads {best.n_read:,} of {best.n:,}; of the others, {best.problem}")
    hint = f" ({'; '.join(problems)})" if problems else ""
    names = "|".join(registry.names())
    raise InputError(f"{shown or folder}: no reader can read most of its files; choose one: --reader {names}{hint}")


def _share(name: str, folder: Path) -> _Share:
    """Return a reader's share; known copies count as read, since the reader recognises them."""
    output = registry.corpus(name).read(folder)
    others = [reject for reject in output.rejects if reject.reason not in reading.RECOGNISED]
    problem = f"{others[0].id}: {others[0].reason}" if others else ""
    n = len(output.rows) + len(output.rejects)
    return _Share(name, n - len(others), n, problem)


def write_entries(params: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Write entries into sections of params.yaml; comments and everything else are kept.

    Args:
        params: the file
        sections: section → name → entry; an existing entry of that name is changed where it differs
    """
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.representer.add_representer(type(None), lambda out, _: out.represent_scalar("tag:yaml.org,2002:null", "null"))
    document: Any = yaml.load(params)
    for name, entries in sections.items():
        if not entries:
            continue
        section = document.get(name)
        if not section:
            # an empty section is written {} on one line, and entries would be added in that flow style
            section = document[name] = CommentedMap()
        for key, entry in entries.items():
            _put(section, key, entry)
    sink = StringIO()
    yaml.dump(document, sink)
    tables.write_text(params, sink.getvalue())


def _put(node: Any, key: str, entry: Any) -> None:
    """Set a value; of a mapping only what differs, so that comments and the layout of the rest are kept."""
    from ruamel.yaml.comments import CommentedMap

    old = node.get(key)
    if isinstance(old, CommentedMap) and isinstance(entry, Mapping):
        for gone in [name for name in old if name not in entry]:
            del old[gone]
        for name, value in entry.items():
            _put(old, name, value)
    elif key not in node or old != entry:
        node[key] = CommentedMap(entry) if isinstance(entry, Mapping) else entry
