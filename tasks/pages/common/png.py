"""Small PNG pictures with a palette, without compression: the same bytes with any build of zlib."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MEDIA_TYPE = "image/png"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_STORED = 0xFFFF
"""Bytes of a stored block of deflate."""
_PALETTE, _EIGHT_BITS = 3, 8


def encode(pixels: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> bytes:
    """Return a picture as PNG (ISO/IEC 15948).

    Args:
        pixels: numbers of colours, shape (height, width)
        palette: red, green and blue from 0 to 255; at most 256 colours
    """
    height, width = pixels.shape
    # every row starts with the number of its filter: 0, none
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _PALETTE, 0, 0, 0)
    colours = bytes(value for colour in palette for value in colour)
    return _SIGNATURE + b"".join(
        _chunk(name, content)
        for name, content in ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", _stored(rows)), (b"IEND", b""))
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _stored(content: bytes) -> bytes:
    """Return a zlib stream (RFC 1950) of stored blocks (RFC 1951, section 3.2.4)."""
    starts = range(0, max(1, len(content)), _MOST_STORED)
    blocks = []
    for start in starts:
        block = content[start : start + _MOST_STORED]
        last = start + _MOST_STORED >= len(content)
        blocks.append(struct.pack("<BHH", last, len(block), len(block) ^ _MOST_STORED) + block)
    return b"\x78\x01" + b"".join(blocks) + struct.pack(">I", zlib.adler32(content))
