"""What the doctor works on: the tables that the stage `corpus` wrote, and what their reader knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.corpora.readers import registry
from tasks.corpora.readers.reading import CorpusReader, Row


@dataclass(frozen=True)
class Material:
    """A corpus as it was read.

    Args:
        corpus: what its reader knows
        rows: the utterances, in the order of their table
        sounds: what was measured, by utterance id, without the fingerprints
        fingerprints: by utterance id, shape (n_frames,)
        rejects: files and rows that could not be used
        repairs: what was mended while reading, counted by what it was
        simulated: whether undertone made the corpus itself
        path: the folder it was read from
    """

    corpus: CorpusReader
    rows: tuple[Row, ...]
    sounds: Mapping[str, Row] = field(default_factory=dict)
    fingerprints: Mapping[str, NDArray[np.uint32]] = field(default_factory=dict)
    rejects: tuple[Row, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    simulated: bool = False
    path: str = ""

    @property
    def heard(self) -> list[tuple[Row, Row]]:
        """Every utterance with sound, and what was measured on it."""
        return [(row, self.sounds[row["utterance_id"]]) for row in self.rows if row["utterance_id"] in self.sounds]


def load(name: str, config: Config) -> Material:
    """Return what the stage `corpus` wrote about a corpus that params.yaml names.

    Raises:
        TableError: if a table is missing or malformed
    """
    entry = config.corpora[name]
    corpus = registry.corpus(entry.reader)
    sounds = tables.read(paths.sounds(name), tables.SOUNDS)
    note: Mapping[str, Any] = json.loads(paths.reading(name).read_text(encoding="utf-8"))
    return Material(
        corpus,
        tuple(tables.read(paths.utterances(name), corpus.schema).to_pylist()),
        {row["utterance_id"]: row for row in sounds.drop_columns("fingerprint").to_pylist()},
        _fingerprints(sounds),
        tuple(tables.read(paths.rejected(f"corpus@{name}"), tables.REJECTED).to_pylist()),
        note["repairs"],
        (Path(entry.path) / paths.SIMULATED).is_file(),
        entry.path,
    )


def _fingerprints(sounds: pa.Table) -> dict[str, NDArray[np.uint32]]:
    ids = sounds["utterance_id"].to_pylist()
    # not to_pylist: a corpus has millions of words
    return {
        one: words.values.to_numpy(zero_copy_only=False)
        for one, words in zip(ids, sounds["fingerprint"], strict=True)
        if words.is_valid and len(words.values)
    }
