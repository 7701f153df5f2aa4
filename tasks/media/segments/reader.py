"""The cut segments as a stage finds them: one video's at a time, in a row group of a shard."""

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
    """One video's cut segments: a row group of a shard; `sha256` stands for their bytes."""

    id: str
    shard: str
    row_group: int
    sha256: str

    @property
    def content(self) -> str:
        """The digest of the segments, wherever they lie."""
        return self.sha256


def videos() -> list[SegmentedVideo]:
    """Return every video's segments, sorted by video."""
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).sort_by("video_id").to_pylist()
    return [SegmentedVideo(row["video_id"], row["shard"], row["row_group"], row["sha256"]) for row in index]


def read(video: SegmentedVideo) -> list[dict[str, Any]]:
    """Return a video's segments, rows of the SEGMENTS schema without what the audit looks at."""
    file = pq.ParquetFile(paths.SHARDS / video.shard)
    rows: list[dict[str, Any]] = file.read_row_group(video.row_group, _CUT).to_pylist()
    return rows


def sounds() -> pa.Table:
    """Return id, digest of the samples and fingerprint of every segment, columns of the SOUNDS schema, sorted by id."""
    columns = ["utterance_id", "samples_sha256", "fingerprint"]
    found = [pq.ParquetFile(path).read(columns) for path in sorted(paths.SHARDS.glob("*.parquet"))]
    return pa.concat_tables([tables.SEGMENTS.empty_table().select(columns), *found]).sort_by("utterance_id")


def samples(segment: dict[str, Any]) -> tuple[NDArray[np.int16], int]:
    """Return a segment's samples, shape (n_samples,), and their rate in Hz."""
    import soundfile

    signal, rate_hz = soundfile.read(io.BytesIO(segment["audio"]["bytes"]), dtype="int16")
    return signal, rate_hz
