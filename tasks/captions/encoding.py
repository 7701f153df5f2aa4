"""Decode caption files of any text encoding."""

from __future__ import annotations

import codecs
from contextlib import suppress

from tasks.core.errors import Rejected

UNREADABLE = "unreadable captions"
# UTF-32 first: its little-endian mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
# excluded: captions are not written on classic Macs, and these encodings resemble the Windows code pages
_EXCLUDED = ["mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman", "mac_turkish"]
_WESTERN = "cp1252"
_NUL_SHARE = 0.1
"""UTF-16 and UTF-32 without a mark are valid UTF-8 with many NULs; damaged files have a few."""


def decode(content: bytes) -> str:
    """Decode by the byte order mark, else as UTF-8, else by charset-normalizer; drop an incomplete last character.

    NULs remain in the text: `caption_file` rejects the cues that contain them.

    Args:
        content: a caption file

    Raises:
        Rejected: if the bytes are not text in any encoding
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _decode_as(content[len(mark) :], name, "replace")
    if content.count(0) <= _NUL_SHARE * len(content):
        with suppress(UnicodeDecodeError):
            return _decode_as(content, "utf-8", "strict")
    return _detected(content)


def _decode_as(content: bytes, name: str, errors: str) -> str:
    # final=False: a truncated file may end within a character
    return codecs.getincrementaldecoder(name)(errors).decode(content, final=False)


def _detected(content: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(content, cp_exclusion=_EXCLUDED))
    if not matches:
        raise _unknown(content)
    best = matches[0]
    ties = [match for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    # short texts do not distinguish the Western code page from its neighbours; it is by far the most frequent
    chosen = next((match for match in ties if match.encoding == _WESTERN), best)
    try:
        return str(chosen)
    except UnicodeError:
        # charset-normalizer tries only samples of a large file before this
        raise _unknown(content) from None


def _unknown(content: bytes) -> Rejected:
    return Rejected(UNREADABLE, f"{len(content)} bytes in no known encoding, beginning {content[:16]!r}")
