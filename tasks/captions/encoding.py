"""Text from bytes in any encoding."""

from __future__ import annotations

import codecs

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
# captions stopped being written on classic Macs long ago, and these resemble the Windows pages too much
_EXTINCT = ["mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman", "mac_turkish"]
_WESTERN = "cp1252"


def decode(content: bytes) -> str:
    """Decode a caption file: by its byte order mark, else as UTF-8, else by what charset-normalizer finds.

    A last character that is cut in half is dropped; it belongs to a file cut in half.

    Raises:
        Rejected: if the bytes are no text in any encoding
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _lenient_at_end(content[len(mark) :], name, "replace")
    try:
        return _lenient_at_end(content, "utf-8", "strict")
    except UnicodeDecodeError:
        return _detected(content)


def _lenient_at_end(content: bytes, name: str, errors: str) -> str:
    text = codecs.getincrementaldecoder(name)(errors).decode(content, final=False)
    if "\0" in text:
        # UTF-16 without a mark is valid UTF-8, full of NULs
        raise UnicodeDecodeError(name, content, 0, 1, "NUL in text")
    return text


def _detected(content: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(content, cp_exclusion=_EXTINCT))
    if not matches:
        raise Rejected(UNREADABLE, f"{len(content)} bytes in no known encoding, beginning {content[:16]!r}")
    best = matches[0]
    ties = [match for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    # in short texts the Western page cannot be told from its neighbours; it is by far the most frequent
    return str(next((match for match in ties if match.encoding == _WESTERN), best))
