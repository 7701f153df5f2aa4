"""Read segments from the shards, one video (a row group) at a time."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import artifacts, paths, tables

_CUT = ["utterance_id", "start_s", "end_s", "audio"]


@dataclass(frozen=True)
class SegmentedVideo:
    """One video's segments, a row group of a shard, or none if there are no segments; `sha256` is their digest."""

    id: str
    shard: str
    row_group: int | None
    sha256: str

    @property
    def content(self) -> str:
        """The digest of the segments, independent of their shard."""
        return self.sha256


def videos() -> list[SegmentedVideo]:
    """Return every video's segments, sorted by video."""
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).sort_by("video_id").to_pylist()
    return [SegmentedVideo(row["video_id"], row["shard"], row["row_group"], row["sha256"]) for row in index]


def read(video: SegmentedVideo) -> list[dict[str, Any]]:
    """Return a video's segments, rows of `tables.SEGMENTS` without the columns of copy detection.

    Args:
        video: which row group to read
    """
    if video.row_group is None:
        return []
    return row_group(video.shard, video.row_group, _CUT).to_pylist()  # type: ignore[no-any-return]


def row_group(shard: str, number: int, columns: list[str] | None = None) -> pa.Table:
    """Return the segments of one video.

    Args:
        shard: file name of its shard
        number: of its row group
        columns: their names; all by default

    Raises:
        TableError: if the shard is missing or damaged, or has no such row group
    """
    with artifacts.parquet(paths.SHARDS / shard) as file:
        if not 0 <= number < file.num_row_groups:
            raise artifacts.damaged(paths.SEGMENT_INDEX, f"{shard} has no row group {number}")
        return file.read_row_group(number, columns)


def shard(path: Path, columns: list[str]) -> pa.Table:
    """Return columns of all segments of a shard.

    Args:
        path: of the shard
        columns: their names

    Raises:
        TableError: if the shard is missing or damaged
    """
    with artifacts.parquet(path) as file:
        return file.read(columns)


def ids() -> pa.Array:
    """Return the ids of all segments, sorted.

    Pages of ids are verified by their own checksums, and their number by the index. The digest of a whole shard covers
    its sound, which is not read here.

    Raises:
        TableError: if a shard or the index is missing or damaged, or they differ
    """
    numbers = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).select(["shard", "n_segments"]).to_pylist()
    expected = Counter[str]()
    for row in numbers:
        expected[row["shard"]] += row["n_segments"]
    names = list[str]()
    for path in sorted(paths.SHARDS.glob("*.parquet")):
        with artifacts.parquet(path, whole=False) as file:
            of_shard = file.read(["utterance_id"])["utterance_id"].to_pylist()
        if len(of_shard) != expected[path.name]:
            raise artifacts.damaged(path, f"{len(of_shard)} segments; the index has {expected[path.name]}")
        names += of_shard
    return pa.array(sorted(names), pa.string())


def sounds() -> pa.Table:
    """Return id, samples' digest and fingerprint of every segment, columns of `tables.SOUNDS`, sorted by id."""
    columns = ["utterance_id", "samples_sha256", "fingerprint"]
    shards = [shard(path, columns) for path in sorted(paths.SHARDS.glob("*.parquet"))]
    return pa.concat_tables([tables.SEGMENTS.empty_table().select(columns), *shards]).sort_by("utterance_id")


def samples(segment: dict[str, Any]) -> tuple[NDArray[np.int16], int]:
    """Decode a segment; return its samples, shape (n_samples,), and their rate in Hz.

    Args:
        segment: a row with the column `audio`
    """
    import soundfile

    signal, rate_hz = soundfile.read(io.BytesIO(segment["audio"]["bytes"]), dtype="int16")
    return signal, rate_hz
