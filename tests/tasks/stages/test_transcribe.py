"""Stage transcribe: which videos, words and rejects, word errors, languages, and what is recognised again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.captions import recognition_model
from tasks.core import code_version, each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.stages import captions, transcribe
from tests.fake_recogniser import TEXT, FakeRecogniser
from tests.tasks.captions.test_recognition import sound

VTT = f"WEBVTT\n\n00:00:01.000 --> 00:00:09.000\n{TEXT.replace('happy', 'sad')}\n"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRecogniser:
    """Put a fake in the place of faster-whisper, with a folder of weights."""
    recogniser = FakeRecogniser()
    monkeypatch.setattr(recognition_model, "demand", lambda _: None)
    monkeypatch.setattr(recognition_model, "load", lambda *_: recogniser)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / recognition_model.WEIGHTS).write_bytes(b"weights")
    return recogniser


@pytest.fixture
def crawled(project: Path) -> Callable[..., None]:
    """Write the crawl's table and media of videos with these kinds of captions (None: without)."""

    def write(*, silent: tuple[str, ...] = (), **kinds: str | None) -> None:
        paths.MEDIA.mkdir(parents=True, exist_ok=True)
        rows = []
        for name, kind in kinds.items():
            video = name.replace("_", "-")
            audio = sound(paths.MEDIA / f"{video}.flac", *([] if name in silent else [(1, 9)]), length_s=10)
            if kind:
                (paths.MEDIA / f"{video}.vtt").write_text(VTT)
            rows.append(
                {
                    "video_id": video, "split": video.partition("-")[0], "duration_s": 10.0, "audio": audio.name,
                    "audio_sha256": hashlib.sha256(audio.read_bytes()).hexdigest(), "caption_kind": kind,
                    "captions": f"{video}.vtt" if kind else None, "caption_format": "vtt" if kind else None,
                    "captions_sha256": hashlib.sha256(VTT.encode()).hexdigest() if kind else None,
                    "language": "en" if kind else None,
                }
            )  # fmt: skip
        tables.write(tables.from_rows(rows, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)

    return write


@pytest.fixture
def recognised(settings: Config, tmp_path: Path) -> Callable[..., Config]:
    """Run the stage in this process; return the settings it ran with."""

    def run(when: str, **changes: Any) -> Config:
        section = {"when": when, "model": str(tmp_path / "weights"), **changes}
        config = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update=section)})
        transcribe.run(config, each=each.local(config.runtime.model_copy(update={"workers": 1})))
        return config

    return run


def rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    return tables.read(path, schema).to_pylist()


def rejected(stage: str = "transcribe") -> dict[str, str]:
    return {row["item"]: row["reason"] for row in rows(paths.rejected(stage), tables.REJECTED)}


def test_it_is_off_by_default(settings: Config, crawled: Callable[..., None]) -> None:
    crawled(train_1=None, test_1="manual")
    assert settings.transcribe.when == "never"
    transcribe.run(settings, each=each.local(settings.runtime))
    assert rows(paths.WORDS, tables.WORDS) == rows(paths.RECOGNISED, tables.RECOGNISED) == []
    assert rejected() == {}


def test_videos_without_captions(
    crawled: Callable[..., None], recognised: Callable[..., Config], fake: FakeRecogniser
) -> None:
    crawled(train_1="manual", train_2=None, test_1=None, silent=("test_1",))
    config = recognised("missing")
    words = rows(paths.WORDS, tables.WORDS)
    assert {row["video_id"] for row in words} == {"train-2"}
    assert " ".join(row["text"] for row in words[:15]) == TEXT
    assert words[0] == {
        "video_id": "train-2", "passage": 0, "text": "I", "start_s": 1.0, "end_s": 1.5, "probability": 0.9,
        "language": "en",
    }  # fmt: skip
    (row,) = rows(paths.RECOGNISED, tables.RECOGNISED)
    assert (row["n_words"], row["n_passages"], row["speech_s"], row["word_error_rate"]) == (16, 1, 8.0, None)
    assert rejected() == {"test-1": "no speech"}
    captions.run(config, each=each.local(config.runtime))
    utterances = {row["group"]: row for row in rows(paths.UTTERANCES, tables.UTTERANCES)}
    assert {group: row["text_source"] for group, row in utterances.items()} == {
        "train-1": "manual", "train-2": "recognised",
    }  # fmt: skip
    assert (utterances["train-2"]["text"], utterances["train-2"]["language"]) == ("I", "en")
    assert rejected("captions") == {"test-1": "no recognised words"}


def test_all_videos_and_errors_against_manual_captions(
    crawled: Callable[..., None], recognised: Callable[..., Config], fake: FakeRecogniser
) -> None:
    crawled(train_1="manual", train_2="automatic", test_1=None)
    config = recognised("always")
    by_video = {row["video_id"]: row for row in rows(paths.RECOGNISED, tables.RECOGNISED)}
    assert set(by_video) == {"train-1", "train-2", "test-1"}
    scored = by_video["train-1"]
    # one word replaced, and the sixteenth is one too many
    assert (scored["n_errors"], scored["n_reference_words"]) == (2, 15)
    assert scored["word_error_rate"] == pytest.approx(2 / 15)
    assert by_video["train-2"]["word_error_rate"] is by_video["test-1"]["word_error_rate"] is None
    captions.run(config, each=each.local(config.runtime))
    sources = {row["text_source"] for row in rows(paths.UTTERANCES, tables.UTTERANCES)}
    assert sources == {"recognised"}


def test_dropped_passages_are_counted_and_listed(
    crawled: Callable[..., None], recognised: Callable[..., Config], fake: FakeRecogniser
) -> None:
    crawled(train_1=None, test_1=None)
    fake.log_probability = -2.0
    recognised("missing")
    assert rejected() == {
        f"{video}{rest}": reason
        for video in ("train-1", "test-1")
        for rest, reason in (("", "no word left"), ("/passage-0000", "improbable passage"))
    }
    details = [row["detail"] for row in rows(paths.rejected("transcribe"), tables.REJECTED)]
    assert any(detail.startswith("1.00 to 9.00 s, log probability -2.00, compression 1.2: I was") for detail in details)


def test_other_languages_than_those_of_the_crawl(
    crawled: Callable[..., None], recognised: Callable[..., Config], fake: FakeRecogniser
) -> None:
    crawled(train_1=None, test_1=None)
    fake.language = "de"
    recognised("missing")
    assert rejected() == dict.fromkeys(("train-1", "test-1"), "another language")
    detail = rows(paths.rejected("transcribe"), tables.REJECTED)[0]["detail"]
    assert detail == "found de with a probability of 0.75; crawl.languages has en, en-US, en-GB"
    assert transcribe._in_wanted_languages([{"language": "pt"}], ["pt_BR"])[1] == []
    assert transcribe._in_wanted_languages([{"language": "de"}], ["de.*"])[1] == []
    assert transcribe._in_wanted_languages([{"language": "de"}], [".*"])[1] == []


def test_a_video_is_recognised_once(
    crawled: Callable[..., None], recognised: Callable[..., Config], fake: FakeRecogniser, tmp_path: Path
) -> None:
    crawled(train_1=None, test_1="manual")
    recognised("missing")
    before = paths.WORDS.read_bytes()
    fake.calls.clear()
    recognised("missing")
    assert fake.calls == []
    assert paths.WORDS.read_bytes() == before
    recognised("always")
    assert len(fake.calls) == 1, "only the video with captions is new"
    recognised("always", beam=1)
    assert len(fake.calls) == 3
    (tmp_path / "weights" / recognition_model.WEIGHTS).write_bytes(b"other weights")
    recognised("always", beam=1)
    assert len(fake.calls) == 5


def test_parsers_of_captions_are_no_part_of_the_key() -> None:
    files = {path.name for path in code_version.files(transcribe.__name__)}
    assert {"vtt.py", "recognition.py"} <= files
    without = code_version._modules((transcribe.__name__,), frozenset({"tasks.captions.caption_file"}))
    assert "tasks.captions.recognition" in without
    assert "tasks.captions.vtt" not in without


def test_missing_weights_and_programs_say_what_to_do(
    crawled: Callable[..., None], recognised: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawled(train_1="manual", test_1="manual")
    recognised("missing", model="nowhere")
    crawled(train_1=None, test_1="manual")
    with pytest.raises(InputError, match="undertone weights fetch nowhere"):
        recognised("missing", model="nowhere")
    monkeypatch.setattr(recognition_model, "PACKAGE", "no_such_package")
    (tmp_path / "weights").mkdir()
    with pytest.raises(InputError, match=r"make env EXTRAS=asr,dev"):
        recognised("missing")
    monkeypatch.setattr(recognition_model, "PACKAGE", "json")
    with pytest.raises(InputError, match=r"no config\.json, model\.bin, tokenizer\.json, vocabulary\.txt or"):
        recognised("missing")
