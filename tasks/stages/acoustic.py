"""Stage acoustic: compute the features of every segment, as the source document does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import Acoustic, Config
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import AudioError
from tasks.core.results import Reject, Result
from tasks.features.mid_term.mid_term import NAMES, AnalysisWindows, mid_terms
from tasks.features.mid_term.short_term import Array
from tasks.media.segments import reader
from tasks.media.segments.reader import SegmentedVideo

SCHEMA = tables.features(NAMES)
VECTORS = pa.schema([("utterance_id", pa.string()), ("values", pa.list_(pa.float64(), len(NAMES)))])
"""Features as they are cached: a list column, because a column per feature takes more space than its values."""


def acoustic_one(item: SegmentedVideo, settings: Acoustic) -> Result:
    """Compute the features of one video's segments; a segment without features is rejected.

    Args:
        item: the video
        settings: analysis windows, and the backend
    """
    segments = reader.read(item)
    sounds = [reader.samples(segment) for segment in segments]
    if not sounds:
        return vectors_result([], [])
    # all crawled sound is decoded to the same rate
    (rate_hz,) = {segment_hz for _, segment_hz in sounds}
    features = mid_terms([signal for signal, _ in sounds], rate_hz, AnalysisWindows(**settings.model_dump()))
    return vectors_result([segment["utterance_id"] for segment in segments], features)


def vectors_result(ids: Sequence[str], features: Sequence[Array | AudioError]) -> Result:
    """Return a row of VECTORS for each utterance with features, and a reject for each with an error.

    Args:
        ids: utterance ids
        features: of each utterance, shape (n_features,), or the error
    """
    pairs = list(zip(ids, features, strict=True))
    rejects = [Reject(item_id, "no features", str(error)) for item_id, error in pairs if isinstance(error, AudioError)]
    kept = [(item_id, vector) for item_id, vector in pairs if not isinstance(vector, AudioError)]
    values = np.array([vector for _, vector in kept], dtype=np.float64).ravel()
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values), len(NAMES))
    names = pa.array([item_id for item_id, _ in kept], pa.string())
    return Result(pa.table([names, lists], schema=VECTORS), tuple(rejects))


def feature_columns(vectors: pa.Table) -> pa.Table:
    """Convert VECTORS to SCHEMA, a column per feature."""
    values = vectors["values"].combine_chunks().flatten().to_numpy().reshape(-1, len(NAMES))
    return pa.table([vectors["utterance_id"], *(pa.array(column) for column in values.T)], schema=SCHEMA)


def run(config: Config, *, each: Each) -> None:
    """Compute the features of every segment; write `data/acoustic/features.parquet`, sorted by utterance."""
    result = collect(each(Work("acoustic", acoustic_one, config.acoustic, VECTORS), reader.videos()), VECTORS)
    tables.write(feature_columns(result.rows.sort_by("utterance_id")), paths.FEATURES, SCHEMA)
    write_rejects("acoustic", result.rejects)
