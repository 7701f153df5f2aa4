"""The stage captions: one video, then all of them, with what could not be used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tasks import captions, paths, tables
from tasks.captions import CaptionedVideo, captions_one
from tasks.config import Config
from tasks.each import local
from tasks.errors import Rejected, TableError

VTT = b"WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n>> Hello &amp; welcome\n\n00:00:03.000 --> 00:00:04.000\n[Music]\n"
SRT = b"1\n00:00:01,000 --> 00:00:03,000\nBye\n"


def video(name: str, content: bytes | None, caption_format: str = "vtt") -> dict[str, object]:
    paths.MEDIA.mkdir(parents=True, exist_ok=True)
    if content is not None:
        (paths.MEDIA / f"{name}.{caption_format}").write_bytes(content)
    return {
        "video_id": name, "split": name.split("-", maxsplit=1)[0], "audio": f"{name}.flac", "duration_s": 10.0,
        "captions": None if content is None else f"{name}.{caption_format}", "caption_kind": "manual",
        "caption_format": caption_format, "captions_sha256": hashlib.sha256(content or b"").hexdigest(),
        "language": "en", "licence": "CC BY",
    }  # fmt: skip


def test_one_video(project: Path, settings: Config) -> None:
    found = captions_one(CaptionedVideo(**video("train-1", VTT)), settings.captions)
    (row,) = found.rows.to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "utterance_id": "weak/train-1/0000", "corpus": "weak", "language": "en", "group": "train-1", "turn": 0,
        "audio": "train-1.flac", "start_s": 1.0, "end_s": 3.0, "text": "Hello & welcome", "text_source": "manual",
        "split": "train", "licence": "CC BY",
    }  # fmt: skip
    assert [(one.id, one.reason, one.detail) for one in found.rejects] == [
        ("weak/train-1/cue-0002", "only a tag", "[Music]")
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no captions"), (b"", "unreadable captions"), (b"<html>", "unreadable captions"), (b"WEBVTT\n", "no cues")],
)
def test_a_video_without_a_cue_is_rejected(project: Path, settings: Config, content: bytes | None, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        captions_one(CaptionedVideo(**video("test-1", content)), settings.captions)
    assert rejected.value.reason == reason


def test_what_decides_a_result_is_in_its_key(project: Path) -> None:
    row = video("train-1", VTT)
    changed = ("captions_sha256", "f" * 64), ("duration_s", 9.0), ("language", "el"), ("split", "test")
    keys = {CaptionedVideo(**{**row, name: value}).content for name, value in changed}
    assert len(keys | {CaptionedVideo(**row).content}) == 5


def test_all_videos(project: Path, settings: Config) -> None:
    rows = [video("train-2", SRT, "srt"), video("train-1", VTT), video("test-1", b"\0\1\2"), video("test-2", VTT)]
    table = tables.from_rows([{**row, "audio_sha256": "0" * 64} for row in rows], tables.VIDEOS)
    tables.write(table, paths.VIDEOS, tables.VIDEOS)
    written = []
    for workers in (1, 2):
        captions.run(settings, each=local(settings.runtime.model_copy(update={"workers": workers})))
        written.append((paths.UTTERANCES.read_bytes(), paths.rejected("captions").read_bytes()))
    assert written[0] == written[1]
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    assert utterances["utterance_id"].to_pylist() == [
        "weak/test-2/0000", "weak/train-1/0000", "weak/train-2/0000"
    ]  # fmt: skip
    rejected = tables.read(paths.rejected("captions"), tables.REJECTED).to_pylist()
    assert [(row["item"], row["reason"]) for row in rejected] == [
        ("test-1", "unreadable captions"),
        ("weak/test-2/cue-0002", "only a tag"),
        ("weak/train-1/cue-0002", "only a tag"),
    ]


def test_without_videos_it_says_what_to_do(project: Path, settings: Config) -> None:
    with pytest.raises(TableError, match="run the stage that writes it"):
        captions.run(settings, each=local(settings.runtime))
