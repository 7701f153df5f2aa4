"""Artifacts that later stages read: digests that are verified, and one line for a damaged file.

Parquet files end in their footer; readers find everything else by its place from the start. `seal` inserts a SHA-256
digest of all other bytes right before the footer, where readers do not look: `verify` then detects any flipped bit, in
pages, page headers and footer alike. A JSON card holds the digests of the files beside it, and one of itself.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import pipeline_file
from tasks.core.errors import TableError, UndertoneError

_MAGIC = b"undertone-sha256"
_DIGEST_BYTES = 32
_TAIL_BYTES = 8
"""Length of the footer and `PAR1`, at the end of every Parquet file."""
_BLOCK_BYTES = 1 << 20
FILES, OWN_DIGEST = "files_sha256", "card_sha256"
_SAME_NAME = 0.85
"""Least similarity (difflib's ratio) of a key to the digest's, if one letter of it is damaged."""


def damaged(path: Path, reason: str) -> TableError:
    """Return the error for an artifact that cannot be used; it names the stage that recreates it.

    Args:
        path: of the artifact, relative to the project folder
        reason: what is wrong with it
    """
    plain = " ".join(reason.split())[:200]
    return TableError(f"{path} is damaged ({plain}); recreate it: {recreation(path)}")


def missing(path: Path) -> TableError:
    """Return the error for an artifact that is not there yet; it names the stage that writes it.

    Args:
        path: of the artifact, relative to the project folder
    """
    command = recreation(path).rpartition("then: ")[2].removesuffix(" --force")
    named = f": {command}" if command.startswith("undertone") else ""
    return TableError(f"{path}: there is no such file yet; run the stage that writes it{named}")


def recreation(path: Path) -> str:
    """Return the command that writes an artifact again.

    Args:
        path: of the artifact, relative to the project folder
    """
    with suppress(UndertoneError, OSError):
        for stage in pipeline_file.stages().values():
            for output in stage.outputs:
                if path.is_relative_to(output):
                    # files of a folder may be kept from one run to the next
                    kept = "" if path == Path(output) else f"remove {path}, then: "
                    return f"{kept}undertone run {stage.name} --force"
    return "run the stage that writes it again"


def seal(path: Path) -> None:
    """Insert the digest of all other bytes into a finished Parquet file.

    Args:
        path: the file
    """
    with path.open("r+b") as file:
        footer_at = _footer(file, path.stat().st_size)
        if footer_at is None:
            raise ValueError(f"{path}: not a finished Parquet file")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(footer_at)
        footer = file.read()
        file.seek(footer_at)
        file.write(_MAGIC + digest + footer)


def verify(path: Path) -> None:
    """Check the digest of a Parquet file; once per content in a process. Files of older versions have none.

    Args:
        path: the file

    Raises:
        FileNotFoundError: if there is none
        TableError: if the file is not what was written
    """
    if not is_intact(path):
        raise damaged(path, "its bytes do not match their digest")


def is_intact(path: Path) -> bool:
    """Return whether a Parquet file has the bytes that were written; True for one without a digest.

    Args:
        path: the file

    Raises:
        FileNotFoundError: if there is none
    """
    status = path.stat()
    return _is_intact(path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _is_intact(path: Path, _inode: int, size: int, _changed: int) -> bool:
    sealed = len(_MAGIC) + _DIGEST_BYTES
    with path.open("rb") as file:
        footer_at = _footer(file, size)
        if footer_at is None or footer_at < sealed:
            # not sealed, or no Parquet file, which its reader reports
            return True
        file.seek(footer_at - sealed)
        block = file.read(sealed)
        if not block.startswith(_MAGIC):
            return True
        digest, left = hashlib.sha256(), footer_at - sealed
        file.seek(0)
        while left and (content := file.read(min(left, _BLOCK_BYTES))):
            digest.update(content)
            left -= len(content)
        file.seek(footer_at)
        digest.update(file.read())
    return digest.digest() == block[len(_MAGIC) :]


def _footer(file: Any, size: int) -> int | None:
    """Return where the footer begins, or None if this is no Parquet file."""
    if size < 2 * _TAIL_BYTES:
        return None
    file.seek(size - _TAIL_BYTES)
    tail = file.read(_TAIL_BYTES)
    start = size - _TAIL_BYTES - int.from_bytes(tail[:4], "little")
    return start if tail[4:] == b"PAR1" and start > 0 else None


@contextmanager
def parquet(path: Path, *, whole: bool = True) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file that a stage wrote, after verifying it.

    Args:
        path: the file
        whole: verify the digest of all bytes; if not, only the pages that are read, by their checksums

    Raises:
        TableError: if it is missing, or damaged: here, or while the block reads from it
    """
    try:
        if whole:
            verify(path)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise missing(path) from None
    except (pa.ArrowException, OSError, UnicodeDecodeError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged(path, str(error)) from None


def write_parquet(table: pa.Table, part: Path) -> None:
    """Write a table with page checksums and a digest.

    Args:
        table: the rows
        part: a temporary path, as `tables.whole` yields it
    """
    pq.write_table(table, part, compression="zstd", write_page_checksum=True)
    seal(part)


def read_json(path: Path) -> dict[str, Any]:
    """Return the contents of a JSON file that a stage wrote; a digest of itself is verified.

    Args:
        path: the file

    Raises:
        TableError: if it is missing or damaged
    """
    try:
        return parse_json(path.read_bytes(), path)
    except FileNotFoundError:
        raise missing(path) from None


def parse_json(content: bytes, path: Path) -> dict[str, Any]:
    """Return the contents of a JSON object; a digest of itself is verified.

    Args:
        content: of the file
        path: of the file, for messages

    Raises:
        TableError: if it is no JSON object, or not what was written
    """
    try:
        fields = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from None
    if not isinstance(fields, dict):
        raise damaged(path, f"expected an object in braces, found {type(fields).__name__}")
    if _has_digest(fields) and fields.get(OWN_DIGEST) != _own_digest(fields):
        raise damaged(path, "its contents do not match their digest")
    return fields


def _has_digest(fields: Mapping[str, Any]) -> bool:
    """Return whether a card was written with a digest, even if its name is damaged; older versions wrote none."""
    names = difflib.get_close_matches(OWN_DIGEST, fields, n=1, cutoff=_SAME_NAME)
    return FILES in fields or bool(names)


def card_text(fields: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> str:
    """Return a card as JSON, with the digests of its files and of itself.

    Args:
        fields: what the card says
        files: name → content of the files that belong to it
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted((files or {}).items())}
    # as they are read back: keys of other types become text
    whole: dict[str, Any] = json.loads(json.dumps({**fields, **({FILES: digests} if digests else {})}))
    return json.dumps({**whole, OWN_DIGEST: _own_digest(whole)}, indent=2, ensure_ascii=False) + "\n"


def read_bound(path: Path, card: Mapping[str, Any]) -> bytes:
    """Return a file's content after comparing it with the digest in its card; cards of older versions have none.

    Args:
        path: the file
        card: as `read_json` returned it

    Raises:
        TableError: if the file is missing, or is not the one that belongs to the card
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    files = card.get(FILES)
    if isinstance(files, Mapping) and files.get(path.name) != hashlib.sha256(content).hexdigest():
        raise damaged(path, "it is not the file that its card describes")
    return content


def _own_digest(fields: Mapping[str, Any]) -> str:
    described = {name: value for name, value in fields.items() if name != OWN_DIGEST}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
