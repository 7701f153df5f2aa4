"""Feature sets on disk: written as a stream, read by memory map.

Each feature set is a folder: `index.parquet` (one row per utterance, sorted by id), `values.safetensors` (one float32
tensor `values`, shape (n_steps of all utterances, n_features); a vector is one step) and `card.json`. Memory use does
not grow with the corpus: at most one batch is in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.core import artifacts, tables
from tasks.core.errors import InputError
from tasks.features.base.extractor import Value
from tasks.features.base.sequences import Sequences

EXTRACTED = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("n_steps", pa.int64()),
        ("n_features", pa.int64()),
        ("values", pa.binary()),
        ("text", pa.string()),
    ]
)
"""Extracted features, one row per utterance; `values`: float32, little-endian, row-major; null for a text."""
INDEX = pa.schema(
    [("utterance_id", pa.string()), ("start", pa.int64()), ("n_steps", pa.int64()), ("text", pa.string())]
)
FILES = _INDEX, _VALUES, _CARD = "index.parquet", "values.safetensors", "card.json"
_MOST_VALUES = 1 << 40
_HEADER_BYTES = 128
"""Reserved for the safetensors header, which is written last, when the shape is known; padded with spaces."""


@dataclass(frozen=True)
class Features:
    """A feature set opened by `read`.

    Args:
        card: contents of card.json
        index: table of `INDEX`, sorted by utterance_id
        values: memory map, float32, shape (n_steps of all utterances, n_features)
    """

    card: dict[str, Any]
    index: pa.Table
    values: NDArray[np.float32]

    @property
    def ids(self) -> list[str]:
        """Ids of the utterances that have these features, sorted."""
        ids: list[str] = self.index["utterance_id"].to_pylist()
        return ids

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors, float32, shape (n_rows, n_features).

        Args:
            rows: rows of the index, shape (n_rows,)
        """
        return np.asarray(self.values[self.index["start"].to_numpy()[rows]])

    def sequences(self, rows: NDArray[np.int64]) -> Sequences:
        """Return sequences; their steps stay on disk until they are used.

        Args:
            rows: rows of the index, shape (n_rows,)
        """
        return Sequences(self.values, self.index["start"].to_numpy()[rows], self.index["n_steps"].to_numpy()[rows])

    def texts(self, rows: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return texts, shape (n_rows,).

        Args:
            rows: rows of the index, shape (n_rows,)
        """
        return np.array(self.index["text"].to_pylist(), dtype=object)[rows]


def row(utterance_id: str, value: Value) -> dict[str, Any]:
    """Return one row of `EXTRACTED`.

    Args:
        utterance_id: id of the utterance
        value: a text, or finite float32 values, shape (n_features,) or (n_steps, n_features)

    Raises:
        ValueError: if the value is neither a text nor a finite array of one or two axes
    """
    if isinstance(value, str):
        return {"utterance_id": utterance_id, "n_steps": 0, "n_features": 0, "text": value}
    steps = np.atleast_2d(np.asarray(value, dtype="<f4"))
    if steps.ndim != 2 or not steps.size or not np.isfinite(steps).all():
        raise ValueError(f"{utterance_id}: expected finite values of shape (n_features,) or (n_steps, n_features)")
    n_steps, n_features = steps.shape
    values = np.ascontiguousarray(steps).tobytes()
    return {"utterance_id": utterance_id, "n_steps": n_steps, "n_features": n_features, "values": values}


def write(folder: Path, batches: Iterable[pa.Table], card: dict[str, Any]) -> int:
    """Write a feature set batch by batch.

    Args:
        folder: target; its three files are replaced
        batches: tables of `EXTRACTED`
        card: description of the features; sizes and the digests of both other files are added

    Returns:
        number of utterances written

    Raises:
        ValueError: if two utterances have different numbers of features
    """
    rows: list[dict[str, Any]] = []
    with tables.whole(folder / _VALUES) as part, part.open("wb") as file:
        file.write(b" " * _HEADER_BYTES)
        n_steps, n_features = 0, 0
        for batch in batches:
            for entry in batch.to_pylist():
                if entry["n_steps"] and n_features not in (0, entry["n_features"]):
                    raise ValueError(f"{entry['utterance_id']}: {entry['n_features']} features, others {n_features}")
                n_features = entry["n_features"] or n_features
                rows.append({"start": n_steps, **{name: entry[name] for name in ("utterance_id", "n_steps", "text")}})
                file.write(entry["values"] or b"")
                n_steps += entry["n_steps"]
        _put_header(file, n_steps, n_features)
    index = tables.from_rows(sorted(rows, key=_id), INDEX)
    tables.write(index, folder / _INDEX, INDEX)
    digests = {f"{name.partition('.')[0]}_sha256": _digest(folder / name) for name in (_INDEX, _VALUES)}
    full_card = {**card, "n_utterances": len(rows), "n_steps": n_steps, "n_features": n_features, **digests}
    # written last, since it holds the digests of the other files
    tables.write_text(folder / _CARD, artifacts.card_text(full_card))
    return len(rows)


def card(folder: Path) -> dict[str, Any]:
    """Return the card of a feature set.

    Args:
        folder: folder of the feature set

    Raises:
        InputError: if the folder has no card
    """
    try:
        content = (folder / _CARD).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{folder}: no features here yet; run the stage that extracts them") from None
    return artifacts.parse_json(content, folder / _CARD)


def read(folder: Path) -> Features:
    """Open a feature set.

    Args:
        folder: folder of the feature set

    Raises:
        InputError: if the folder has no card
        TableError: if the card, the index or the file of values is damaged
    """
    contents = card(folder)
    n_steps: Any = contents.get("n_steps")
    n_features: Any = contents.get("n_features")
    are_numbers = isinstance(n_steps, int) and isinstance(n_features, int)
    if not are_numbers or min(n_steps, n_features) < 0 or n_steps * n_features > _MOST_VALUES:
        raise artifacts.damaged(folder / _CARD, "it states no number of steps and of features")
    path, shape = folder / _VALUES, (n_steps, n_features)
    n_bytes = _HEADER_BYTES + 4 * shape[0] * shape[1]
    if not path.is_file() or path.stat().st_size != n_bytes:
        raise artifacts.damaged(path, f"expected {n_bytes:,} bytes")
    if contents.get("values_sha256", "") not in ("", _digest_once(path, *_state(path))):
        raise artifacts.damaged(path, "its bytes do not match the digest in its card")
    # NumPy cannot memory-map an array of size 0
    empty = np.empty(shape, dtype=np.float32)
    values = np.memmap(path, dtype="<f4", mode="r", offset=_HEADER_BYTES, shape=shape) if shape[0] else empty
    return Features(contents, tables.read(folder / _INDEX, INDEX), values)


def positions(features: Features, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of the index of each id, -1 for ids without features; shape (n_ids,).

    Args:
        features: an open feature set
        ids: utterance ids
    """
    rows = pc.index_in(pa.array(ids, pa.string()), features.index["utterance_id"].combine_chunks())
    filled: NDArray[np.int64] = pc.fill_null(rows, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return filled


def _put_header(file: BinaryIO, n_steps: int, n_features: int) -> None:
    tensor = {"dtype": "F32", "shape": [n_steps, n_features], "data_offsets": [0, 4 * n_steps * n_features]}
    text = json.dumps({"values": tensor}, separators=(",", ":")).encode()
    length = _HEADER_BYTES - 8
    file.seek(0)
    file.write(length.to_bytes(8, "little") + text.ljust(length))


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=256)
def _digest_once(path: Path, _inode: int, _size: int, _changed: int) -> str:
    """Return the digest of a file's content, computed once per process while the file stays as it is."""
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _id(entry: dict[str, Any]) -> str:
    return str(entry["utterance_id"])
