"""Training and test rows of the weak path: features joined with labels and videos."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.core import paths, pipeline_file, tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation.splits import Labels
from tasks.features.mid_term.mid_term import NAMES


@dataclass(frozen=True)
class Rows:
    """Utterances with features, sorted by id.

    Attributes:
        ids: utterance ids, shape (n,)
        features: shape (n, n_features)
        labels: consensus labels, "" where there is none, shape (n,)
        groups: video of every utterance, shape (n,)
        weights: probabilities of the labels, 0 where there is none, shape (n,)
    """

    ids: Labels
    features: NDArray[np.float64]
    labels: Labels
    groups: Labels
    weights: NDArray[np.float64]

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        """Return some rows.

        Args:
            mask: shape (n,)
        """
        return Rows(self.ids[mask], self.features[mask], self.labels[mask], self.groups[mask], self.weights[mask])

    @property
    def with_consensus(self) -> Rows:
        """The rows with a consensus label."""
        return self.where(self.labels != "")


def load(split: str) -> Rows:
    """Read the rows of one split from the outputs of earlier stages.

    Args:
        split: `train` or `test`
    """
    return _load(split, tuple(_state(path) for path in (pipeline_file.utterance_table(), paths.VOTES, paths.FEATURES)))


def _state(path: Path) -> tuple[Path, int, int] | None:
    # files are replaced, never written in place: new content has a new inode
    with suppress(FileNotFoundError):
        status = path.stat()
        return path.absolute(), status.st_ino, status.st_mtime_ns
    return None


@lru_cache(maxsize=2)
def _load(split: str, files: tuple[Any, ...]) -> Rows:
    # cached: every fit of a stage reads the same rows
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES)
    votes = tables.read(paths.VOTES, tables.VOTES).select(["utterance_id", "sentiment", "weight"])
    features = tables.read(paths.FEATURES, tables.features(NAMES))
    picked = features.filter(pc.equal(_of(features, utterances, "split"), split)).sort_by("utterance_id")
    return Rows(
        ids=_text(picked["utterance_id"]),
        features=np.column_stack([picked[name].to_numpy() for name in NAMES]),
        labels=_text(_of(picked, votes, "sentiment")),
        groups=_text(_of(picked, utterances, "group")),
        weights=pc.fill_null(_of(picked, votes, "weight"), 0.0).to_numpy(),
    )


def demand_classes(rows: Rows) -> None:
    """Check that a training part is large enough for the protocol.

    Args:
        rows: the training rows

    Raises:
        NotEnoughData: if a class occurs in fewer than two videos
    """
    counts = {name: int((rows.labels == name).sum()) for name in tables.SENTIMENTS}
    videos = {name: int(np.unique(rows.groups[rows.labels == name]).size) for name in tables.SENTIMENTS}
    if scarce := [name for name in tables.SENTIMENTS if videos[name] < 2]:
        present = ", ".join(f"{name} {counts[name]} in {videos[name]} videos" for name in tables.SENTIMENTS)
        raise NotEnoughData(
            f"training needs every class in 2 videos or more, and {', '.join(scarce)} falls short (utterances with a "
            f"label: {present}). Add interviews to the training list, or lower polarity.min_score in params.yaml"
        )


def digest(*parts: Rows) -> str:
    """Return a digest of rows, for the cache keys of results computed from them.

    Args:
        parts: the rows
    """
    state = hashlib.sha256()
    for rows in parts:
        for column in (rows.ids, rows.labels, rows.groups):
            state.update("\0".join(column.tolist()).encode())
        for numbers in (rows.features, rows.weights):
            state.update(np.ascontiguousarray(numbers).tobytes())
    return state.hexdigest()


def _of(rows: pa.Table, others: pa.Table, column: str) -> pa.ChunkedArray:
    """Return a column of another table in the order of these rows; null where it lacks the utterance."""
    return others[column].take(pc.index_in(rows["utterance_id"], others["utterance_id"]))


def _text(values: pa.ChunkedArray) -> Labels:
    return np.array([value or "" for value in values.to_pylist()], dtype=str)
