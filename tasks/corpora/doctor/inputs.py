"""Inputs of the doctor: the tables that stage `corpus` wrote, and the corpus's reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.corpora import unreferenced
from tasks.corpora.readers import registry
from tasks.corpora.readers.reading import CorpusReader, Row
from tasks.corpora.unreferenced import Unreferenced


@dataclass(frozen=True)
class CorpusTables:
    """A corpus as stage `corpus` read it.

    Args:
        corpus: its reader
        rows: the utterances, in the order of their table
        sounds: measurements by utterance id, without the fingerprints
        fingerprints: by utterance id, shape (n_frames,)
        rejects: files and rows that could not be used
        repairs: kind of repair made while reading → how often
        signals: further measurements by utterance id
        unreferenced: media files and archives in the folder that are no utterance's
        simulated: whether undertone made the corpus
        path: the folder it was read from
    """

    corpus: CorpusReader
    rows: tuple[Row, ...]
    sounds: Mapping[str, Row] = field(default_factory=dict)
    fingerprints: Mapping[str, NDArray[np.uint32]] = field(default_factory=dict)
    rejects: tuple[Row, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    signals: Mapping[str, Row] = field(default_factory=dict)
    unreferenced: Unreferenced = field(default_factory=Unreferenced)
    simulated: bool = False
    path: str = ""

    @property
    def measured(self) -> list[tuple[Row, Row]]:
        """Every utterance with sound, and its measurements."""
        return [(row, self.sounds[row["utterance_id"]]) for row in self.rows if row["utterance_id"] in self.sounds]


def load(name: str, config: Config) -> CorpusTables:
    """Read the tables of a corpus.

    Args:
        name: its name in params.yaml
        config: all settings

    Raises:
        TableError: if a table is missing or malformed
    """
    entry = config.corpora[name]
    corpus = registry.corpus(entry.reader)
    sounds = tables.read(paths.sounds(name), tables.SOUNDS)
    note: Mapping[str, Any] = artifacts.read_json(paths.reading(name))
    return CorpusTables(
        corpus,
        tuple(tables.read(paths.utterances(name), corpus.schema).to_pylist()),
        {row["utterance_id"]: row for row in sounds.drop_columns("fingerprint").to_pylist()},
        _fingerprints(sounds),
        tuple(tables.read(paths.rejected(f"corpus@{name}"), tables.REJECTED).to_pylist()),
        note["repairs"],
        {row["utterance_id"]: row for row in tables.read(paths.signals(name), tables.SIGNALS).to_pylist()},
        unreferenced.from_note(note),
        (Path(entry.path) / paths.SIMULATED).is_file(),
        entry.path,
    )


def _fingerprints(sounds: pa.Table) -> dict[str, NDArray[np.uint32]]:
    ids = sounds["utterance_id"].to_pylist()
    # to_pylist would make a Python integer of each of millions of fingerprint words
    return {
        utterance_id: words.values.to_numpy(zero_copy_only=False)
        for utterance_id, words in zip(ids, sounds["fingerprint"], strict=True)
        if words.is_valid and len(words.values)
    }
