"""File names of results: readable ones from untrusted titles, and each owned by one source.

Two sources may give the same name: files of one name in two folders, titles that differ only in characters that no
file name should hold, or only in case on some file systems. The first one gets the name, and a hidden file beside the
results (`.NAME.source`) records it by a digest; another one gets the name with its own digest. A source keeps its name.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tasks.core.errors import InputError

_MAX_BYTES = 120
"""Room for a digest, an ending and the suffix of a temporary file in the 255 bytes that file systems allow."""
_MARK_CHARACTERS = 12
_KEPT = frozenset("._-")
_FALLBACK = "media"


def readable(title: str) -> str:
    """Return a file name, without ending, of a title's letters and digits of any script, composed (NFC).

    Args:
        title: any text, also from outside
    """
    kept = ""
    for character in unicodedata.normalize("NFC", title):
        kind = unicodedata.category(character)[0]
        # vowel signs and accents (M) only after a letter or digit, to which they belong
        is_part = kind in "LN" or (kind == "M" and unicodedata.category(kept[-1:] or " ")[0] in "LMN")
        kept += character if is_part or character in _KEPT else " "
    name = "-".join(kept.split()).strip("-.")
    cut = name.encode()[:_MAX_BYTES].decode(errors="ignore")
    return cut.strip("-.") or _FALLBACK


def claim(folder: Path, name: str, source: str, endings: Sequence[str]) -> str:
    """Return a file name in a folder that belongs to a source, and record that it does.

    Args:
        folder: of the results; made if it does not exist
        name: the name to take, as `readable` returns it
        source: what distinguishes the source from others, such as its path
        endings: of the results' files; existing ones without a record belong to someone else

    Raises:
        InputError: if others have all names that the source could take
    """
    mark = hashlib.sha256(source.encode("utf-8", "backslashreplace")).hexdigest()[:_MARK_CHARACTERS]
    folder.mkdir(parents=True, exist_ok=True)
    for candidate in (name, f"{name}-{mark}"):
        # without case: the folder may be copied to a file system that does not distinguish it
        record = folder / f".{candidate.casefold()}.source"
        is_taken = not record.exists() and any((folder / f"{candidate}{ending}").exists() for ending in endings)
        if not is_taken and _owner(record, mark) == mark:
            return candidate
    raise InputError(f"{folder}: {name} and {name}-{mark} hold other results; move them, or use --out FOLDER")


def _owner(record: Path, mark: str) -> str:
    """Return the source to which a record gives its name; a new record gives it to this one."""
    try:
        handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        if owner := record.read_text(encoding="utf-8", errors="replace").strip():
            return owner
        # whoever made the record was killed before writing it
        handle = os.open(record, os.O_WRONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{mark}\n")
    return mark
