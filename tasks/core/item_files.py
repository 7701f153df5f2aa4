"""Files that the items of a stage read, with digests: what a worker without the project folder must be given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class ItemFile:
    """A file that an item reads.

    Args:
        path: relative to the project folder, or absolute
        sha256: digest of its bytes, 64 hexadecimal digits
    """

    path: Path
    sha256: str


def digested(paths: Iterable[Path]) -> tuple[ItemFile, ...]:
    """Return existing files with the digests of their current bytes, for files whose digest is in no table.

    Digests are cached by size and modification time.

    Args:
        paths: relative to the project folder, or absolute; files that do not exist are left out
    """
    files = [(path, path.stat()) for path in paths if path.is_file()]
    return tuple(ItemFile(path, _digest(path.absolute(), stat.st_size, stat.st_mtime_ns)) for path, stat in files)


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
