"""Check the directory of a zip archive before `zipfile` builds an object for each entry.

`zipfile` ignores the stated number of entries and everything that lies outside the directory: entries could be missing
without an error, and millions of them would take gigabytes of memory.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY_BYTES = 46
_MAX_COMMENT = 1 << 16
_UNKNOWN_16, _UNKNOWN_32 = 0xFFFF, 0xFFFFFFFF
_MAX_ENTRY_BYTES = 1024
"""Largest mean size of a directory entry: a name, and a few extra fields."""


def check(path: Path, max_entries: int) -> int:
    """Check that the directory holds as many entries as the end of the archive states.

    Args:
        path: the archive
        max_entries: the allowed number of entries

    Returns:
        the number of entries, or one more than `max_entries` if there are more

    Raises:
        zipfile.BadZipFile: if the directory is damaged
    """
    with path.open("rb") as file:
        stated, n_bytes, end = _stated(file)
        if stated > max_entries or n_bytes > max_entries * _MAX_ENTRY_BYTES:
            return max_entries + 1
        if n_bytes > end:
            raise zipfile.BadZipFile("the directory is larger than the archive")
        file.seek(end - n_bytes)
        counted = _count(file, n_bytes, max_entries)
    if counted <= max_entries and counted != stated:
        raise zipfile.BadZipFile(f"{counted:,} entries in the directory, {stated:,} stated")
    return counted


def _stated(file: IO[bytes]) -> tuple[int, int, int]:
    """Return the stated number of entries, the size of the directory in bytes and the place where it ends."""
    size = file.seek(0, 2)
    begin = max(0, size - _MAX_COMMENT - _END.size)
    file.seek(begin)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        raise zipfile.BadZipFile("it has no directory; it may be cut short")
    _, disk, disk_of_directory, _, entries, n_bytes, offset, n_comment = _END.unpack_from(tail, place)
    # a few bytes after the end are harmless: all entries are checked against the directory
    if place + _END.size + n_comment > len(tail):
        raise zipfile.BadZipFile("it is cut short in its comment")
    end = begin + place
    is_large = entries == _UNKNOWN_16 or _UNKNOWN_32 in (n_bytes, offset)
    if is_large and end >= _END64_PLACE.size:
        file.seek(end - _END64_PLACE.size)
        signature, _, end64, _ = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if signature == b"PK\6\7":
            # an archive with something before it (a self-extracting one) states a place that is too small
            end64 = max(end64, end - _END64_PLACE.size - _END64.size)
            file.seek(end64)
            signature, *_, entries, n_bytes, offset = _END64.unpack(file.read(_END64.size))
            if signature != b"PK\6\6":
                raise zipfile.BadZipFile("its zip64 directory is not where it should be")
            return entries, n_bytes, end64
    if disk or disk_of_directory:
        raise zipfile.BadZipFile("it is one part of several")
    return entries, n_bytes, end


def _count(file: IO[bytes], n_bytes: int, most: int) -> int:
    """Return the number of entries in a directory, at most one more than `most`."""
    counted, left = 0, n_bytes
    while left and counted <= most:
        head = file.read(_ENTRY_BYTES)
        if len(head) < _ENTRY_BYTES or head[:4] != b"PK\1\2":
            raise zipfile.BadZipFile("its directory is damaged")
        n_variable = sum(struct.unpack_from("<3H", head, 28))
        left -= _ENTRY_BYTES + n_variable
        if left < 0 or len(file.read(n_variable)) != n_variable:
            raise zipfile.BadZipFile("its directory is damaged")
        counted += 1
    return counted
