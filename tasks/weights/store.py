"""The cache of pretrained weights: a folder for each checkpoint that `undertone weights fetch` prepared.

This module does not read the table of known checkpoints: the table's digest would be part of the digests of all
features, and a new row would make them stale.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.core.errors import InputError

FETCHABLE = ("all-minilm-l6-v2", "all-mpnet-base-v2", "ge2e-speaker-encoder", "silero-vad", "whisper-base")
"""Checkpoints that packages contain, as in the table; a test compares the two."""
VARIABLE = "UNDERTONE_WEIGHTS"
"""Environment variable with the folder of the cache."""
MANIFEST = "weights.json"
"""File in a checkpoint's folder with the digests of the others; it is written last."""
_DEFAULT = Path("~/.cache/undertone/weights")


@dataclass(frozen=True)
class WeightsFile:
    """A file of a checkpoint's folder.

    Args:
        sha256: 64 hexadecimal digits
        n_bytes: its size
    """

    sha256: str
    n_bytes: int


def root() -> Path:
    """Return the folder of the cache: `$UNDERTONE_WEIGHTS`, or `~/.cache/undertone/weights`."""
    return Path(os.environ.get(VARIABLE) or _DEFAULT).expanduser().absolute()


def is_here(name: str) -> bool:
    """Return whether a checkpoint is in the cache.

    Args:
        name: in the table of known checkpoints
    """
    return name in FETCHABLE and (root() / name).is_dir()


def folder(name: str) -> Path:
    """Return the folder of a checkpoint in the cache.

    Args:
        name: in the table of known checkpoints

    Raises:
        InputError: if it is not there; the message names the command that fetches it
    """
    if not is_here(name):
        raise InputError(missing(name))
    return root() / name


def missing(name: str) -> str:
    """Return the message about a checkpoint that is not in the cache.

    Args:
        name: in the table of known checkpoints
    """
    return f"checkpoint {name}: not in {root()}; fetch it: undertone weights fetch {name}"


def manifest(folder: Path) -> Mapping[str, WeightsFile]:
    """Return the digests that `undertone weights fetch` recorded: name of a file → its digest and size.

    Args:
        folder: of a checkpoint

    Raises:
        InputError: if the record is missing or damaged
    """
    path = folder / MANIFEST
    try:
        entries: dict[str, dict[str, Any]] = json.loads(path.read_bytes())["files"]
        return {name: WeightsFile(str(entry["sha256"]), int(entry["bytes"])) for name, entry in entries.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: no record of the checkpoint's files ({type(error).__name__}). Remove {folder} and fetch it "
            f"again: undertone weights fetch {folder.name}"
        ) from None


def digest(path: Path) -> WeightsFile:
    """Return the digest and the size of a file; digests are cached by size and modification time.

    Args:
        path: the file
    """
    stat = path.stat()
    return WeightsFile(_digest(path, stat.st_size, stat.st_mtime_ns), stat.st_size)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
