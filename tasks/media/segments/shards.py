"""What the shards of the last run were made of: one whose videos are as they were is neither read nor written again.

Kept beside the memo, in the house's own folder: it can be thrown away, and costs that all shards are written anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.core import paths, tables
from tasks.core.memo import Reject

_LENGTH_BYTES = 8
"""Of what a Parquet file ends in: the length of its footer, and a magic word."""


@dataclass(frozen=True)
class Shard:
    """One shard as it was written.

    Args:
        keys: under which its videos' segments are remembered, in order
        state: of the file
        entries: what the index says of its videos
        rejects: utterances that could not be cut
    """

    keys: tuple[str, ...]
    state: str
    entries: tuple[Mapping[str, Any], ...]
    rejects: tuple[Reject, ...]

    @classmethod
    def of(
        cls, name: str, keys: Sequence[str], entries: Sequence[Mapping[str, Any]], rejects: Sequence[Reject]
    ) -> Shard:
        """Return what is to be known of a shard that has just been written."""
        return cls(tuple(keys), _state(paths.SHARDS / name), tuple(entries), tuple(rejects))

    def holds(self, name: str, keys: Sequence[str]) -> bool:
        """Say whether the shard is to hold what it did, and the file is the one that was written."""
        return self.keys == tuple(keys) and self.state == _state(paths.SHARDS / name)


def read() -> dict[str, Shard]:
    """Return the shards of the last run by their names; none if nothing is known of them."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        known = json.loads(paths.KEPT_SHARDS.read_text(encoding="utf-8"))
        return {name: _shard(one) for name, one in known.items()}
    return {}


def write(shards: Mapping[str, Shard]) -> None:
    """Keep what is known of shards."""
    tables.write_text(paths.KEPT_SHARDS, json.dumps({name: asdict(one) for name, one in shards.items()}) + "\n")


def _shard(known: Mapping[str, Any]) -> Shard:
    rejects = (Reject(**one) for one in known["rejects"])
    return Shard(tuple(known["keys"]), known["state"], tuple(known["entries"]), tuple(rejects))


def _state(path: Path) -> str:
    """Return a digest of a file's size and its footer, which tells where all columns lie, and their bounds."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LENGTH_BYTES))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - _LENGTH_BYTES - length))
        return hashlib.sha256(b"%d %b" % (size, file.read())).hexdigest()
    return ""
