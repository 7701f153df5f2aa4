"""Stage segments: cuts every eligible utterance out of its video's sound, into a few Parquet shards.

The `audio` column is `{bytes, path}`, which Hugging Face `datasets` reads as an Audio feature; the fingerprint that the
audit looks at is taken while the samples are at hand. Votes play no part here, so that a changed threshold cuts and
extracts nothing again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Outcome, Work, write_rejects
from tasks.core.memo import Reject, Result
from tasks.labelling.votes import eligibility
from tasks.media.fingerprint import identity
from tasks.media.segments import shards

_READ_ON_S = 2.0
Entry = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """An utterance's place in its video, in seconds."""

    utterance_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Cut:
    """An utterance's sound: mono, 16 bit, shape (n_samples,)."""

    span: Span
    samples: NDArray[np.int16]
    rate_hz: int


@dataclass(frozen=True)
class VideoSpans:
    """One video's sound and the spans to cut out of it."""

    id: str
    audio: str
    audio_sha256: str
    spans: tuple[Span, ...]

    @property
    def content(self) -> str:
        """The sound's digest and every span."""
        return json.dumps([self.audio_sha256, [[s.utterance_id, s.start_s, s.end_s] for s in self.spans]])


def segments_one(item: VideoSpans, _: Section) -> Result:
    """Cut one video's utterances into FLAC; of its sound no more than one of them is read at a time."""
    rows, rejects = [], []
    for one in cuts(item):
        if isinstance(one, Reject):
            rejects.append(one)
        else:
            rows.append(_segment(one))
    return Result(tables.from_rows(rows, tables.SEGMENTS), tuple(rejects))


def cuts(item: VideoSpans) -> Iterator[Cut | Reject]:
    """Yield one video's utterances, cut on a grid of milliseconds, and rejects for those past the end of its sound."""
    import soundfile

    with soundfile.SoundFile(paths.MEDIA / item.audio) as sound:
        for span in item.spans:
            if round(span.end_s * 1000) > _length_ms(sound) + 1:
                detail = f"ends at {span.end_s:.3f} s, the sound at {_length_ms(sound) / 1000:.3f} s"
                yield Reject(span.utterance_id, "past the end", detail)
            else:
                yield Cut(span, _cut(sound, span), sound.samplerate)


def run(config: Config, *, each: Each) -> None:
    """Cut all eligible utterances into `data/segments/shards/`, one row group per video, and index them."""
    n_shards = config.segments.shards
    items = sorted(_eligible_videos(config), key=lambda item: (shard_of(item.id, n_shards), item.id))
    # the number of shards is no setting of the item: it must not cost a cut
    outcomes = each(Work("segments", segments_one, Section(), tables.SEGMENTS), items)
    paths.SHARDS.mkdir(parents=True, exist_ok=True)
    before, now, entries, rejects = shards.read(), dict[str, shards.Shard](), list[Entry](), list[Reject]()
    for name, members in groupby(outcomes, key=lambda outcome: shard_of(outcome.item, n_shards)):
        found = list(members)
        shard = before.get(name)
        if shard is None or not shard.holds(name, [outcome.memo.name for outcome in found]):
            shard = _write_shard(name, found)
        now[name] = shard
        entries += [{**entry, "shard": name} for entry in shard.entries]
        rejects += shard.rejects
    for path in paths.SHARDS.iterdir():
        if path.name not in now:
            path.unlink()
    shards.write(now)
    by_video = tables.from_rows(entries, tables.SEGMENT_INDEX).sort_by("video_id")
    tables.write(by_video, paths.SEGMENT_INDEX, tables.SEGMENT_INDEX)
    write_rejects("segments", rejects)


def shard_of(video_id: str, n_shards: int) -> str:
    """Return the shard a video's segments lie in: decided by its id alone, so that a new video touches one shard."""
    return f"{int(hashlib.sha256(video_id.encode()).hexdigest(), 16) % n_shards:04d}.parquet"


def export(folder: Path, labels: dict[str, str]) -> int:
    """Write labelled segments as WAV into a folder per label, for people who want to listen.

    Args:
        folder: where `negative/`, `neutral/` and `positive/` are made
        labels: utterance id to label

    Returns:
        how many files were written
    """
    import soundfile

    written = 0
    for shard in sorted(paths.SHARDS.glob("*.parquet")):
        for batch in pq.ParquetFile(shard).iter_batches(64, columns=["utterance_id", "audio"]):
            for segment in batch.to_pylist():
                if (label := labels.get(segment["utterance_id"])) is None:
                    continue
                target = folder / label / Path(segment["audio"]["path"]).with_suffix(".wav").name
                target.parent.mkdir(parents=True, exist_ok=True)
                signal, rate_hz = soundfile.read(io.BytesIO(segment["audio"]["bytes"]), dtype="int16")
                with tables.whole(target) as part:
                    soundfile.write(part, signal, rate_hz, format="WAV", subtype="PCM_16")
                written += 1
    return written


def _eligible_videos(config: Config) -> Iterator[VideoSpans]:
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).sort_by("utterance_id")
    left_out = eligibility.left_out(utterances, config.eligibility)
    places = utterances.select(["utterance_id", "group", "start_s", "end_s"]).to_pylist()
    rows = [row for row, reason in zip(places, left_out, strict=True) if reason is None]
    for video_id, members in groupby(rows, key=lambda row: row["group"]):
        spans = tuple(Span(row["utterance_id"], row["start_s"], row["end_s"]) for row in members)
        yield VideoSpans(video_id, videos[video_id]["audio"], videos[video_id]["audio_sha256"], spans)


def _write_shard(name: str, outcomes: Sequence[Outcome]) -> shards.Shard:
    entries, rejects = list[Entry](), list[Reject]()
    with (
        tables.whole(paths.SHARDS / name) as part,
        pq.ParquetWriter(part, tables.SEGMENTS, compression="none") as writer,
    ):
        for row_group, outcome in enumerate(outcomes):
            result = outcome.result()
            # a row group per video, also an empty one, so that a video's segments can be read alone
            writer.write_table(result.rows)
            about = {"n_segments": result.rows.num_rows, "sha256": _digest(result.rows), "row_group": row_group}
            entries.append({"video_id": outcome.item, **about})
            rejects += result.rejects
    return shards.Shard.of(name, [outcome.memo.name for outcome in outcomes], entries, rejects)


def _digest(rows: pa.Table) -> str:
    lines = zip(rows["utterance_id"].to_pylist(), rows["samples_sha256"].to_pylist(), strict=True)
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()


def _segment(cut: Cut) -> dict[str, Any]:
    name = f"{cut.span.utterance_id.replace('/', '_')}.flac"
    audio = {"bytes": _flac(cut.samples, cut.rate_hz), "path": name}
    return {**asdict(cut.span), "audio": audio, **identity(cut.samples, cut.rate_hz)}


def _length_ms(sound: Any) -> int:
    return round(1000 * int(sound.frames) / int(sound.samplerate))


def _cut(sound: Any, span: Span) -> NDArray[np.int16]:
    """Read a span from an open sound file, shape (n_samples,); a last millisecond that is not whole is filled."""
    start_ms, end_ms = round(span.start_s * 1000), min(round(span.end_s * 1000), _length_ms(sound))
    start, end = (one_ms * sound.samplerate // 1000 for one_ms in (start_ms, end_ms))
    ahead = start - sound.tell()
    # to read on is cheaper than to look for a place
    if 0 <= ahead <= sound.samplerate * _READ_ON_S:
        sound.read(ahead, dtype="int16")
    else:
        sound.seek(start)
    samples: NDArray[np.int16] = sound.read(end - start, dtype="int16", fill_value=0)
    return samples


def _flac(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    import soundfile

    sink = io.BytesIO()
    soundfile.write(sink, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return sink.getvalue()
