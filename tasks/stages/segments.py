"""Stage segments: cut every eligible utterance out of its video's sound, into a few Parquet shards.

Hugging Face `datasets` reads the `audio` column as an Audio feature, since the shards' schema says so. The fingerprint
for the audit is computed while the samples are in memory. Votes are not used, so that a changed threshold does not cut
again.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.core import artifacts, code_version, paths, pipeline_file, tables
from tasks.core.config import Config, Cutting
from tasks.core.each import Each, Work, write_rejects
from tasks.core.outcomes import Outcome
from tasks.core.results import Reject, Result
from tasks.core.sound_files import RATE_HZ
from tasks.labelling.votes import eligibility
from tasks.media.fingerprint import copy_detection_columns
from tasks.media.segments import hugging_face, shard_records
from tasks.media.segments.cutting import CutSegment, SegmentSpan, VideoSpans, cuts, later_stages
from tasks.media.segments.shard_records import ShardRecord
from tasks.media.voices import speaker_tables

IndexRow = dict[str, Any]
_MOST_KEPT = 1 << 24
"""Samples of a video, 17 minutes, that later stages are computed of at once; of longer videos they read them again."""


def segments_one(item: VideoSpans, settings: Cutting) -> Result:
    """Cut one video's utterances and encode them as FLAC; cache what later stages compute of the same samples.

    Args:
        item: the video, and the spans of its utterances
        settings: which backend cuts
    """
    rows, rejects, kept = [], list[Reject](), list[CutSegment]()
    copies, n_samples = dict[str, dict[str, Any]](), 0
    for cut in cuts(item, settings.backend):
        if isinstance(cut, Reject):
            rejects.append(cut)
            continue
        name = cut.span.utterance_id
        copies[name] = copy_detection_columns(cut.samples, cut.rate_hz)
        rows.append({**asdict(cut.span), "audio": _audio(cut), **copies[name]})
        n_samples += cut.samples.size
        if n_samples <= _MOST_KEPT:
            kept.append(cut)
    if item.alongside and 0 < n_samples <= _MOST_KEPT:
        _alongside().remember(item, kept, copies)
    return Result(tables.from_rows(rows, tables.SEGMENTS), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Cut all eligible utterances into `data/segments/shards/`, one row group per video, and index them."""
    n_shards = config.segments.shards
    # by shard first: groupby below needs each shard's videos to be adjacent
    items = sorted(_eligible_videos(config), key=lambda item: (shard_of(item.id, n_shards), item.id))
    work = segments_work(config)
    current, index, rejects = dict[str, ShardRecord](), list[IndexRow](), list[Reject]()
    with _drafts() as drafts:
        # shards are written while worker processes cut other videos; no shard is replaced if an item fails
        for name, record in _records(drafts, each(work, items), n_shards):
            current[name] = record
            index += [{**entry, "shard": name} for entry in record.entries]
            rejects += record.rejects
        for path in drafts.iterdir():
            path.replace(paths.SHARDS / path.name)
    # shards of a previous run with another shard count, or without videos now
    for path in paths.SHARDS.iterdir():
        if path.name not in current:
            path.unlink()
    shard_records.write(current)
    by_video = tables.from_rows(index, tables.SEGMENT_INDEX).sort_by("video_id")
    tables.write(by_video, paths.SEGMENT_INDEX, tables.SEGMENT_INDEX)
    write_rejects("segments", rejects)


def segments_work(config: Config) -> Work:
    """Return the work on each video.

    Args:
        config: the parameters
    """
    # the shard count is not in the cache key: changing it must not cut anything again
    settings = Cutting(backend=config.segments.backend)
    return Work("segments", segments_one, settings, tables.SEGMENTS, reads=VideoSpans.reads)


def shard_of(video_id: str, n_shards: int) -> str:
    """Return the file name of a video's shard: it depends on the id only, so that a new video changes one shard.

    Args:
        video_id: the video
        n_shards: number of shards
    """
    return f"{int(hashlib.sha256(video_id.encode()).hexdigest(), 16) % n_shards:04d}.parquet"


def _eligible_videos(config: Config) -> Iterator[VideoSpans]:
    alongside = later_stages(config)
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    left_out = eligibility.left_out(speaker_tables.with_speakers(utterances, config.speakers), config.eligibility)
    places = utterances.select(["utterance_id", "group", "start_s", "end_s"]).to_pylist()
    rows = [row for row, reason in zip(places, left_out, strict=True) if reason is None]
    for video_id, members in groupby(rows, key=lambda row: row["group"]):
        spans = tuple(SegmentSpan(row["utterance_id"], row["start_s"], row["end_s"]) for row in members)
        yield VideoSpans(video_id, videos[video_id]["audio"], videos[video_id]["audio_sha256"], spans, alongside)


@contextmanager
def _drafts() -> Iterator[Path]:
    """Yield an empty folder for new shards, on the file system of the shards; remove it at the end."""
    paths.SHARDS.mkdir(parents=True, exist_ok=True)
    drafts = paths.SHARDS.with_name(f".{paths.SHARDS.name}")
    # of a run that was killed
    shutil.rmtree(drafts, ignore_errors=True)
    drafts.mkdir()
    try:
        yield drafts
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _records(drafts: Path, outcomes: Iterator[Outcome], n_shards: int) -> Iterator[tuple[str, ShardRecord]]:
    """Write the shards that have changed as drafts; yield the name and record of each shard, in order."""
    previous = shard_records.read()
    for name, members in groupby(outcomes, key=lambda outcome: shard_of(outcome.item, n_shards)):
        videos = list(members)
        record = previous.get(name)
        if record is None or not record.is_current(name, _keys(videos)):
            record = _write_shard(drafts / name, videos)
        yield name, record


def _write_shard(path: Path, outcomes: Sequence[Outcome]) -> ShardRecord:
    entries, rejects = list[IndexRow](), list[Reject]()
    with (
        tables.whole(path) as part,
        pq.ParquetWriter(
            part, hugging_face.described(tables.SEGMENTS, RATE_HZ), compression="none", write_page_checksum=True
        ) as writer,
    ):
        n_groups = 0
        for outcome in outcomes:
            result = outcome.result()
            about = {"n_segments": result.rows.num_rows, "sha256": _digest(result.rows), "row_group": None}
            # one row group per video, so that its segments can be read separately; none for a video without segments,
            # since Hugging Face `datasets` cannot read a file whose first row group is empty
            if result.rows.num_rows:
                writer.write_table(result.rows)
                about["row_group"], n_groups = n_groups, n_groups + 1
            entries.append({"video_id": outcome.item, **about})
            rejects += result.rejects
        writer.close()
        artifacts.seal(part)
    return ShardRecord.of(path, _keys(outcomes), entries, rejects)


def _keys(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what decides a shard's bytes: the schema's description, and the keys of its videos' segments."""
    schema = hugging_face.described(tables.SEGMENTS, RATE_HZ)
    return [hashlib.sha256(schema.metadata[hugging_face.KEY]).hexdigest(), *(outcome.memo.name for outcome in outcomes)]


def _digest(rows: pa.Table) -> str:
    lines = zip(rows["utterance_id"].to_pylist(), rows["samples_sha256"].to_pylist(), strict=True)
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()


def _audio(cut: CutSegment) -> dict[str, Any]:
    name = f"{cut.span.utterance_id.replace('/', '_')}.flac"
    return {"bytes": _flac(cut.samples, cut.rate_hz), "path": name}


def _alongside() -> Any:
    # by name: it changes no segment, and its code must not count in this stage's cache keys
    return import_module(f"{code_version.PACKAGE}.features.extracting.alongside")


def _flac(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    import soundfile

    sink = io.BytesIO()
    soundfile.write(sink, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return sink.getvalue()
