"""Tables and scores that the report shows, read from the files of the stages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import artifacts, paths, pipeline_file, tables

_DIGESTED = (
    paths.VOTES,
    paths.SEGMENT_INDEX,
    paths.FEATURES,
    paths.AUDIT,
    paths.CARD,
    paths.CROSS_VALIDATION,
    paths.METRICS,
    paths.LABELS,
    paths.PREDICTIONS,
)


@dataclass(frozen=True)
class RunResults:
    """Tables and scores of one run.

    Attributes:
        segmented: ids of the utterances with a segment
        featured: ids of the utterances that have features
        utterances: those that `polarity` votes on
        utterances_after: `captions`, and each stage inserted between it and `polarity` → the utterances it wrote
        rejects: stage → its `rejected` table, in the order of the DAG
        rejected_paths: stage → the path of that table
        metrics: of the stage evaluate
        cross_validation: metrics of the stage train
        card: description of the model
        label_quality: metrics of the stage labels
        digests: path to the SHA-256 of the file
    """

    videos: pa.Table
    utterances: pa.Table
    utterances_after: dict[str, pa.Table]
    votes: pa.Table
    segment_index: pa.Table
    segmented: frozenset[str]
    featured: frozenset[str]
    predictions: pa.Table
    rejects: dict[str, pa.Table]
    rejected_paths: dict[str, Path]
    metrics: dict[str, Any]
    cross_validation: dict[str, Any]
    card: dict[str, Any]
    audit: dict[str, Any]
    label_quality: dict[str, Any]
    digests: dict[str, str]

    @property
    def scored(self) -> list[dict[str, Any]]:
        """Rows of the predictions that have a label to score against."""
        return [row for row in self.predictions.to_pylist() if row["label"] is not None]


def read() -> RunResults:
    """Read the results of this project folder.

    Raises:
        TableError: if a stage has not run yet, or a file is malformed
    """
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX)
    written, rejected = pipeline_file.utterance_tables(), pipeline_file.rejected_tables()
    utterances = {stage: tables.read(path, tables.UTTERANCES) for stage, path in written.items()}
    return RunResults(
        videos=tables.read(paths.VIDEOS, tables.VIDEOS),
        utterances=list(utterances.values())[-1],
        utterances_after=utterances,
        votes=tables.read(paths.VOTES, tables.VOTES),
        segment_index=index,
        segmented=frozenset().union(*(_ids(paths.SHARDS / name) for name in sorted(set(index["shard"].to_pylist())))),
        featured=_ids(paths.FEATURES),
        predictions=tables.read(paths.PREDICTIONS, tables.PREDICTIONS),
        rejects={stage: _rejects(path) for stage, path in rejected.items()},
        rejected_paths=rejected,
        metrics=_json(paths.METRICS),
        cross_validation=_json(paths.CROSS_VALIDATION),
        card=_json(paths.CARD),
        audit=_json(paths.AUDIT),
        label_quality=_json(paths.LABELS),
        digests={str(path): _digest(path) for path in (paths.VIDEOS, *written.values(), *_DIGESTED)},
    )


def _ids(path: Path) -> frozenset[str]:
    with artifacts.parquet(path) as file:
        return frozenset(file.read(["utterance_id"])["utterance_id"].to_pylist())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rejects(path: Path) -> pa.Table:
    # if a table is missing by mistake, the funnel does not add up
    return tables.read(path, tables.REJECTED) if path.exists() else tables.REJECTED.empty_table()


def _json(path: Path) -> dict[str, Any]:
    return artifacts.read_json(path)
