"""What can be listened to: the segments as they are cut now, with what the lexicons said of their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.core import paths, tables
from tasks.core.errors import NotEnoughData, TableError


@dataclass(frozen=True)
class Candidate:
    """A segment that can be heard.

    Attributes:
        segment: what would be played
        split: train or test
        weak: the label that the lexicons agree on, None: none. It orders the queue and is never shown
        probabilities: of each sentiment, adding up to 1; empty where nobody voted
    """

    segment: Segment
    split: str
    weak: str | None
    probabilities: Mapping[str, float]


def load() -> list[Candidate]:
    """Read all segments that have been cut, sorted by utterance.

    Raises:
        NotEnoughData: if nothing has been cut yet
        TableError: if a table is missing, or the tables are not of one run
    """
    said = {row["utterance_id"]: row for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()}
    voted = {row["utterance_id"]: row for row in tables.read(paths.VOTES, tables.VOTES).to_pylist()}
    found = []
    for shard in sorted(paths.SHARDS.glob("*.parquet")):
        for row in pq.read_table(shard, columns=["utterance_id", "start_s", "end_s"]).to_pylist():
            one = row["utterance_id"]
            if one not in said or one not in voted:
                raise TableError(
                    f"{shard}: {one} has no captions or no votes now; run: undertone run polarity segments"
                )
            segment = Segment(SegmentId(one, row["start_s"], row["end_s"]), said[one]["group"], said[one]["text"] or "")
            found.append(Candidate(segment, said[one]["split"], voted[one]["sentiment"], probabilities(voted[one])))
    if not found:
        raise NotEnoughData(f"{paths.SHARDS}: no segments to listen to yet; run: undertone run polarity segments")
    return sorted(found, key=lambda one: one.segment.span)


def probabilities(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the probability of each sentiment from a row of `tables.VOTES`; empty where nobody voted."""
    values = {name: row[name] for name in tables.SENTIMENTS}
    return {} if None in values.values() else values


def sounds(segments: Iterable[Segment]) -> dict[str, bytes]:
    """Read the sound of segments, as FLAC by `SegmentId.key`.

    Raises:
        TableError: if a segment is not where the index says, as it was cut
    """
    index = {row["video_id"]: row for row in tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).to_pylist()}
    wanted: dict[str, set[SegmentId]] = {}
    for one in segments:
        wanted.setdefault(one.video_id, set()).add(one.span)
    found: dict[str, bytes] = {}
    for video, spans in sorted(wanted.items()):
        if video not in index:
            raise TableError(f"{paths.SEGMENT_INDEX}: {video} is not in it; run segments again")
        rows = pq.ParquetFile(paths.SHARDS / index[video]["shard"]).read_row_group(index[video]["row_group"])
        for row in rows.to_pylist():
            span = SegmentId(row["utterance_id"], row["start_s"], row["end_s"])
            if span in spans:
                found[span.key] = row["audio"]["bytes"]
        if lost := sorted(span for span in spans if span.key not in found):
            raise TableError(f"{paths.SHARDS}: the segment {lost[0]} is not where the index says; run segments again")
    return found
