"""A few test segments per class to listen to, picked by rule and not by ear."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import paths, tables
from tasks.core.errors import TableError
from tasks.pages.weak.inputs import Material


@dataclass(frozen=True)
class Example:
    """One segment that can be played; times in seconds, `flac` is 16 kHz mono.

    `label` and `predicted` are empty where the classifier was not asked.
    """

    utterance_id: str
    video_id: str
    title: str
    text: str
    start_s: float
    end_s: float
    label: str
    predicted: str
    votes: Mapping[str, float]
    flac: bytes


def choose(scored: Iterable[Mapping[str, Any]], per_class: int) -> tuple[str, ...]:
    """Pick utterances of the test split: right and wrong in turn, spread over the videos, by a digest of their ids.

    Args:
        scored: rows of PREDICTIONS with a label
        per_class: at most how many per label

    Returns:
        utterance ids, class by class
    """
    test = [row for row in scored if row["split"] == "test"]
    by_class = ([row for row in test if row["label"] == name] for name in tables.SENTIMENTS)
    return tuple(one for rows in by_class for one in _alternate(rows, per_class))


def load(ids: Sequence[str], found: Material) -> tuple[Example, ...]:
    """Read the chosen utterances with their sound, in the order of `ids`.

    Raises:
        TableError: if a segment is not where the index says
    """
    said, voted, guessed = (_rows(table, ids) for table in (found.utterances, found.votes, found.predictions))
    titles = dict(zip(found.videos["video_id"].to_pylist(), found.videos["title"].to_pylist(), strict=True))
    sounds = _sounds(ids, {one: row["group"] for one, row in said.items()}, found.segment_index)
    return tuple(
        Example(
            utterance_id=one,
            video_id=said[one]["group"],
            title=titles[said[one]["group"]] or "",
            text=said[one]["text"] or "",
            start_s=said[one]["start_s"],
            end_s=said[one]["end_s"],
            label=guessed.get(one, {}).get("label") or "",
            predicted=guessed.get(one, {}).get("predicted") or "",
            votes=dict(voted[one]["votes"] or ()),
            flac=sounds[one],
        )
        for one in ids
    )


def _alternate(rows: Sequence[Mapping[str, Any]], wanted: int) -> list[str]:
    waiting = sorted(rows, key=lambda row: hashlib.sha256(row["utterance_id"].encode()).hexdigest())
    used: Counter[str] = Counter()
    picked: list[str] = []
    while waiting and len(picked) < wanted:
        right = len(picked) % 2 == 0
        best = min(waiting, key=lambda row: ((row["label"] == row["predicted"]) != right, used[row["group"]]))
        waiting.remove(best)
        used[best["group"]] += 1
        picked.append(best["utterance_id"])
    return picked


def _rows(table: pa.Table, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    import pyarrow.compute as pc

    picked = table.filter(pc.is_in(table["utterance_id"], pa.array(ids, pa.string())))
    return {row["utterance_id"]: row for row in picked.to_pylist()}


def _sounds(ids: Sequence[str], videos: Mapping[str, str], index: pa.Table) -> dict[str, bytes]:
    places = {row["video_id"]: row for row in index.to_pylist()}
    sounds: dict[str, bytes] = {}
    for video in sorted({videos[one] for one in ids}):
        shard = pq.ParquetFile(paths.SHARDS / places[video]["shard"])
        rows = shard.read_row_group(places[video]["row_group"]).to_pylist()
        sounds.update({row["utterance_id"]: row["audio"]["bytes"] for row in rows if row["utterance_id"] in videos})
    if missing := [one for one in ids if one not in sounds]:
        raise TableError(f"{paths.SHARDS}: the segment {missing[0]} is not where the index says; run segments again")
    return sounds
