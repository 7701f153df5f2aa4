"""Record the contents of the last run's shards: a shard whose videos did not change is not read or written again.

The record lies beside the memo. If it is deleted, all shards are written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.core import artifacts, paths, tables
from tasks.core.results import Reject

_TRAILER_BYTES = 8
"""The last bytes of a Parquet file: the length of its footer, and the magic number."""


@dataclass(frozen=True)
class ShardRecord:
    """Contents of a written shard.

    Args:
        keys: cache keys of its videos' segments, in order
        state: digest of the file's size and footer
        changed: its modification time in nanoseconds
        entries: its videos' rows of the index
        rejects: utterances that could not be cut
    """

    keys: tuple[str, ...]
    state: str
    changed: int
    entries: tuple[Mapping[str, Any], ...]
    rejects: tuple[Reject, ...]

    @classmethod
    def of(
        cls, path: Path, keys: Sequence[str], entries: Sequence[Mapping[str, Any]], rejects: Sequence[Reject]
    ) -> ShardRecord:
        """Record a shard that has just been written.

        Args:
            path: of its file, which may be moved afterwards
            keys: cache keys of its videos' segments, in order
            entries: its videos' rows of the index
            rejects: utterances that could not be cut
        """
        return cls(tuple(keys), _state(path), path.stat().st_mtime_ns, tuple(entries), tuple(rejects))

    def is_current(self, name: str, keys: Sequence[str]) -> bool:
        """Tell whether the shard would have the same contents, and its file is the one that was written."""
        path = paths.SHARDS / name
        if self.keys != tuple(keys) or self.state != _state(path):
            return False
        # all bytes of a file that was touched are read again: it may be damaged
        return path.stat().st_mtime_ns == self.changed or artifacts.is_intact(path)


def read() -> dict[str, ShardRecord]:
    """Return the records of the last run by shard name; none if there is no valid record file."""
    # an invalid record, or one of another version, counts as none
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        content = json.loads(paths.KEPT_SHARDS.read_text(encoding="utf-8"))
        return {name: _record(fields) for name, fields in content.items()}
    return {}


def write(records: Mapping[str, ShardRecord]) -> None:
    """Write the record file."""
    content = {name: asdict(record) for name, record in records.items()}
    tables.write_text(paths.KEPT_SHARDS, json.dumps(content) + "\n")


def _record(fields: Mapping[str, Any]) -> ShardRecord:
    rejects = (Reject(**reject) for reject in fields["rejects"])
    return ShardRecord(
        tuple(fields["keys"]), fields["state"], fields["changed"], tuple(fields["entries"]), tuple(rejects)
    )


def _state(path: Path) -> str:
    """Return a digest of a file's size and footer, which contains the offsets and statistics of all columns."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TRAILER_BYTES))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - _TRAILER_BYTES - length))
        return hashlib.sha256(b"%d %b" % (size, file.read())).hexdigest()
    return ""
