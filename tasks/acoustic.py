"""Stage acoustic: one row of features per cut segment, as the source computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks import paths, segmented, tables
from tasks.config import Acoustic, Config
from tasks.each import Each, Work, collect, write_rejects
from tasks.errors import AudioError
from tasks.features.mid_term import NAMES, Windows, mid_term
from tasks.memo import Reject, Result
from tasks.segmented import SegmentedVideo

SCHEMA = tables.features(NAMES)


def acoustic_one(item: SegmentedVideo, settings: Acoustic) -> Result:
    """Extract the features of one video's segments; a segment that cannot give them is rejected."""
    return features_of(segmented.read(item), Windows(**settings.model_dump()))


def features_of(segments: Sequence[dict[str, Any]], windows: Windows) -> Result:
    """Return the features of cut segments, rows of the SEGMENTS schema, and rejects for those that give none."""
    rows, rejects = [], []
    for segment in segments:
        try:
            vector = mid_term(*segmented.samples(segment), windows)
        except AudioError as error:
            rejects.append(Reject(segment["utterance_id"], "no features", str(error)))
        else:
            rows.append({"utterance_id": segment["utterance_id"], **dict(zip(NAMES, vector.tolist(), strict=True))})
    return Result(tables.from_rows(rows, SCHEMA), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Extract the features of every segment into `data/acoustic/features.parquet`, sorted by utterance."""
    found = collect(each(Work("acoustic", acoustic_one, config.acoustic, SCHEMA), segmented.videos()), SCHEMA)
    tables.write(found.rows.sort_by("utterance_id"), paths.FEATURES, SCHEMA)
    write_rejects("acoustic", found.rejects)
