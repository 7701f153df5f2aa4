"""Stage acoustic: one row of features per cut segment, as the source computes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import Acoustic, Config
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import AudioError
from tasks.core.memo import Reject, Result
from tasks.features.mid_term.mid_term import NAMES, AnalysisWindows, mid_terms
from tasks.features.mid_term.short_term import Array
from tasks.media.segments import reader
from tasks.media.segments.reader import SegmentedVideo

SCHEMA = tables.features(NAMES)
VECTORS = pa.schema([("utterance_id", pa.string()), ("values", pa.list_(pa.float64(), len(NAMES)))])
"""Features as they are remembered: a column for each of them costs more than what is in it."""


def acoustic_one(item: SegmentedVideo, settings: Acoustic) -> Result:
    """Extract the features of one video's segments; a segment that cannot give them is rejected."""
    segments = reader.read(item)
    sounds = [reader.samples(segment) for segment in segments]
    if not sounds:
        return described([], [])
    # crawled sound has one rate, whatever it had before
    (rate_hz,) = {one_hz for _, one_hz in sounds}
    found = mid_terms([signal for signal, _ in sounds], rate_hz, AnalysisWindows(**settings.model_dump()))
    return described([segment["utterance_id"] for segment in segments], found)


def described(ids: Sequence[str], found: Sequence[Array | AudioError]) -> Result:
    """Return a row of VECTORS for each utterance that has features, and a reject for each that has an error instead."""
    pairs = list(zip(ids, found, strict=True))
    rejects = [Reject(one, "no features", str(error)) for one, error in pairs if isinstance(error, AudioError)]
    kept = [(one, vector) for one, vector in pairs if not isinstance(vector, AudioError)]
    values = np.array([vector for _, vector in kept], dtype=np.float64).ravel()
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values), len(NAMES))
    return Result(pa.table([pa.array([one for one, _ in kept], pa.string()), lists], schema=VECTORS), tuple(rejects))


def by_name(vectors: pa.Table) -> pa.Table:
    """Return rows of VECTORS with a column for each feature, SCHEMA."""
    values = vectors["values"].combine_chunks().flatten().to_numpy().reshape(-1, len(NAMES))
    return pa.table([vectors["utterance_id"], *(pa.array(column) for column in values.T)], schema=SCHEMA)


def run(config: Config, *, each: Each) -> None:
    """Extract the features of every segment into `data/acoustic/features.parquet`, sorted by utterance."""
    found = collect(each(Work("acoustic", acoustic_one, config.acoustic, VECTORS), reader.videos()), VECTORS)
    tables.write(by_name(found.rows.sort_by("utterance_id")), paths.FEATURES, SCHEMA)
    write_rejects("acoustic", found.rejects)
