"""The rows a classifier learns from and is judged on: features joined with labels and videos."""

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
        labels: what the votes came to, an empty string where there is none, shape (n,)
        groups: the video of every utterance, shape (n,)
        weights: the labels' probabilities, 0 where there is no label, shape (n,)
    """

    ids: Labels
    features: NDArray[np.float64]
    labels: Labels
    groups: Labels
    weights: NDArray[np.float64]

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        """Return the rows a mask of shape (n,) picks."""
        return Rows(self.ids[mask], self.features[mask], self.labels[mask], self.groups[mask], self.weights[mask])

    @property
    def with_consensus(self) -> Rows:
        """The rows on whose label the voters agree."""
        return self.where(self.labels != "")


def load(split: str) -> Rows:
    """Read the rows of one split from what the stages before have written."""
    return _load(split, tuple(_state(path) for path in (pipeline_file.utterance_table(), paths.VOTES, paths.FEATURES)))


def _state(path: Path) -> tuple[Path, int, int] | None:
    # files are never written in place: another content is another inode
    with suppress(FileNotFoundError):
        found = path.stat()
        return path.absolute(), found.st_ino, found.st_mtime_ns
    return None


@lru_cache(maxsize=2)
def _load(split: str, files: tuple[Any, ...]) -> Rows:
    # each training of a stage asks for the same rows
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
    """Check that a training part can bear the protocol.

    Raises:
        NotEnoughData: if a class is missing, or lives in one video only; says which, and how to go on
    """
    counts = {name: int((rows.labels == name).sum()) for name in tables.SENTIMENTS}
    videos = {name: int(np.unique(rows.groups[rows.labels == name]).size) for name in tables.SENTIMENTS}
    if scarce := [name for name in tables.SENTIMENTS if videos[name] < 2]:
        found = ", ".join(f"{name} {counts[name]} in {videos[name]} videos" for name in tables.SENTIMENTS)
        raise NotEnoughData(
            f"training needs every class in 2 videos or more, and {', '.join(scarce)} falls short (utterances with a "
            f"label: {found}). Add interviews to the training list, or lower polarity.min_score in params.yaml"
        )


def digest(*parts: Rows) -> str:
    """Return a digest of rows, for the keys of what is computed from them."""
    state = hashlib.sha256()
    for rows in parts:
        for column in (rows.ids, rows.labels, rows.groups):
            state.update("\0".join(column.tolist()).encode())
        for numbers in (rows.features, rows.weights):
            state.update(np.ascontiguousarray(numbers).tobytes())
    return state.hexdigest()


def _of(rows: pa.Table, others: pa.Table, column: str) -> pa.ChunkedArray:
    """Return a column of another table, in the order of these rows; null where the other has no such utterance."""
    return others[column].take(pc.index_in(rows["utterance_id"], others["utterance_id"]))


def _text(values: pa.ChunkedArray) -> Labels:
    return np.array([value or "" for value in values.to_pylist()], dtype=str)
