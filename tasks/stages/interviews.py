"""Stage interviews: join the cut utterances with their labels, votes and ratings: the corpus `interviews`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import INTERVIEWS, Config
from tasks.core.each import Each
from tasks.corpora.readers.interviews import EXTRA
from tasks.labelling.people import rated_utterances, rating_models, ratings
from tasks.media.segments import reader
from tasks.media.voices import speaker_tables

SCHEMA = tables.utterances(EXTRA)
_MODELS = ("label-model", "mace", "stacking", "selected")


def run(config: Config, *, each: Each) -> None:
    """Write `data/interviews/utterances.parquet`: one row per cut segment, labelled or not; no items for `each`.

    Args:
        config: all settings
        each: unused
    """
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    pooled = rating_models.pooled(paths.LISTENERS, utterances, config.labels.listeners)
    rated = {row["utterance_id"]: row for row in pooled.rated.to_pylist()}
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).select(["video_id", "audio_sha256"])
    digests = dict(zip(*videos.to_pydict().values(), strict=True))
    votes = tables.read(paths.VOTES, tables.VOTES).select(["utterance_id", "sentiment", "majority", "weight"])
    voted = {row["utterance_id"]: row for row in votes.to_pylist()}
    utterances = speaker_tables.with_voices(utterances, config.speakers)
    cut = utterances.filter(pc.is_in(utterances["utterance_id"], reader.ids()))
    source = "model" if config.polarity.combine in _MODELS else "consensus"
    rows = [
        {
            **row,
            "corpus": INTERVIEWS,
            "audio_sha256": digests[row["group"]],
            **_labels(voted[row["utterance_id"]], source),
            **_rated(rated.get(row["utterance_id"])),
        }
        for row in cut.to_pylist()
    ]
    tables.write(pa.Table.from_pylist(rows, SCHEMA), paths.INTERVIEWS, SCHEMA)


def _labels(voted: Mapping[str, Any], source: str) -> dict[str, Any]:
    label = voted["sentiment"]
    labelled = {"sentiment": label, "weight": voted["weight"], "label_source": source} if label else {}
    return {**labelled, "vote": label or voted["majority"]}


def _rated(row: Mapping[str, Any] | None) -> dict[str, Any]:
    # proposed for their votes: no random sample, so that scores against listeners would be biased
    if row is None or row[ratings.SAMPLING] == ratings.PROPOSED:
        return {}
    # sorted: the order of the files' columns must not change the table
    by_listener = json.dumps(dict(sorted(row["ratings"])), ensure_ascii=False) if row["ratings"] else None
    return {"listeners": rated_utterances.gold_label(row), "ratings": by_listener}
