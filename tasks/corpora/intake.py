"""Taking a corpus in: a folder stays where it is, an archive is unpacked; params.yaml gets an entry."""

from __future__ import annotations

import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tasks.core import paths, tables
from tasks.core.config import CORPUS_NAME, load
from tasks.core.errors import InputError, UndertoneError
from tasks.corpora.readers import registry

MAX_FILES = 1_000_000
MAX_BYTES = 500_000_000_000
"""The largest corpus read here, CMU-MOSEI with its videos, takes up about 300 GB."""
MAX_RATIO = 200.0
"""Sound hardly compresses, and text by less than this: an archive that grows more than 200 times is a bomb."""
_SMALL_BYTES = 50_000_000
_CHUNK = 1 << 20
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Added:
    """A corpus that params.yaml names now."""

    name: str
    reader: str
    path: Path


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its path, what kind of thing it is, and how to read it."""

    path: str
    kind: str
    open: Callable[[], IO[bytes]]


def add(name: str, source: Path, reader: str | None = None) -> Added:
    """Take a corpus in and name it in params.yaml.

    Args:
        name: its name there
        source: a folder, or a .zip, .tar, .tar.gz or .tgz
        reader: who reads it; found out if None

    Raises:
        InputError: if the name or the reader is none, the name is taken, the archive is unsafe, or no reader fits
    """
    if not re.fullmatch(CORPUS_NAME, name):
        raise InputError(f"{name!r} is no name for a corpus: small letters, digits and dashes, such as my-ravdess")
    known = load(paths.PARAMS).corpora
    if reader is not None:
        registry.corpus(reader)
    folder = _folder(name, source)
    found = reader or guess(folder)
    if name in known and (known[name].reader, Path(known[name].path).resolve()) != (found, folder):
        raise InputError(
            f"params.yaml has a corpus {name!r} already, at {known[name].path}; choose another name, or take it out"
        )
    # one that lies in the project moves with it
    inside = folder.is_relative_to(Path.cwd())
    record(paths.PARAMS, name, found, folder.relative_to(Path.cwd()) if inside else folder)
    return Added(name, found, folder)


def guess(folder: Path) -> str:
    """Return the reader that reads most of a folder.

    Raises:
        InputError: if none of them reads more than half of it
    """
    shares: dict[str, float] = {}
    for name in registry.NAMES:
        try:
            found = registry.corpus(name).read(folder)
        except UndertoneError:
            continue
        shares[name] = len(found.rows) / max(1, len(found.rows) + len(found.rejects))
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] <= 0.5:
        raise InputError(f"{folder}: no reader knows most of its files; say which: --reader {'|'.join(registry.NAMES)}")
    return best


def record(params: Path, name: str, reader: str, folder: Path) -> None:
    """Write a corpus into the section `corpora` of params.yaml; comments and all else stay as they are."""
    write_entries(params, {"corpora": {name: {"reader": reader, "path": str(folder)}}})


def write_entries(params: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Write entries into sections of params.yaml; comments and all else stay as they are.

    Args:
        params: the file
        sections: section → name → entry; one of that name is replaced
    """
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.representer.add_representer(type(None), lambda one, _: one.represent_scalar("tag:yaml.org,2002:null", "null"))
    document: Any = yaml.load(params)
    for name, entries in sections.items():
        if not entries:
            continue
        section = document.get(name)
        if not section:
            # an empty section is written as {} on its line, which has no room for an entry
            section = document[name] = CommentedMap()
        section.update({one: CommentedMap(entry) for one, entry in entries.items()})
    sink = StringIO()
    yaml.dump(document, sink)
    tables.write_text(params, sink.getvalue())


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into a new folder, whole or not at all.

    Raises:
        InputError: if it is no archive, holds a path that leads out of the folder, a link or a device, or would grow
            beyond `MAX_FILES`, `MAX_BYTES` or `MAX_RATIO` times its own size; what it says of sizes is not believed
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        allowed = min(MAX_BYTES, max(_SMALL_BYTES, MAX_RATIO * archive.stat().st_size))
        for number, member in enumerate(_members(archive), 1):
            if number > MAX_FILES:
                raise InputError(f"{archive}: more than {MAX_FILES:,} files")
            if member.kind != "folder":
                place = part / _safe(archive, member)
                place.parent.mkdir(parents=True, exist_ok=True)
                allowed -= _copy(archive, member, place, allowed)
        part.chmod(0o755)
        part.replace(target)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{archive}: cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _folder(name: str, source: Path) -> Path:
    if source.is_dir():
        return source.resolve()
    if not source.is_file():
        raise InputError(f"{source}: there is no such folder or archive")
    if not source.name.lower().endswith(_ARCHIVES):
        raise InputError(f"{source}: neither a folder nor one of {', '.join(_ARCHIVES)}")
    target = paths.CORPORA / name
    if target.exists():
        raise InputError(f"{target} is there already; remove it, or choose another name")
    unpack(source, target)
    return target.resolve()


def _members(archive: Path) -> Iterator[_Member]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                linked = stat.S_ISLNK(info.external_attr >> 16)
                kind = "link" if linked else "folder" if info.is_dir() else "file"
                yield _Member(info.filename, kind, lambda file=file, info=info: file.open(info))  # type: ignore[misc]
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            kind = "file" if entry.isreg() else "folder" if entry.isdir() else "link" if entry.issym() else "device"
            kind = "link" if entry.islnk() else kind
            yield _Member(entry.name, kind, lambda tar=tar, entry=entry: tar.extractfile(entry))  # type: ignore[misc]


def _safe(archive: Path, member: _Member) -> Path:
    path = PurePosixPath(member.path.replace("\\", "/"))
    if member.kind != "file":
        raise InputError(f"{archive}: {member.path!r} is a {member.kind}; only files and folders are unpacked")
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\0" in member.path:
        raise InputError(f"{archive}: {member.path!r} leads out of the folder; nothing was unpacked")
    return Path(*path.parts)


def _copy(archive: Path, member: _Member, place: Path, allowed: float) -> int:
    """Write one file, counting what really comes out; return how many bytes that was."""
    if place.exists():
        raise InputError(f"{archive}: {member.path!r} is in it twice")
    written = 0
    with member.open() as source, place.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > allowed:
                raise InputError(
                    f"{archive}: grows beyond {MAX_RATIO:.0f} times its size (at {member.path!r}): a bomb, or damaged; "
                    "nothing was unpacked. If it is what you want, unpack it yourself and add the folder"
                )
            sink.write(chunk)
    return written
