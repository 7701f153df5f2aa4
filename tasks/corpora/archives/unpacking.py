"""Unpack an archive, and the archives in it, into a new folder; refused archives leave nothing behind."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from tasks.core.errors import InputError
from tasks.corpora.archives import limits, tar_stream, zip_content, zip_directory
from tasks.corpora.archives.limits import Budget, UnsafeArchive, damage, damaged

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_DEPTH = 3
"""Archives in archives are unpacked up to this depth; MELD.Raw.tar.gz has 2."""
_CHUNK = 1 << 20
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 3000
"""Below the 4,096 of Linux, since the folder's own path comes before it."""
_MAGIC = {b"PK\3\4": "zip", b"PK\5\6": "zip", b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
_TAR_MAGIC, _TAR_MAGIC_PLACE = b"ustar", 257
_ENCRYPTED = 0x1
_Item = TypeVar("_Item")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True)
class _Source:
    """An archive, its name in messages, and what it may unpack to."""

    path: Path
    name: str
    budget: Budget


@dataclass(frozen=True)
class _Member:
    """An archive member: its path, its kind (file, folder, link …), and its content in chunks."""

    path: str
    kind: str
    chunks: Callable[[], Iterator[bytes]]


def is_archive(name: str) -> bool:
    """Return whether a file name is that of an archive that can be unpacked.

    Args:
        name: the file's name
    """
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, target: Path) -> dict[str, str]:
    """Unpack an archive and the archives in it; each of these becomes a folder of its name.

    Args:
        archive: a file with one of `SUFFIXES`
        target: the new folder, which is removed again on an error

    Returns:
        the archives in it that stay packed, and why

    Raises:
        InputError: if it is damaged, holds a path that leads out of the folder, a link or a device, or exceeds the
            limits on files and bytes while unpacking (stated sizes are not trusted)
    """
    target.mkdir(parents=True)
    try:
        source = _Source(archive, str(archive), Budget(archive))
        _unpack(source, target)
        return dict(_unpack_nested(source, target))
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _unpack_nested(outer: _Source, folder: Path, depth: int = 2) -> Iterator[tuple[str, str]]:
    """Replace each archive below a folder by its content; yield those that stay packed, with the reason."""
    for path in sorted(path for path in folder.rglob("*") if is_archive(path.name) and path.is_file()):
        # a file that only has the name of an archive is data
        if _kind(path) is None:
            continue
        place = path.relative_to(folder).as_posix()
        if depth > MAX_DEPTH:
            yield place, f"more than {MAX_DEPTH} archives in each other"
            continue
        content = Path(tempfile.mkdtemp(dir=path.parent))
        source = _Source(path, f"{outer.name}: {place!r} in it", outer.budget)
        try:
            _unpack(source, content)
        except UnsafeArchive as error:
            shutil.rmtree(content)
            yield place, str(error).removeprefix(f"{source.name}: ")
            continue
        for inner, why in _unpack_nested(source, content, depth + 1):
            yield f"{place}/{inner}", why
        path.unlink()
        content.chmod(0o755)
        final = _without_suffix(path)
        content.rename(path if final.exists() else final)


def _without_suffix(path: Path) -> Path:
    suffix = max((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), key=len)
    return path.with_name(path.name[: -len(suffix)] or path.name)


def _kind(path: Path) -> str | None:
    """Return the format by the file's first bytes: zip, gzip, bz2, xz or tar; None if it is none of them."""
    with path.open("rb") as file:
        head = file.read(_TAR_MAGIC_PLACE + len(_TAR_MAGIC))
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return "tar" if head[_TAR_MAGIC_PLACE:] == _TAR_MAGIC else None


def _unpack(source: _Source, folder: Path) -> None:
    folders = {folder}
    with _members(source) as members:
        for member in _read(members, source):
            if member.kind != "folder":
                source.budget.spend_file()
                _write(source, member, folder, folders)


def _read(items: Iterator[_Item], source: _Source) -> Iterator[_Item]:
    """Yield what is read from an archive; errors of a damaged one become an InputError."""
    while True:
        with damage(source.name):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


@contextmanager
def _members(source: _Source) -> Iterator[Iterator[_Member]]:
    # without known first bytes, the name decides: the file may be damaged there, or start with a program
    kind = _kind(source.path) or ("zip" if source.path.name.lower().endswith(".zip") else "tar")
    if kind == "zip":
        with damage(source.name):
            n_entries = zip_directory.check(source.path, limits.MAX_FILES)
            source.budget.demand_files(n_entries)
            file = zipfile.ZipFile(source.path)
        with file:
            yield _zip_members(file, source)
    else:
        with source.path.open("rb") as raw:
            yield _tar_members(_decompressed(raw, kind), source, has_checksum=kind == "gzip")


def _decompressed(raw: IO[bytes], kind: str) -> Callable[[int], bytes]:
    # gzip alone reports data after its end, so that only there a missing end of the archive was not lost
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb").read
    if kind == "bz2":
        return bz2.BZ2File(raw).read
    return lzma.LZMAFile(raw).read if kind == "xz" else raw.read


def _zip_members(file: zipfile.ZipFile, source: _Source) -> Iterator[_Member]:
    for info in file.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise UnsafeArchive(
                f"{source.name}: {info.filename!r} needs a password; unpack it yourself and add the folder"
            )
        if info.compress_type not in _METHODS:
            raise UnsafeArchive(
                f"{source.name}: {info.filename!r} is compressed by method {info.compress_type}, which cannot be "
                "unpacked here; unpack it yourself and add the folder"
            )
        kind = (
            "link"
            if stat.S_ISLNK(info.external_attr >> 16)
            else "folder"
            if info.orig_filename.endswith("/")
            else "file"
        )
        yield _Member(info.orig_filename, kind, lambda info=info: _zip_chunks(file, info, source))  # type: ignore[misc]


def _zip_chunks(file: zipfile.ZipFile, info: zipfile.ZipInfo, source: _Source) -> Iterator[bytes]:
    # opening checks the entry against the directory
    with file.open(info) as content:
        if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            chunks = zip_content.chunks(source.path, info, _CHUNK)
        else:
            chunks = iter(lambda: content.read(_CHUNK), b"")
        for chunk in chunks:
            source.budget.spend(len(chunk), repr(info.filename))
            yield chunk


def _tar_members(stream: Callable[[int], bytes], source: _Source, *, has_checksum: bool) -> Iterator[_Member]:
    last_path = "its start"

    def read(n: int) -> bytes:
        # everything counts, since headers may be a bomb as well
        chunk = stream(n)
        source.budget.spend(len(chunk), last_path)
        return chunk

    for entry in tar_stream.entries(read, has_checksum=has_checksum):
        last_path = repr(entry.path)
        yield _Member(entry.path, entry.kind, lambda entry=entry: iter(lambda: entry.read(_CHUNK), b""))  # type: ignore[misc]


def _write(source: _Source, member: _Member, folder: Path, folders: set[Path]) -> None:
    """Write one file; `folders` are those that exist."""
    destination = folder / _safe(source, member)
    try:
        if destination.parent not in folders:
            destination.parent.mkdir(parents=True, exist_ok=True)
            folders.add(destination.parent)
        if destination.is_dir():
            raise damaged(source.name, f"{member.path!r} is a file and a folder")
    except (FileExistsError, NotADirectoryError):
        raise damaged(source.name, f"a folder of {member.path!r} is a file") from None
    if destination.exists():
        raise InputError(f"{source.name}: {member.path!r} is in it twice; nothing was unpacked")
    with destination.open("xb") as sink:
        for chunk in _read(member.chunks(), source):
            sink.write(chunk)


def _safe(source: _Source, member: _Member) -> Path:
    """Return the relative path of a file to write.

    Raises:
        UnsafeArchive: if it is no file, or its path leads out of the folder
        InputError: if no file can have that name
    """
    path = PurePosixPath(_in_unicode(member.path).replace("\\", "/"))
    if member.kind != "file":
        raise UnsafeArchive(
            f"{source.name}: {member.path!r} is a {member.kind}; only files and folders are unpacked. If you trust it, "
            "unpack it yourself and add the folder"
        )
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\0" in member.path:
        raise UnsafeArchive(f"{source.name}: {member.path!r} leads out of the folder; nothing was unpacked")
    if not path.parts:
        raise damaged(source.name, f"a file is named {member.path!r}")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES or any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in path.parts):
        raise InputError(
            f"{source.name}: the name of {member.path[:40]!r}… is too long: over {_MAX_NAME_BYTES} bytes, or over "
            f"{_MAX_PATH_BYTES:,} with its folders; nothing was unpacked. Unpack it yourself with shorter names"
        )
    return Path(*path.parts)


def _in_unicode(name: str) -> str:
    """Return a name without bytes that are not UTF-8: they are read as Latin-1, as older programs wrote names."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("latin-1")
    return name
