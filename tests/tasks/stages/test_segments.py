"""Segments: cut where the table says, into few files that others can read; a new video touches one shard."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from tasks.core import each, paths, tables
from tasks.core.config import Config, Section
from tasks.stages import segments


def run(settings: Config) -> None:
    segments.run(settings, each=each.local(settings.runtime.model_copy(update={"workers": 1})))


def digests() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(paths.SHARDS.iterdir())}


def test_every_eligible_utterance_is_cut_at_its_place(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 1, per_video=3)
    run(settings)
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX).to_pylist()
    assert [row["n_segments"] for row in index] == [3, 3, 3]
    for row in index:
        shard = pq.ParquetFile(paths.SHARDS / row["shard"])
        original, rate_hz = soundfile.read(paths.MEDIA / f"{row['video_id']}.flac", dtype="int16")
        for segment in shard.read_row_group(row["row_group"]).to_pylist():
            signal, rate = soundfile.read(io.BytesIO(segment["audio"]["bytes"]), dtype="int16")
            start = round(segment["start_s"] * rate_hz)
            assert rate == rate_hz
            assert signal.tolist() == original[start : start + signal.size].tolist()
            assert signal.size == round(2.4 * rate_hz)


def test_same_bytes_twice_and_a_new_video_touches_one_shard(captioned: Callable[..., None], settings: Config) -> None:
    captioned(6, 2, per_video=3)
    run(settings)
    first = digests()
    assert 1 < len(first) <= settings.segments.shards
    run(settings)
    assert digests() == first
    videos = tables.read(paths.VIDEOS, tables.VIDEOS)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    without = utterances.filter([group != "train-3" for group in utterances["group"].to_pylist()])
    tables.write(without, paths.UTTERANCES, tables.UTTERANCES)
    tables.write(videos, paths.VIDEOS, tables.VIDEOS)
    run(settings)
    changed = {name for name in first.keys() | digests().keys() if first.get(name) != digests().get(name)}
    assert changed == {segments.shard_of("train-3", settings.segments.shards)}


def test_shards_without_news_are_neither_read_nor_written(captioned: Callable[..., None], settings: Config) -> None:
    captioned(6, 2, per_video=3)
    run(settings)
    first, index = digests(), paths.SEGMENT_INDEX.read_bytes()
    written = {path.name: path.stat().st_mtime_ns for path in paths.SHARDS.iterdir()}
    news, damaged, gone = segments.shard_of("train-3", settings.segments.shards), *sorted(written)[:2]
    assert news not in (damaged, gone)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    without = utterances.filter([one != "weak/train-3/0001" for one in utterances["utterance_id"].to_pylist()])
    tables.write(without, paths.UTTERANCES, tables.UTTERANCES)
    content = bytearray((paths.SHARDS / damaged).read_bytes())
    content[-200] ^= 0xFF
    (paths.SHARDS / damaged).write_bytes(content)
    (paths.SHARDS / gone).unlink()
    (paths.SHARDS / "9999.parquet").write_text("of another number of shards")
    untouched = list(paths.MEMO.rglob("segments/**/*.arrow"))
    run(settings)
    assert sorted(digests()) == sorted(first)
    assert {name for name, content in digests().items() if content != first[name]} == {news}
    changed = {path.name for path in paths.SHARDS.iterdir() if path.stat().st_mtime_ns != written[path.name]}
    assert changed == {news, damaged, gone}
    # what a shard holds is known without its videos' segments
    tables.write(utterances, paths.UTTERANCES, tables.UTTERANCES)
    run(settings)
    for entry in untouched:
        entry.write_bytes(b"damaged")
    run(settings)
    assert (digests(), paths.SEGMENT_INDEX.read_bytes()) == (first, index)
    paths.KEPT_SHARDS.write_text("{")
    run(settings)
    assert (digests(), paths.SEGMENT_INDEX.read_bytes()) == (first, index)


def test_more_shards_cut_nothing_again(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 1, per_video=2)
    run(settings)
    before = {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")}
    more = settings.model_copy(update={"segments": settings.segments.model_copy(update={"shards": 3})})
    run(more)
    assert {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")} == before


def test_a_span_past_the_end_is_rejected_alone(captioned: Callable[..., None]) -> None:
    captioned(1, 0, per_video=2)
    spans = (segments.Span("weak/train-0/0000", 0.0, 2.4), segments.Span("weak/train-0/0001", 4.0, 9.0))
    found = segments.segments_one(segments.VideoSpans("train-0", "train-0.flac", "", spans), Section())
    assert found.rows["utterance_id"].to_pylist() == ["weak/train-0/0000"]
    assert [(reject.id, reject.reason) for reject in found.rejects] == [("weak/train-0/0001", "past the end")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning", "ignore::SyntaxWarning")
def test_cuts_are_those_of_pydub(project: Path) -> None:
    """The library that cuts in milliseconds: the same samples, wherever a span begins, goes back or ends the sound."""
    from pydub import AudioSegment

    rng = np.random.default_rng(5)
    signal = rng.integers(-9_000, 9_000, 16_000 * 9 + 11).astype(np.int16)
    paths.MEDIA.mkdir(parents=True)
    soundfile.write(paths.MEDIA / "a.flac", signal, 16_000, subtype="PCM_16")
    starts_s = [0.0, 0.0004, *rng.uniform(0, 8, 40).tolist(), 8.2]
    ends_s = [min(start + length, 9.001) for start, length in zip(starts_s, rng.uniform(0.1, 3, 42), strict=False)]
    spans = tuple(segments.Span(str(k), *times) for k, times in enumerate(zip(starts_s, [*ends_s, 9.001], strict=True)))
    found = segments.segments_one(segments.VideoSpans("a", "a.flac", "", spans), Section()).rows.to_pylist()
    whole = AudioSegment(signal.tobytes(), sample_width=2, frame_rate=16_000, channels=1)
    assert len(found) == len(spans)
    for span, row in zip(spans, found, strict=True):
        expected = whole[round(span.start_s * 1000) : round(span.end_s * 1000)].get_array_of_samples()
        mine, rate_hz = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        assert rate_hz == 16_000
        assert mine.tolist() == expected.tolist()


def test_export_writes_a_folder_per_label(captioned: Callable[..., None], settings: Config, tmp_path: Path) -> None:
    captioned(1, 1, per_video=3)
    run(settings)
    labels = {"weak/train-0/0000": "negative", "weak/test-0/0002": "positive"}
    assert segments.export(tmp_path / "out", labels) == 2
    assert soundfile.info(tmp_path / "out/negative/weak_train-0_0000.wav").duration == pytest.approx(2.4)
    assert (tmp_path / "out/positive/weak_test-0_0002.wav").is_file()
