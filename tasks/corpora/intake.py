"""Add a corpus to a project: a folder stays where it is, an archive is unpacked; params.yaml gets an entry."""

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
"""The largest supported corpus, CMU-MOSEI with its videos, has about 300 GB."""
MAX_RATIO = 200.0
"""Decompression bombs exceed this ratio; sound hardly compresses, and text by less."""
_SMALL_BYTES = 50_000_000
_CHUNK = 1 << 20
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Added:
    """A corpus as added to params.yaml."""

    name: str
    reader: str
    path: Path


@dataclass(frozen=True)
class _Member:
    """An archive member: its path, its kind (file, folder, link or device), and a function that opens it."""

    path: str
    kind: str
    open: Callable[[], IO[bytes]]


def add(name: str, source: Path, reader: str | None = None) -> Added:
    """Add a corpus to params.yaml.

    Args:
        name: its name there
        source: a folder, or a .zip, .tar, .tar.gz or .tgz
        reader: the reader's name; guessed from the files if None

    Raises:
        InputError: if the name is invalid or taken, there is no such reader, the archive is unsafe, or no reader fits
    """
    if not re.fullmatch(CORPUS_NAME, name):
        raise InputError(f"{name!r} is no name for a corpus: small letters, digits and dashes, such as my-ravdess")
    entries = load(paths.PARAMS).corpora
    if reader is not None:
        registry.corpus(reader)
    folder = _folder(name, source)
    reader = reader or _guess(folder)
    if name in entries and (entries[name].reader, Path(entries[name].path).resolve()) != (reader, folder):
        raise InputError(
            f"params.yaml has a corpus {name!r} already, at {entries[name].path}; choose another name, or remove it"
        )
    # keep paths inside the project relative, so that the project can be moved
    inside = folder.is_relative_to(Path.cwd())
    path = folder.relative_to(Path.cwd()) if inside else folder
    write_entries(paths.PARAMS, {"corpora": {name: {"reader": reader, "path": str(path)}}})
    return Added(name, reader, folder)


def _guess(folder: Path) -> str:
    """Return the reader that reads most of a folder.

    Raises:
        InputError: if none reads more than half of it
    """
    shares: dict[str, float] = {}
    for name in registry.names():
        try:
            output = registry.corpus(name).read(folder)
        except UndertoneError:
            continue
        shares[name] = len(output.rows) / max(1, len(output.rows) + len(output.rejects))
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] <= 0.5:
        names = "|".join(registry.names())
        raise InputError(f"{folder}: no reader can read most of its files; choose one: --reader {names}")
    return best


def write_entries(params: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Write entries into sections of params.yaml; comments and everything else are kept.

    Args:
        params: the file
        sections: section → name → entry; an existing entry of that name is replaced
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
            section[key] = CommentedMap(entry) if isinstance(entry, Mapping) else entry
    sink = StringIO()
    yaml.dump(document, sink)
    tables.write_text(params, sink.getvalue())


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into a new folder; on an error nothing is left behind.

    Args:
        archive: a .zip, .tar, .tar.gz or .tgz
        target: the new folder

    Raises:
        InputError: if it is no archive, holds a path that leads out of the folder, a link or a device, or exceeds
            `MAX_FILES`, `MAX_BYTES` or `MAX_RATIO` times its own size while unpacking (stated sizes are not trusted)
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        allowed = min(MAX_BYTES, max(_SMALL_BYTES, MAX_RATIO * archive.stat().st_size))
        for number, member in enumerate(_members(archive), 1):
            if number > MAX_FILES:
                raise InputError(f"{archive}: more than {MAX_FILES:,} files")
            if member.kind != "folder":
                destination = part / _safe(archive, member)
                destination.parent.mkdir(parents=True, exist_ok=True)
                allowed -= _copy(archive, member, destination, allowed)
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
                is_link = stat.S_ISLNK(info.external_attr >> 16)
                kind = "link" if is_link else "folder" if info.is_dir() else "file"
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


def _copy(archive: Path, member: _Member, destination: Path, allowed: float) -> int:
    """Write one file, and return the number of bytes written, which may differ from the stated size."""
    if destination.exists():
        raise InputError(f"{archive}: {member.path!r} is in it twice")
    written = 0
    with member.open() as source, destination.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > allowed:
                raise InputError(
                    f"{archive}: grows beyond {MAX_RATIO:.0f} times its size (at {member.path!r}): a bomb, or damaged; "
                    "nothing was unpacked. If you trust it, unpack it yourself and add the folder"
                )
            sink.write(chunk)
    return written
