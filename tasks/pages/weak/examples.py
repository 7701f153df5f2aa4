"""Example segments per class to listen to, chosen automatically."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.errors import TableError
from tasks.media.segments import reader
from tasks.pages.common import templating
from tasks.pages.weak.inputs import RunResults


def choose(scored: Sequence[Mapping[str, Any]], per_class: int) -> tuple[str, ...]:
    """Choose test utterances: alternately right and wrong, spread over videos, ordered by a hash of their ids.

    Args:
        scored: predictions with utterance_id, group, label and predicted class
        per_class: at most how many per label

    Returns:
        utterance ids, class by class
    """
    by_class = ([row for row in scored if row["label"] == name] for name in tables.SENTIMENTS)
    return tuple(utterance_id for rows in by_class for utterance_id in _alternate(rows, per_class))


def load(ids: Sequence[str], results: RunResults) -> list[dict[str, Any]]:
    """Return utterances to play, in the order of `ids`: rows of UTTERANCES with title, votes, prediction and sound.

    Args:
        ids: utterance ids
        results: tables of the run

    Raises:
        TableError: if a segment is not where the index says
    """
    utterances, votes = (_rows(table, ids) for table in (results.utterances, results.votes))
    predictions = {row["utterance_id"]: row for row in results.scored}
    titles = dict(zip(results.videos["video_id"].to_pylist(), results.videos["title"].to_pylist(), strict=True))
    sounds = _sounds(ids, {name: row["group"] for name, row in utterances.items()}, results.segment_index)
    return [
        {
            **utterances[name],
            **predictions.get(name, {}),
            "title": titles[utterances[name]["group"]] or utterances[name]["group"],
            "votes": dict(votes[name]["votes"] or ()),
            "sound": templating.data_url(sounds[name], "audio/flac"),
        }
        for name in ids
    ]


def limit_sounds(lists: Sequence[Sequence[dict[str, Any]]], most_bytes: int) -> list[list[dict[str, Any]]]:
    """Return lists of utterances, some of which have no sound if all sounds together are larger than a page bears.

    Args:
        lists: utterances as `load` returns them; the first of all lists get room before the second of any
        most_bytes: of all sounds, as data URLs
    """
    order = sorted((number, k) for k, segments in enumerate(lists) for number in range(len(segments)))
    limited = [list(segments) for segments in lists]
    used = 0
    for number, k in order:
        size = len(limited[k][number]["sound"])
        if used + size > most_bytes:
            limited[k][number] = {**limited[k][number], "sound": ""}
        else:
            used += size
    return limited


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
    for video in sorted({videos[utterance_id] for utterance_id in ids}):
        if places[video]["row_group"] is None:
            continue
        rows = reader.row_group(places[video]["shard"], places[video]["row_group"]).to_pylist()
        sounds.update({row["utterance_id"]: row["audio"]["bytes"] for row in rows if row["utterance_id"] in videos})
    if missing := [utterance_id for utterance_id in ids if utterance_id not in sounds]:
        raise TableError(f"{paths.SHARDS}: the segment {missing[0]} is not where the index says; run segments again")
    return sounds
