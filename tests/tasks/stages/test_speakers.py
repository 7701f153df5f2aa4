"""Stage speakers: voices of each video, persons of all videos; both drivers and killed runs give the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tasks.core import each, paths, tables
from tasks.core.config import Config, SpeakerDetection
from tasks.core.errors import InputError, Rejected
from tasks.evaluation import protocols
from tasks.stages import audit, corpus, interviews, polarity, segments, speakers
from tests.tasks.media.voices import conftest as tiny

TEXT = "several words that someone once said about nothing"
weights = tiny.weights
Turns = Sequence[int | None]


def crawled(videos: dict[str, Turns], *, turn_s: float = 7.0, marks: bool = False) -> None:
    """Write videos in which voices take turns with pauses of half a second, captions and utterances."""
    paths.MEDIA.mkdir(parents=True)
    rows, utterances = [], []
    for number, (video, turns) in enumerate(videos.items()):
        order = [voice for turn in turns for voice in (turn, None)]
        samples = tiny.voiced(order, [turn_s, 0.5] * len(turns), seed=number)
        audio, captions = f"{video}.flac", f"{video}.en.manual.vtt"
        soundfile.write(paths.MEDIA / audio, samples, tiny.RATE_HZ, subtype="PCM_16")
        starts_s = [number * (turn_s + 0.5) for number in range(len(turns))]
        cues = [f"00:{s // 60:02.0f}:{s % 60:06.3f} --> 00:{(s + turn_s) // 60:02.0f}:{(s + turn_s) % 60:06.3f}\n"
                f"{'>> ' * marks}{TEXT}\n" for s in starts_s]  # fmt: skip
        (paths.MEDIA / captions).write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")
        digests = {
            f"{kind}_sha256": hashlib.sha256((paths.MEDIA / name).read_bytes()).hexdigest()
            for kind, name in (("audio", audio), ("captions", captions))
        }
        rows.append(
            {"video_id": video, "split": video.split("-")[0], "url": f"http://example.org/{video}", "audio": audio,
             "duration_s": samples.size / tiny.RATE_HZ, "captions": captions, "caption_kind": "manual",
             "caption_format": "vtt", "language": "en", **digests}
        )  # fmt: skip
        utterances += [
            {"utterance_id": f"weak/{video}/{turn:04d}", "corpus": "weak", "language": "en", "group": video,
             "turn": turn, "audio": audio, "start_s": start_s, "end_s": start_s + turn_s, "text": TEXT,
             "text_source": "manual", "split": video.split("-")[0]}
            for turn, start_s in enumerate(starts_s)
        ]  # fmt: skip
    tables.write(tables.from_rows(rows, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    tables.write(tables.from_rows(utterances, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)


def switched_on(settings: Config, n_workers: int = 1, **eligibility: str) -> Config:
    return settings.model_copy(
        update={
            "speakers": SpeakerDetection(when="always"),
            "eligibility": settings.eligibility.model_copy(update=eligibility),
            "runtime": settings.runtime.model_copy(update={"workers": n_workers}),
        }
    )


def run(config: Config, *stages: Any) -> each.Tally:
    tally = each.Tally()
    for stage in stages or (speakers,):
        stage.run(config, each=tally.of(each.local(config.runtime)))
    return tally


def table(path: Path, schema: Any) -> list[dict[str, Any]]:
    return tables.read(path, schema).to_pylist()


VIDEOS: dict[str, Turns] = {
    "train-1": (0, 1, 0, 1, 0),
    "train-2": (2, 0, 2, 0, 2),
    "test-1": (3, 1, 3, 3),
}


def test_voices_turns_and_persons(project: Path, settings: Config, weights: Path) -> None:
    crawled(VIDEOS)
    config = switched_on(settings)
    assert run(config).done == 3
    voices = {row["voice"]: row for row in table(paths.SPEAKER_VOICES, tables.SPEAKER_VOICES)}
    # test-1 comes first: persons have the name of their first voice, in the order of the videos
    assert {name: row["speaker"] for name, row in voices.items()} == {
        "test-1#1": "interviews/test-1#1",
        "test-1#2": "interviews/test-1#2",
        "train-1#1": "interviews/train-1#1",
        "train-1#2": "interviews/train-1#2",
        "train-2#1": "interviews/train-2#1",
        "train-2#2": "interviews/train-1#1",
    }
    assert voices["train-1#1"]["speech_s"] == pytest.approx(21, abs=0.5)
    assert voices["train-1#1"]["speech_share"] == pytest.approx(21 / 37.5, abs=0.02)
    assert voices["test-1#2"]["embedding"] is None, "7 s are too little to compare"
    of = {row["utterance_id"]: row for row in table(paths.SPEAKER_OF, tables.SPEAKERS)}
    assert [of[f"weak/train-1/{turn:04d}"]["voice"] for turn in range(5)] == ["train-1#1", "train-1#2"] * 2 + [
        "train-1#1"
    ]
    assert all(row["share"] > 0.95 for row in of.values())
    turns = table(paths.SPEAKER_TURNS, tables.SPEAKER_TURNS)
    assert len(turns) == 14
    assert run(config).done == 0
    tables.write(
        tables.read(paths.VIDEOS, tables.VIDEOS).slice(0, 2), paths.VIDEOS, tables.VIDEOS
    )  # fmt: skip
    kept = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    kept = [row for row in kept if row["group"] != "test-1"]
    tables.write(tables.from_rows(kept, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    assert run(config).done == 0, "one video less costs nothing"


def test_off_by_default(project: Path, settings: Config) -> None:
    crawled({"train-1": (0, 1)})
    assert settings.speakers.when == "never"
    assert run(settings).items == 0
    assert table(paths.SPEAKER_OF, tables.SPEAKERS) == table(paths.rejected("speakers"), tables.REJECTED) == []


def test_without_weights(project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crawled({"train-1": (0, 1)})
    monkeypatch.setenv("UNDERTONE_WEIGHTS", str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="undertone weights fetch silero-vad"):
        run(switched_on(settings))


def test_rejects(project: Path, settings: Config, weights: Path) -> None:
    crawled({"train-1": (0, None, 1), "train-2": (None, None), "train-3": (0, 1)})
    (paths.MEDIA / "train-3.flac").write_bytes(b"damaged")
    run(switched_on(settings))
    rejects = {row["item"]: row["reason"] for row in table(paths.rejected("speakers"), tables.REJECTED)}
    assert rejects == {
        "weak/train-1/0001": "no speech in the utterance",
        "train-2": "no speech",
        "train-3": each.UNUSABLE_SOUND,
    }
    assert {row["utterance_id"] for row in table(paths.SPEAKER_OF, tables.SPEAKERS)} == {
        "weak/train-1/0000",
        "weak/train-1/0002",
    }
    silent = next(item for item in speakers._items() if item.id == "train-2")
    with pytest.raises(Rejected, match="none in 15 s"):
        speakers.speakers_one(silent, speakers.VoiceModels(detector="", encoder=""))


def test_marked_turns_separate_voices_that_sound_alike(project: Path, settings: Config, weights: Path) -> None:
    crawled({"train-1": (0, 0, 0)}, marks=True)
    run(switched_on(settings))
    assert [row["voice"] for row in table(paths.SPEAKER_OF, tables.SPEAKERS)] == ["train-1#1", "train-1#2", "train-1#1"]
    captions = paths.MEDIA / "train-1.en.manual.vtt"
    captions.write_text(captions.read_text().replace(">> ", ""))
    item = next(iter(speakers._items()))
    assert speakers.marked_turns(item) == []
    captions.write_bytes(b"")
    assert speakers.marked_turns(item) == [], "captions that cannot be read mark nothing"


def test_eligibility_and_the_corpus(project: Path, settings: Config, weights: Path) -> None:
    crawled(VIDEOS)
    config = switched_on(settings, speakers="most")
    run(config, speakers, polarity, segments, interviews)
    votes = {row["utterance_id"]: row["left_out"] for row in table(paths.VOTES, tables.VOTES)}
    assert votes["weak/train-1/0001"] == "another speaker"
    assert votes["weak/train-1/0000"] != "another speaker"
    corpus.run(config, "interviews", each=each.local(config.runtime))
    rows = tables.read_corpus(paths.utterances("interviews")).to_pylist()
    assert {(row["group"], row["speaker"]) for row in rows} == {
        ("train-1", "interviews/train-1#1"),
        ("train-2", "interviews/train-2#1"),
        ("test-1", "interviews/test-1#1"),
    }
    assert all(row["voice"] for row in rows)
    report = audit.of_corpus("interviews", protocols.parse("speaker-out(2)"), declared=[], seed=7)
    assert report.passed
    assert next(item for item in report.findings if item.check == "same voice").n == 0


def test_the_audit_finds_a_voice_of_both_lists(project: Path, settings: Config, weights: Path) -> None:
    crawled({"train-1": (0, 1, 0, 1), "test-1": (0, 2, 0, 2)})
    run(switched_on(settings), speakers, segments, audit)
    report = json.loads(paths.AUDIT.read_text())
    findings = {item["check"]: item for item in report["findings"]}
    assert report["passed"], "the official split keeps videos apart, not persons"
    assert (findings["same voice"]["n"], findings["same voice"]["severity"]) == (2, "warning")
    assert findings["seen speakers"]["n"] == 2
    assert findings["same voice"]["pairs"] == [
        ["weak/test-1/0000", "weak/train-1/0000"],
        ["weak/test-1/0002", "weak/train-1/0000"],
    ]


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(paths.SPEAKERS.iterdir())}


def test_both_drivers_write_the_same_bytes(
    project: Path, settings: Config, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawled(VIDEOS)
    run(switched_on(settings))
    alone = files()
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    config = switched_on(settings, n_workers=2)
    with each.lasting(config.runtime, ["tasks.stages.speakers"]) as several:
        speakers.run(config, each=several)
    assert files() == alone


@pytest.mark.long
def test_killed_runs_continue(project: Path, settings: Config, weights: Path) -> None:
    crawled({f"train-{number}": (0, 1, 2, 0) * 8 for number in range(16)})
    text = re.sub(r"(?m)^(speakers:.*\n  when: )never", r"\1always", paths.PARAMS.read_text())
    paths.PARAMS.write_text(text, encoding="utf-8")
    root = str(Path(speakers.__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root, "UNDERTONE_WEIGHTS": str(weights)}
    command = [sys.executable, "-m", "tasks", "speakers"]
    kills = 0
    while kills < 2:
        done = len(list(paths.MEMO.rglob("*.arrow")))
        process = subprocess.Popen(command, env=env, start_new_session=True)
        while len(list(paths.MEMO.rglob("*.arrow"))) < done + 1 and process.poll() is None:
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert not paths.SPEAKER_OF.exists(), "no output of a run that did not end"
    done = len(list(paths.MEMO.rglob("*.arrow")))
    assert 0 < done < 16
    subprocess.run(command, env=env, check=True)
    continued = files()
    assert not list(paths.SPEAKERS.rglob("*.part"))
    tally = run(switched_on(settings))
    assert tally.done == 0
    assert files() == continued
