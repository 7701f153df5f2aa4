"""Read a tar archive from a stream, with a limit on its headers.

`tarfile` reads a PAX header or a GNU long name of any stated size into memory, and ends silently at a damaged header: a
header may unpack to gigabytes, and files may be missing. So only its parser of single 512-byte blocks is used here.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_BLOCK = 512
_CHUNK = 1 << 20
MAX_HEADER_BYTES = 1 << 20
"""Longest PAX header or GNU long name; real ones have a few hundred bytes."""
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_RECORD = re.compile(rb"(\d{1,7}) ")
_ENCODING = ("utf-8", "surrogateescape")


@dataclass(frozen=True)
class TarEntry:
    """An entry of a tar archive.

    Args:
        path: as stated
        kind: file, folder, link, sparse file or device
        read: returns the next bytes of its content, at most the given number; empty at its end
    """

    path: str
    kind: str
    read: Callable[[int], bytes]


class _Content:
    """The content of an entry, followed by padding to whole blocks."""

    def __init__(self, read: Callable[[int], bytes], size: int, name: str) -> None:
        self._read, self._name = read, name
        self._left, self._padding = size, -size % _BLOCK

    def read(self, n: int) -> bytes:
        chunk = exactly(self._read, min(n, self._left), f"in the middle of {self._name!r}")
        self._left -= len(chunk)
        return chunk

    def skip(self) -> None:
        """Read to the start of the next entry."""
        while self._left:
            self.read(_CHUNK)
        exactly(self._read, self._padding, f"in the middle of {self._name!r}")
        self._padding = 0


def entries(read: Callable[[int], bytes], *, has_checksum: bool) -> Iterator[TarEntry]:
    """Yield the entries in their order; the content of each must be read before the next is asked for.

    Args:
        read: returns the next bytes of the archive, fewer than asked for at its end
        has_checksum: whether `read` verifies that the stream is complete; otherwise the archive must have an end mark

    Raises:
        tarfile.TarError: if the archive is damaged
    """
    shared: dict[str, str] = {}
    overrides: dict[str, str] = {}
    while header := _header(read, has_checksum=has_checksum):
        if header.type in (_LONG_NAME, _LONG_LINK, *_PAX, tarfile.XGLTYPE):
            stated = _stated(header, read)
            (shared if header.type == tarfile.XGLTYPE else overrides).update(stated)
            continue
        stated, overrides = {**shared, **overrides}, {}
        path, size = stated.get("path", header.name), _size(header, stated)
        kind = _kind(header, stated)
        content = _Content(read, size if kind == "file" else 0, path)
        yield TarEntry(path, kind, content.read)
        content.skip()
    if overrides:
        raise tarfile.ReadError("a header without its file at the end")
    while chunk := read(_CHUNK):
        if chunk.count(0) != len(chunk):
            raise tarfile.ReadError("there is data after the end mark")


def exactly(read: Callable[[int], bytes], n: int, where: str) -> bytes:
    """Return the next bytes of a stream.

    Args:
        read: returns the next bytes, fewer than asked for at the end of the stream
        n: their number
        where: place in the archive, for the message

    Raises:
        tarfile.ReadError: if the stream ends before
    """
    chunk = read(n) if n else b""
    if len(chunk) != n:
        raise tarfile.ReadError(f"it ends {where}")
    return chunk


def _header(read: Callable[[int], bytes], *, has_checksum: bool) -> tarfile.TarInfo | None:
    """Return the next header; None at the end mark, a block of zeros."""
    block = read(_BLOCK)
    if not block and has_checksum:
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, *_ENCODING)
    except tarfile.HeaderError as error:
        if len(block) == _BLOCK and not block.strip(b"\0"):
            return None
        raise tarfile.ReadError(f"{error}" if block else "it ends without an end mark") from None
    if header.size < 0:
        raise tarfile.ReadError(f"{header.name!r} has a negative size")
    return header


def _stated(header: tarfile.TarInfo, read: Callable[[int], bytes]) -> Mapping[str, str]:
    """Return the keywords of a PAX header or GNU long name."""
    if header.size > MAX_HEADER_BYTES:
        raise tarfile.ReadError(f"a header of {header.size:,} bytes, allowed are {MAX_HEADER_BYTES:,}")
    content = exactly(read, header.size + -header.size % _BLOCK, "in the middle of a header")[: header.size]
    if header.type in (_LONG_NAME, _LONG_LINK):
        return {"path" if header.type == _LONG_NAME else "linkpath": content.split(b"\0")[0].decode(*_ENCODING)}
    return dict(_records(content))


def _records(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield keyword and value of each record `LENGTH KEYWORD=VALUE` of a PAX header."""
    position = 0
    while position < len(content.rstrip(b"\0")):
        match = _RECORD.match(content, position)
        end = position + int(match[1]) if match else 0
        if match is None or end > len(content) or content[end - 1 : end] != b"\n" or end <= match.end():
            raise tarfile.ReadError("a PAX header that is no list of records")
        keyword, equals, value = content[match.end() : end - 1].partition(b"=")
        if not equals:
            raise tarfile.ReadError("a PAX header with a record that has no value")
        yield keyword.decode(*_ENCODING), value.decode(*_ENCODING)
        position = end


def _size(header: tarfile.TarInfo, stated: Mapping[str, str]) -> int:
    if "size" not in stated:
        return header.size
    if not re.fullmatch(r"[0-9]{1,18}", stated["size"]):
        raise tarfile.ReadError(f"{header.name!r} has the size {stated['size']!r}")
    return int(stated["size"])


def _kind(header: tarfile.TarInfo, stated: Mapping[str, str]) -> str:
    if header.type == tarfile.GNUTYPE_SPARSE or any(keyword.startswith("GNU.sparse.") for keyword in stated):
        return "sparse file"
    if header.isdir():
        return "folder"
    if header.issym() or header.islnk():
        return "link"
    return "file" if header.isreg() else "device"
