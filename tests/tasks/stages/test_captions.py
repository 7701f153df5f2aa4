"""Stage captions: one video, all videos, and rejects."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.captions import utterances
from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import local
from tasks.core.errors import Rejected, TableError
from tasks.stages import captions
from tasks.stages.captions import CaptionedVideo, captions_one

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


SENTENCES = b"""WEBVTT

00:00:01.000 --> 00:00:02.500
-I went

00:00:03.000 --> 00:00:05.000
home. [Laughter]
-Did

00:00:05.000 --> 00:00:06.000
you? Yes

00:00:06.000 --> 00:00:06.500
[Applause]

00:00:06.500 --> 00:00:07.000
[Applause]

00:00:07.500 --> 00:00:08.500
I did.

00:00:08.600 --> 00:00:09.000
[Music]

00:00:30.000 --> 00:00:31.000
After the end.
"""


def by_sentence(settings: Config) -> Config:
    """Return settings in which an utterance is a sentence."""
    return settings.model_copy(update={"captions": settings.captions.model_copy(update={"segmentation": "sentence"})})


def sound(name: str) -> None:
    """Write ten seconds of near silence, with noise from 1.2 to 2.2, 3 to 6 and 7.5 to 8.3 s."""
    rng = np.random.default_rng(2)
    signal = 0.001 * rng.standard_normal(160_000)
    for start_s, end_s in ((1.2, 2.2), (3, 6), (7.5, 8.3)):
        signal[round(start_s * 16_000) : round(end_s * 16_000)] *= 100
    soundfile.write(paths.MEDIA / name, signal, 16_000, subtype="PCM_16")


def test_one_video(project: Path, settings: Config) -> None:
    result = captions_one(CaptionedVideo(**video("train-1", VTT)), settings.captions)
    (row,) = result.rows.to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "utterance_id": "weak/train-1/0000", "corpus": "weak", "language": "en", "group": "train-1", "turn": 0,
        "audio": "train-1.flac", "start_s": 1.0, "end_s": 3.0, "text": "Hello & welcome", "text_source": "manual",
        "split": "train", "licence": "CC BY",
    }  # fmt: skip
    assert [(reject.id, reject.reason, reject.detail) for reject in result.rejects] == [
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


def test_inputs_of_a_result_are_in_its_key(project: Path) -> None:
    row = video("train-1", VTT)
    changed = ("captions_sha256", "f" * 64), ("duration_s", 9.0), ("language", "el"), ("split", "test")
    keys = {CaptionedVideo(**{**row, name: value}).content for name, value in changed}
    assert len(keys | {CaptionedVideo(**row).content}) == 5


def test_one_video_by_sentence(project: Path, settings: Config) -> None:
    row = video("train-1", SENTENCES)
    sound("train-1.flac")
    result = captions_one(CaptionedVideo(**row), by_sentence(settings).captions)
    assert [(reject["text"], reject["turn"]) for reject in result.rows.to_pylist()] == [
        ("I went home. [Laughter]", 0),
        ("Did you?", 1),
        ("Yes [Applause] [Applause] I did.", 2),
    ]
    (first, second, third) = [(reject["start_s"], reject["end_s"]) for reject in result.rows.to_pylist()]
    assert first[0] == pytest.approx(1.15, abs=0.02)
    assert 3.1 < first[1] <= second[0] < 5 <= second[1] == third[0] < 6
    assert third[1] == pytest.approx(8.35, abs=0.02)
    assert [(reject.id.split("-")[-1], reject.reason) for reject in result.rejects] == [
        ("0007", "only a tag"),
        ("0008", "past the end of the sound"),
    ]


def test_by_sentence_rejects_what_cues_reject(project: Path, settings: Config) -> None:
    for content, reason in ((None, "no captions"), (b"<html>", "unreadable captions"), (b"WEBVTT\n", "no cues")):
        with pytest.raises(Rejected, match=reason):
            captions_one(CaptionedVideo(**video("test-1", content)), by_sentence(settings).captions)
    row = video("test-2", b"WEBVTT\n\n00:01.000 --> 00:03.000\n[Music]\n")
    result = captions_one(CaptionedVideo(**row), by_sentence(settings).captions)
    assert [reject.reason for reject in result.rejects] == ["only a tag"]


def test_sound_is_in_the_key_only_for_sentences(project: Path, settings: Config) -> None:
    row = video("train-1", VTT)
    table = tables.from_rows([{**row, "audio_sha256": "0" * 64}], tables.VIDEOS)
    for config, aligned in ((settings, False), (by_sentence(settings), True)):
        keys = set()
        for digest in ("0" * 64, "1" * 64):
            other = table.set_column(
                table.column_names.index("audio_sha256"), tables.VIDEOS.field("audio_sha256"), [[digest]]
            )
            tables.write(other, paths.VIDEOS, tables.VIDEOS)
            sound("train-1.flac")
            seen = []
            driver = local(config.runtime.model_copy(update={"workers": 1}))
            captions.run(
                config, each=lambda work, items, seen=seen, driver=driver: (seen.extend(items), driver(work, items))[1]
            )
            keys |= {item.content for item in seen}
        assert len(keys) == 1 + aligned
        assert all(("audio_sha256" in key) == aligned for key in keys)


def test_all_videos_by_sentence(project: Path, settings: Config) -> None:
    config = by_sentence(settings)
    rows = [video("train-2", SRT, "srt"), video("train-1", SENTENCES), video("test-1", b"\0\1\2")]
    for row in rows:
        sound(str(row["audio"]))
    table = tables.from_rows([{**row, "audio_sha256": "0" * 64} for row in rows], tables.VIDEOS)
    tables.write(table, paths.VIDEOS, tables.VIDEOS)
    written = []
    for workers in (1, 2):
        captions.run(config, each=local(config.runtime.model_copy(update={"workers": workers})))
        written.append((paths.UTTERANCES.read_bytes(), paths.rejected("captions").read_bytes()))
    assert written[0] == written[1]
    table = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    assert table["utterance_id"].to_pylist() == [
        "weak/train-1/0000", "weak/train-1/0001", "weak/train-1/0002", "weak/train-2/0000"
    ]  # fmt: skip
    rejected = tables.read(paths.rejected("captions"), tables.REJECTED)
    assert rejected["reason"].to_pylist() == ["unreadable captions", "only a tag", "past the end of the sound"]


def test_by_cue_no_sound_is_opened(project: Path, settings: Config) -> None:
    parsed = utterances.read(SENTENCES, "vtt", Path("no-such.flac"), 10.0, settings.captions)
    assert [span.text for span in parsed.spoken] == ["I went", "home. [Laughter] Did", "you? Yes", "I did."]


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


def test_without_videos_the_error_states_what_to_do(project: Path, settings: Config) -> None:
    with pytest.raises(TableError, match="run the stage that writes it"):
        captions.run(settings, each=local(settings.runtime))
