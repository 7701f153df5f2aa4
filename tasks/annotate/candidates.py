"""Candidates for the queue: the current segments, with their weak labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.annotate.rated_segments import RatedSegment, Segment, SegmentId
from tasks.core import paths, pipeline_file, tables
from tasks.core.errors import NotEnoughData, TableError
from tasks.media.segments import reader


@dataclass(frozen=True)
class Candidate:
    """A segment that can be played.

    Attributes:
        segment: the segment
        split: train or test
        weak: label from the lexicons' votes, None for none; orders the queue and is never shown
        probabilities: of each sentiment, with sum 1; empty without votes
        votes: voter to polarity; orders proposals and is never shown
        n_ratings: number of listeners who rated it
        sampling: how it was drawn when it was rated first, `ratings.RANDOM` or `ratings.PROPOSED`; None: not marked
    """

    segment: Segment
    split: str
    weak: str | None
    probabilities: Mapping[str, float]
    votes: Mapping[str, float] = field(default_factory=dict)
    n_ratings: int = 0
    sampling: str | None = None


def load() -> list[Candidate]:
    """Read all segments, sorted by utterance.

    Raises:
        NotEnoughData: if there are no segments yet
        TableError: if a table is missing, or the tables are from different runs
    """
    rows = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).to_pylist()
    utterances = {row["utterance_id"]: row for row in rows}
    votes = {row["utterance_id"]: row for row in tables.read(paths.VOTES, tables.VOTES).to_pylist()}
    candidates = []
    for shard in sorted(paths.SHARDS.glob("*.parquet")):
        for row in reader.shard(shard, ["utterance_id", "start_s", "end_s"]).to_pylist():
            utterance_id = row["utterance_id"]
            utterance, vote = utterances.get(utterance_id), votes.get(utterance_id)
            if utterance is None or vote is None:
                raise TableError(
                    f"{shard}: {utterance_id} is missing in the captions or the votes; "
                    "run: undertone run polarity segments"
                )
            segment_id = SegmentId(utterance_id, row["start_s"], row["end_s"])
            segment = Segment(segment_id, utterance["group"], utterance["text"] or "")
            candidates.append(
                Candidate(segment, utterance["split"], vote["sentiment"], probabilities(vote), dict(vote["votes"]))
            )
    if not candidates:
        raise NotEnoughData(f"{paths.SHARDS}: no segments to listen to yet; run: undertone run polarity segments")
    return sorted(candidates, key=lambda candidate: candidate.segment.id)


def with_ratings(candidates: Iterable[Candidate], rated: Iterable[RatedSegment]) -> list[Candidate]:
    """Return segments with their numbers of ratings.

    Args:
        candidates: the segments
        rated: segments with ratings, from the store
    """
    by_id = {item.segment.id: item for item in rated}
    return [
        candidate
        if (item := by_id.get(candidate.segment.id)) is None
        else replace(candidate, n_ratings=len(item.ratings), sampling=item.sampling)
        for candidate in candidates
    ]


def probabilities(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the probability of each sentiment; empty without votes.

    Args:
        row: of `tables.VOTES`
    """
    values = {name: row[name] for name in tables.SENTIMENTS}
    return {} if None in values.values() else values


def sounds(segments: Iterable[Segment]) -> dict[str, bytes]:
    """Read the sound of segments, as FLAC by `SegmentId.key`.

    Args:
        segments: which ones

    Raises:
        TableError: if a segment is not where the index says
    """
    index = {row["video_id"]: row for row in tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).to_pylist()}
    wanted: dict[str, set[SegmentId]] = {}
    for segment in segments:
        wanted.setdefault(segment.video_id, set()).add(segment.id)
    flac: dict[str, bytes] = {}
    for video, ids in sorted(wanted.items()):
        if video not in index or index[video]["row_group"] is None:
            raise TableError(f"{paths.SEGMENT_INDEX}: {video} is missing; run: undertone run segments")
        rows = reader.row_group(index[video]["shard"], index[video]["row_group"])
        for row in rows.to_pylist():
            segment_id = SegmentId(row["utterance_id"], row["start_s"], row["end_s"])
            if segment_id in ids:
                flac[segment_id.key] = row["audio"]["bytes"]
        if missing := sorted(segment_id for segment_id in ids if segment_id.key not in flac):
            raise TableError(f"{paths.SHARDS}: {missing[0]} is not where the index says; run: undertone run segments")
    return flac
