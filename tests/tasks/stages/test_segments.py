"""Stage segments: cuts at the right place; a new video changes one shard."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import soundfile

from tasks.core import each, paths, tables
from tasks.core.config import Config, Cutting
from tasks.core.outcomes import ItemsFailed
from tasks.media.segments import reader, shard_records
from tasks.media.segments.cutting import SegmentSpan, VideoSpans
from tasks.media.segments.shard_records import ShardRecord
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


def test_unchanged_shards_are_neither_read_nor_written(captioned: Callable[..., None], settings: Config) -> None:
    captioned(6, 2, per_video=3)
    run(settings)
    first, index = digests(), paths.SEGMENT_INDEX.read_bytes()
    written = {path.name: path.stat().st_mtime_ns for path in paths.SHARDS.iterdir()}
    news, damaged, gone = segments.shard_of("train-3", settings.segments.shards), *sorted(written)[:2]
    assert news not in (damaged, gone)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    without = utterances.filter(
        [utterance_id != "weak/train-3/0001" for utterance_id in utterances["utterance_id"].to_pylist()]
    )
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


def test_shards_are_hugging_face_datasets_and_those_without_the_description_are_written_again(
    captioned: Callable[..., None], settings: Config
) -> None:
    captioned(2, 1, per_video=2)
    run(settings)
    current = digests()
    records = shard_records.read()
    for path in paths.SHARDS.iterdir():
        features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
        assert features["audio"] == {"sampling_rate": 16_000, "_type": "Audio"}
        # as a version without the description left it
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
        record = records[path.name]
        old = ShardRecord.of(path, record.keys[1:], record.entries, record.rejects)
        shard_records.write({**shard_records.read(), path.name: old})
    run(settings)
    assert digests() == current


def test_a_video_without_segments_has_no_row_group(captioned: Callable[..., None], settings: Config) -> None:
    """Hugging Face `datasets` takes its batch size from the first row group, and fails on 0."""
    captioned(2, 1, per_video=2)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    rows = utterances.to_pylist()
    for row in rows:
        if row["group"] == "test-0":
            row["start_s"], row["end_s"] = row["start_s"] + 1000, row["end_s"] + 1000
    tables.write(tables.from_rows(rows, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    run(settings.model_copy(update={"segments": settings.segments.model_copy(update={"shards": 1})}))
    (shard,) = paths.SHARDS.iterdir()
    file = pq.ParquetFile(shard)
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [2, 2]
    assert [len(reader.read(video)) for video in reader.videos()] == [0, 2, 2]


def test_more_shards_cut_nothing_again(captioned: Callable[..., None], settings: Config) -> None:
    captioned(2, 1, per_video=2)
    run(settings)
    before = {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")}
    more = settings.model_copy(update={"segments": settings.segments.model_copy(update={"shards": 3})})
    run(more)
    assert {path: path.stat().st_mtime_ns for path in paths.MEMO.rglob("*.arrow")} == before


def test_a_span_past_the_end_is_rejected_alone(captioned: Callable[..., None]) -> None:
    captioned(1, 0, per_video=2)
    spans = (SegmentSpan("weak/train-0/0000", 0.0, 2.4), SegmentSpan("weak/train-0/0001", 4.0, 9.0))
    result = segments.segments_one(VideoSpans("train-0", "train-0.flac", "", spans), Cutting())
    assert result.rows["utterance_id"].to_pylist() == ["weak/train-0/0000"]
    assert [(reject.id, reject.reason) for reject in result.rejects] == [("weak/train-0/0001", "past the end")]


def test_backends_write_the_same_shards_and_index(captioned: Callable[..., None], settings: Config) -> None:
    captioned(3, 1, per_video=3)
    run(settings)
    first, index = digests(), paths.SEGMENT_INDEX.read_bytes()
    n_remembered = len(list(paths.MEMO.rglob("segments/**/*.arrow")))
    run(settings.model_copy(update={"segments": settings.segments.model_copy(update={"backend": "pydub"})}))
    assert (digests(), paths.SEGMENT_INDEX.read_bytes()) == (first, index)
    # each video was cut a second time, and not taken from the cache
    assert len(list(paths.MEMO.rglob("segments/**/*.arrow"))) == 2 * n_remembered


def test_no_shard_is_replaced_if_a_video_meets_a_bug(
    captioned: Callable[..., None], settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioned(6, 2, per_video=3)
    run(settings)
    first = digests()
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    # all videos are cut again
    later = [{**row, "start_s": row["start_s"] + 0.1} for row in utterances]
    tables.write(tables.from_rows(later, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    real = segments.cuts

    def with_bug(item: VideoSpans, backend: str) -> object:
        if item.id == "train-5":
            raise ZeroDivisionError
        return real(item, backend)

    with monkeypatch.context() as patch:
        patch.setattr(segments, "cuts", with_bug)
        with pytest.raises(ItemsFailed, match=r"^train-5: ZeroDivisionError\n1 of 8 items of segments"):
            run(settings)
    assert digests() == first
    # as a killed run leaves it: of the last shards, none may become one of this run
    (drafts := paths.SHARDS.with_name(".shards")).mkdir()
    (drafts / "9999.parquet").write_bytes(b"half a shard")
    run(settings)
    assert digests().keys() == first.keys()
    assert all(digests()[name] != content for name, content in first.items())
    assert not drafts.exists()


def test_a_worker_with_a_copy_of_the_sound_computes_later_stages_too(
    captioned: Callable[..., None], settings: Config, tmp_path: Path
) -> None:
    captioned(1, 1, per_video=8)
    (item, *_) = segments._eligible_videos(settings)
    project, copy = Path.cwd(), tmp_path / "worker"
    shutil.copytree(paths.MEDIA, copy / paths.MEDIA)

    def cached() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in paths.MEMO.rglob("*.arrow")}

    each.do(segments.segments_work(settings), item)
    here = cached()
    assert {Path(path).relative_to(paths.MEMO).parts[0] for path in here} == {
        "segments", "corpus@interviews", "extract@interviews-mid-term",
    }  # fmt: skip
    with chdir(copy), paths.copied(project, copy):
        each.do(segments.segments_work(settings), item)
        assert cached() == here
