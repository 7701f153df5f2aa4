"""Stage acoustic: one row of features per cut segment, as the source computes them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tasks import paths, tables
from tasks.config import Acoustic, Config
from tasks.each import Each, Work, collect, write_rejects
from tasks.errors import AudioError
from tasks.features.mid_term import NAMES, Windows, mid_term
from tasks.memo import Reject, Result

SCHEMA = tables.features(NAMES)


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


def acoustic_one(item: SegmentedVideo, settings: Acoustic) -> Result:
    """Extract the features of one video's segments; a segment that cannot give them is rejected."""
    segments = pq.ParquetFile(paths.SHARDS / item.shard).read_row_group(item.row_group).to_pylist()
    return features_of(segments, Windows(**settings.model_dump()))


def features_of(segments: Sequence[dict[str, Any]], windows: Windows) -> Result:
    """Return the features of cut segments, rows of the SEGMENTS schema, and rejects for those that give none."""
    rows, rejects = [], []
    for segment in segments:
        try:
            vector = mid_term(*_decode(segment["audio"]["bytes"]), windows)
        except AudioError as error:
            rejects.append(Reject(segment["utterance_id"], "no features", str(error)))
        else:
            rows.append({"utterance_id": segment["utterance_id"], **dict(zip(NAMES, vector.tolist(), strict=True))})
    return Result(tables.from_rows(rows, SCHEMA), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Extract the features of every segment into `data/acoustic/features.parquet`, sorted by utterance."""
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).sort_by("video_id").to_pylist()
    items = [SegmentedVideo(row["video_id"], row["shard"], row["row_group"], row["sha256"]) for row in index]
    found = collect(each(Work("acoustic", acoustic_one, config.acoustic, SCHEMA), items), SCHEMA)
    tables.write(found.rows.sort_by("utterance_id"), paths.FEATURES, SCHEMA)
    write_rejects("acoustic", found.rejects)


def _decode(flac: bytes) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]], int]:
    import soundfile

    signal, rate_hz = soundfile.read(io.BytesIO(flac), dtype="int16")
    return signal, rate_hz
