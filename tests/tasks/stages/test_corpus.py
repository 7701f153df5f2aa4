"""The stage corpus@NAME: every container is heard, what cannot be used is named, the rest is read."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from tasks.core import bugs, config, each, forgotten, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.core.forgotten import Ledger
from tasks.core.outcomes import ItemsFailed
from tasks.corpora.readers import registry
from tasks.media.corpus_files import sound_check
from tasks.on_demand import simulated_corpora as simulated
from tasks.simulate import faces, sound
from tasks.simulate.voices import RATE_HZ as RECORDED_HZ
from tasks.stages import corpus

RATE_HZ = 16_000
HEADER = "audio,start_s,end_s,text,emotion\n"


def tone(duration_s: float = 1.0, rate_hz: int = RATE_HZ, pitch_hz: float = 330.0) -> np.ndarray:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    noise = np.random.default_rng(3).standard_normal(time_s.size)
    return 0.3 * np.sin(2 * np.pi * pitch_hz * time_s * (1 + 0.2 * time_s)) + 0.02 * noise


def mute(path: Path) -> None:
    with av.open(path, "w") as out:
        picture = out.add_stream("mpeg4", 10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for shade in range(10):
            image = np.full((48, 64, 3), 20 * shade, np.uint8)
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(picture.encode(None))


@pytest.fixture
def read(project: Path, settings: Config) -> Callable[..., list[dict[str, Any]]]:
    """Run the stage on a folder and return its utterances."""

    def run(folder: Path, reader: str = "plain", workers: int = 1) -> list[dict[str, Any]]:
        runtime = settings.runtime.model_copy(update={"workers": workers, "progress": "never"})
        entry = config.Corpus(reader=reader, path=str(folder))
        chosen = settings.model_copy(update={"corpora": {"mine": entry}, "runtime": runtime})
        with bugs.recorded("corpus@mine", paths.rejected("corpus@mine")):
            corpus.run(chosen, "mine", each=each.Tally().of(each.local(runtime)))
        rows: list[dict[str, Any]] = tables.read(paths.utterances("mine"), registry.corpus(reader).schema).to_pylist()
        return rows

    return run


def rejects() -> list[tuple[str, str]]:
    rows = tables.read(paths.rejected("corpus@mine"), tables.REJECTED).to_pylist()
    return [(row["item"], row["reason"]) for row in rows]


def sounds() -> dict[str, dict[str, Any]]:
    rows = tables.read(paths.sounds("mine"), tables.SOUNDS).to_pylist()
    return {row["audio"]: row for row in rows}


def test_every_container_is_heard(read: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    soundfile.write(folder / "float.wav", tone(rate_hz=44_100), 44_100, subtype="FLOAT")
    soundfile.write(folder / "deep.wav", tone(rate_hz=48_000), 48_000, subtype="PCM_24")
    soundfile.write(folder / "stereo.wav", np.stack([tone(), tone()], axis=1), RATE_HZ)
    soundfile.write(folder / "phone.wav", tone(rate_hz=8000), 8000)
    soundfile.write(folder / "a.flac", tone(), RATE_HZ)
    soundfile.write(folder / "a.ogg", tone(), RATE_HZ)
    soundfile.write(folder / "a.mp3", tone(rate_hz=44_100), 44_100)
    soundfile.write(folder / "a.opus", tone(rate_hz=48_000), 48_000, format="OGG", subtype="OPUS")
    recording = sound.Recording(tone(rate_hz=RECORDED_HZ), ())
    sound.encode(recording, folder / "a.m4a")
    sound.encode(recording, folder / "a.webm")
    faces.film(tone(rate_hz=RECORDED_HZ), "anger", folder / "film.mp4", seed=1)
    names = sorted(path.name for path in folder.iterdir())
    (folder / "utterances.csv").write_text(HEADER + "".join(f"{name},,,,anger\n" for name in names))
    rows = read(folder)
    assert [row["audio"] for row in rows] == names
    assert rejects() == []
    for row in rows:
        assert row["start_s"] == 0
        assert row["end_s"] == pytest.approx(1.0, abs=0.08)
    heard = sounds()
    assert heard["stereo.wav"]["channels"] == 2
    assert heard["phone.wav"]["rate_hz"] == 8000
    assert -12 < heard["a.flac"]["peak_dbfs"] < -8
    assert heard["a.flac"]["clipped_share"] == 0
    assert len(heard["a.flac"]["fingerprint"]) > 30


def test_files_that_cannot_be_used_are_named_and_the_others_read(read: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    soundfile.write(folder / "good.wav", tone(3.0), RATE_HZ)
    (folder / "empty.wav").touch()
    (folder / "lie.wav").write_text("not a sound")
    (folder / "folder.wav").mkdir()
    mute(folder / "mute.mp4")
    soundfile.write(folder / "short.wav", tone(9.0), RATE_HZ)
    (folder / "short.wav").write_bytes((folder / "short.wav").read_bytes()[:64_000])
    (folder / "utterances.csv").write_text(
        HEADER
        + "good.wav,0,1,,anger\ngood.wav,1.5,2.5,,anger\ngood.wav,2,9,,anger\nempty.wav,,,,anger\nlie.wav,,,,fear\n"
        "folder.wav,,,,fear\nmute.mp4,,,,fear\nmute.mp4,,,with words,fear\nshort.wav,,,,fear\ngone.wav,,,,fear\n"
    )
    # one audio, several rows: ids of their own
    table = (folder / "utterances.csv").read_text().splitlines()
    numbered = ["utterance_id," + table[0], *(f"u{number}," + line for number, line in enumerate(table[1:]))]
    (folder / "utterances.csv").write_text("\n".join(numbered) + "\n")
    rows = read(folder)
    assert [(row["utterance_id"], row["audio"], row["end_s"]) for row in rows] == [
        ("plain/u0", "good.wav", 1.0), ("plain/u1", "good.wav", 2.5), ("plain/u7", None, None),
    ]  # fmt: skip
    assert rejects() == [
        ("empty.wav", "unreadable"), ("folder.wav", "no such file"), ("gone.wav", "no such file"),
        ("lie.wav", "unreadable"), ("mute.mp4", "no sound"), ("plain/u2", "broken timestamps"),
        ("short.wav", "cut short"),
    ]  # fmt: skip


def test_the_number_of_workers_changes_no_byte(read: Callable[..., Any], tmp_path: Path) -> None:
    simulated.make("tess", tmp_path / "tess")
    read(tmp_path / "tess", "tess", 1)
    first = {path.name: path.read_bytes() for path in paths.folder("corpus@mine").iterdir()}
    shutil.rmtree(paths.MEMO)
    read(tmp_path / "tess", "tess", 2)
    assert {path.name: path.read_bytes() for path in paths.folder("corpus@mine").iterdir()} == first
    assert json.loads(first["reading.json"])["simulated"] is True


@pytest.mark.parametrize("name", ["meld", "mosei", "iemocap"])
def test_conversations_are_heard(name: str, read: Callable[..., Any], tmp_path: Path) -> None:
    simulated.make(name, tmp_path / name)
    rows = read(tmp_path / name, name)
    assert rejects() == []
    assert all(row["end_s"] > row["start_s"] >= 0 for row in rows)
    assert json.loads(paths.reading("mine").read_text())["n_with_sound"] == len(rows)


def test_removed_speakers_are_not_read(read: Callable[..., Any], tmp_path: Path) -> None:
    lines = ["audio,text,emotion,speaker"]
    for number, speaker in enumerate(("Ada", "Ben", "Ada")):
        soundfile.write(tmp_path / f"{number}.wav", tone(), RATE_HZ)
        lines.append(f"{number}.wav,text {number},happiness,{speaker}")
    (tmp_path / "utterances.csv").write_text("\n".join(lines))
    named = {row["speaker"] for row in read(tmp_path)}
    ben = next(name for name in named if "Ben" in name)
    forgotten.write(Ledger().with_removed("speaker", [ben]))
    assert {row["speaker"] for row in read(tmp_path)} == named - {ben}
    table = tables.read(paths.rejected("corpus@mine"), tables.REJECTED).to_pylist()
    assert [row["reason"] for row in table] == ["forgotten"]
    assert "Ben" not in str(table)


def test_nothing_to_read_says_why(read: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes.wav").touch()
    with pytest.raises(InputError, match=r"nothing in it could be read as TESS; 1 rejected, the first: notes.wav"):
        read(tmp_path, "tess")
    with pytest.raises(InputError, match="there is no such folder"):
        read(tmp_path / "gone", "tess")


def friends(folder: Path, clips: dict[int, Callable[[Path], None]]) -> Path:
    """Write a corpus in MELD's layout: one dialogue, a turn for each way to make a clip."""
    lines = ["Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"]
    for number, make in clips.items():
        path = folder / "train_splits" / f"dia0_utt{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        lines.append(f"so they say,Robin,joy,positive,0,{number}")
    (folder / "train_sent_emo.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_clips_without_sound_or_without_pictures_keep_what_they_have(read: Callable[..., Any], tmp_path: Path) -> None:
    def both(path: Path) -> None:
        faces.film(tone(rate_hz=RECORDED_HZ), "anger", path, seed=1)

    def heard_only(path: Path) -> None:
        sound.encode(sound.Recording(tone(rate_hz=RECORDED_HZ), ()), path.with_suffix(".m4a"))
        path.with_suffix(".m4a").rename(path)

    def broken(path: Path) -> None:
        both(path)
        content = bytearray(path.read_bytes())
        content[4:40] = bytes(36)
        path.write_bytes(content)

    folder = friends(tmp_path / "friends", {0: both, 1: mute, 2: heard_only, 3: broken, 4: lambda path: path.touch()})
    rows = {row["turn"]: row for row in read(folder, "meld")}
    has = {turn: (row["audio"] is not None, row["video"] is not None) for turn, row in rows.items()}
    assert has == {0: (True, True), 1: (False, True), 2: (True, False), 3: (False, False), 4: (False, False)}
    assert rows[1]["end_s"] == pytest.approx(1.0, abs=0.05), "the time is the picture's"
    assert rows[3]["end_s"] is None
    place = "train_splits/dia0_utt{}.mp4"
    assert sorted(rejects()) == [
        (place.format(1), "no sound"),
        (place.format(2), "no picture"),
        (place.format(3), "unreadable"),
        (place.format(4), "unreadable"),
    ]
    table = tables.read(paths.pictures("mine"), tables.PICTURES).to_pylist()
    assert [(row["video"], row["width"], row["height"]) for row in table] == [
        (place.format(0), 160, 120),
        (place.format(1), 64, 48),
    ]
    assert json.loads(paths.reading("mine").read_text())["n_with_pictures"] == 2


def test_files_that_are_no_utterances_are_noted(read: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "wav").mkdir(parents=True)
    soundfile.write(folder / "wav" / "a.wav", tone(), RATE_HZ)
    (folder / "more.tar.gz").touch()
    (folder / "utterances.csv").write_text(HEADER + ",,,some text,anger\n")
    read(folder)
    assert json.loads(paths.reading("mine").read_text())["unreferenced"] == {
        "media": 1, "archives": 1, "media_examples": ["wav/a.wav"], "archive_examples": ["more.tar.gz"],
    }  # fmt: skip
    (folder / "utterances.csv").write_text(HEADER + "wav/a.wav,,,some text,anger\n")
    (folder / "more.tar.gz").unlink()
    read(folder)
    assert "unreferenced" not in json.loads(paths.reading("mine").read_text())


def test_a_bug_in_a_check_costs_no_other_file_and_no_table(
    read: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("a", "b"):
        soundfile.write(folder / f"{name}.wav", tone(), RATE_HZ)
    mute(folder / "c.mp4")
    (folder / "utterances.csv").write_text(HEADER + "a.wav,,,,anger\nb.wav,,,,anger\nlost.wav,,,,anger\n")
    read(folder)
    complete = paths.utterances("mine").read_bytes()
    shutil.rmtree(paths.MEMO)

    @functools.wraps(sound_check.check_sound_one)
    def with_bug(item: Any, settings: Any) -> Any:
        if item.path == "a.wav":
            raise IndexError("list index out of range")
        return check(item, settings)

    check = sound_check.check_sound_one
    with monkeypatch.context() as patch:
        patch.setattr(sound_check, "check_sound_one", with_bug)
        with pytest.raises(ItemsFailed, match=r"^a.wav: IndexError: list index out of range\n1 of 2 items of corpus"):
            read(folder)
    assert paths.utterances("mine").read_bytes() == complete
    assert rejects() == [("a.wav", "bug"), ("lost.wav", "no such file")]
    assert len(read(folder)) == 2
