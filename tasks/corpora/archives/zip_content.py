"""Decompress the bz2 and LZMA content of a zip archive in bounded memory.

`zipfile` gives these decompressors no limit on what they return: 4 KB of bz2 may become gigabytes in memory.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LZMA_HEADER = struct.Struct("<2BH")
_LZMA_PROPERTIES = 5
_END_MARK = 0x2
_READ = 1 << 16


def chunks(path: Path, info: zipfile.ZipInfo, n_bytes: int) -> Iterator[bytes]:
    """Yield the content of an entry, and verify its length and checksum.

    Args:
        path: the archive
        info: an entry compressed by bz2 or LZMA
        n_bytes: the largest chunk

    Raises:
        zipfile.BadZipFile: if it is damaged
        lzma.LZMAError, OSError, EOFError: if the compressed data are damaged
    """
    checksum, n_written = 0, 0
    with path.open("rb") as file:
        left = _seek(file, info)
        if info.compress_type == zipfile.ZIP_BZIP2:
            decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor = bz2.BZ2Decompressor()
        else:
            decompressor, left = _lzma(file, info, left)
        while not decompressor.eof and n_written <= info.file_size:
            data = file.read(min(_READ, left)) if decompressor.needs_input else b""
            left -= len(data)
            if decompressor.needs_input and not data:
                break
            if chunk := decompressor.decompress(data, n_bytes):
                n_written, checksum = n_written + len(chunk), zlib.crc32(chunk, checksum)
                yield chunk
    if n_written != info.file_size or checksum != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")


def _seek(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Go to the compressed data of an entry, and return their length."""
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\3\4":
        raise zipfile.BadZipFile(f"{info.filename!r} is not where the directory states it")
    *_, n_name, n_extra = _LOCAL_HEADER.unpack(header)
    file.seek(n_name + n_extra, 1)
    return info.compress_size


def _lzma(file: IO[bytes], info: zipfile.ZipInfo, left: int) -> tuple[lzma.LZMADecompressor, int]:
    """Return a decompressor that has read the header, and the length of the data after it."""
    header = file.read(_LZMA_HEADER.size)
    if len(header) < _LZMA_HEADER.size or _LZMA_HEADER.unpack(header)[2] != _LZMA_PROPERTIES:
        raise zipfile.BadZipFile(f"{info.filename!r} has no LZMA header")
    properties = file.read(_LZMA_PROPERTIES)
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    # the header of a .lzma file: the properties, and the length if the data have no end mark
    size = -1 if info.flag_bits & _END_MARK else info.file_size
    decompressor.decompress(properties + struct.pack("<q", size))
    return decompressor, left - _LZMA_HEADER.size - _LZMA_PROPERTIES
