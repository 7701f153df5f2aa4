"""Read segments from the shards, one video (a row group) at a time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.core import paths, tables

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
    file = pq.ParquetFile(paths.SHARDS / video.shard)
    rows: list[dict[str, Any]] = file.read_row_group(video.row_group, _CUT).to_pylist()
    return rows


def sounds() -> pa.Table:
    """Return id, samples' digest and fingerprint of every segment, columns of `tables.SOUNDS`, sorted by id."""
    columns = ["utterance_id", "samples_sha256", "fingerprint"]
    shards = [pq.ParquetFile(path).read(columns) for path in sorted(paths.SHARDS.glob("*.parquet"))]
    return pa.concat_tables([tables.SEGMENTS.empty_table().select(columns), *shards]).sort_by("utterance_id")


def samples(segment: dict[str, Any]) -> tuple[NDArray[np.int16], int]:
    """Decode a segment; return its samples, shape (n_samples,), and their rate in Hz.

    Args:
        segment: a row with the column `audio`
    """
    import soundfile

    signal, rate_hz = soundfile.read(io.BytesIO(segment["audio"]["bytes"]), dtype="int16")
    return signal, rate_hz
