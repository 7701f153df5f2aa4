"""Digests of texts, kept with each rule that was chosen or trained on rated rows, to recognise these rows again.

Texts are compared without case, punctuation and spacing. A text whose stop words were removed is another text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.core import text_files
from tasks.core.errors import InputError

_DIGITS = 16
"""Hexadecimal digits of a digest: equal digests of different texts are not to be expected in fewer than 10⁸ texts."""
_DIGEST = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")


def digest(text: str) -> str:
    """Return the digest of a text, "" for a text without letters or digits.

    Args:
        text: the text

    Example:
        >>> digest("Oh, well… DONE!") == digest("oh well done"), digest("?!")
        (True, '')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in folded).split()
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:_DIGITS] if words else ""


def digests(texts: Iterable[str]) -> list[str]:
    """Return the distinct digests of texts, sorted.

    Args:
        texts: in any order
    """
    return sorted({digest(text) for text in texts} - {""})


def text(texts: Iterable[str]) -> str:
    """Return the content of a file with the digests of texts, one a line.

    Args:
        texts: in any order
    """
    return "".join(f"{line}\n" for line in digests(texts))


def read(path: Path) -> list[str]:
    """Return the digests of a file; none if it does not exist.

    Args:
        path: the file

    Raises:
        InputError: if a line is no digest
    """
    if not path.is_file():
        return []
    lines = text_files.read_text(path).split()
    if wrong := [line for line in lines if not _DIGEST.fullmatch(line)]:
        raise InputError(
            f"{path}: found {text_files.quoted(wrong[0])}, expected digests of {_DIGITS} hexadecimal digits"
        )
    return lines


def overlap(texts: Sequence[str], rows: Iterable[str]) -> list[int]:
    """Return the indices of texts that are among the rows of a rule.

    Args:
        texts: texts that are scored, shape (n_texts,)
        rows: digests of the rule's rows
    """
    seen = set(rows)
    return [k for k, text in enumerate(texts) if digest(text) in seen] if seen else []
