"""Listening to a folder of sound files without a project: order, unusable files, ratings beside the sounds."""

from __future__ import annotations

import csv
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.annotate import media_folder
from tasks.core.errors import InputError, NotEnoughData

from .conftest import Server


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wav: Callable[..., Path]) -> Path:
    """Four clips, one of them damaged, in the folder `clips` of the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips" / "more").mkdir(parents=True)
    for number, name in enumerate(("a.wav", "b.wav", "more/c.wav")):
        wav(1.0 + number / 10, name=f"clips/{name}")
    (tmp_path / "clips" / "bad.mp3").write_bytes(b"no sound")
    return tmp_path / "clips"


def test_files_are_in_a_random_order_that_the_seed_decides(sounds: Path, tmp_path: Path) -> None:
    decoded = tmp_path / "decoded"
    queue = media_folder.load(sounds, n=None, seed=1, decoded=decoded)
    names = [segment.video_id for segment in queue.segments]
    assert sorted(names) == ["a.wav", "b.wav", "more/c.wav"]
    assert queue.n_files == 4
    assert [name for name, _ in queue.unusable] == ["bad.mp3"]
    orders = {
        tuple(segment.video_id for segment in media_folder.load(sounds, n=None, seed=seed, decoded=decoded).segments)
        for seed in range(8)
    }
    assert len(orders) > 1
    two = media_folder.load(sounds, n=2, seed=1, decoded=decoded)
    assert [segment.video_id for segment in two.segments] == names[:2]
    key = two.segments[0].id.key
    assert list(two.sounds) == [segment.id.key for segment in two.segments]
    (tmp_path / "played.flac").write_bytes(two.sounds[key])
    assert soundfile.info(tmp_path / "played.flac").duration == two.segments[0].id.end_s


@pytest.mark.filterwarnings("default")
def test_several_listeners_rate_files_and_continue(sounds: Path) -> None:
    def rated(server: Server, listener: str, labels: dict[str, str | None]) -> None:
        state = server.post("state", listener=listener)
        for _ in range(state["total"] - state["done"]):
            assert "a.wav" not in str(state), "a file name may hint at the label"
            length_s = state["segment"]["length_s"]
            name = {1.0: "a.wav", 1.1: "b.wav", 1.2: "more/c.wav"}[length_s]
            state = server.rate(listener, state["segment"]["key"], labels[name])

    server = Server("--media", "clips")
    rated(server, "Ada", {"a.wav": "positive", "b.wav": "negative", "more/c.wav": None})
    output = server.stop()
    assert "Written: clips/ratings.csv" in output
    server = Server("--media", "clips")
    rated(server, "Bo", {"a.wav": "positive", "b.wav": "neutral", "more/c.wav": "neutral"})
    assert server.post("state", listener="Ada")["done"] == 3
    assert "2 listeners, 2 clips with two ratings or more: agreement 0.50" in server.stop()
    rows = {row["Id"]: row for row in csv.DictReader(Path("clips/ratings.csv").read_text("utf-8").splitlines())}
    assert {name: (row["Ada"], row["Bo"]) for name, row in rows.items()} == {
        "a.wav": ("positive", "positive"),
        "b.wav": ("negative", "neutral"),
        "more/c.wav": ("skipped", "neutral"),
    }
    assert rows["b.wav"]["end_s"] == "1.1"
    assert sorted(path.name for path in Path().iterdir()) == ["clips"]
    assert sorted(path.name for path in sounds.iterdir()) == [
        "a.wav", "b.wav", "bad.mp3", "more", "ratings.csv", "ratings.sqlite",
    ]  # fmt: skip


def test_files_for_practice_are_not_among_those_to_rate(sounds: Path, tmp_path: Path) -> None:
    queue = media_folder.load(sounds, n=2, seed=1, decoded=tmp_path / "decoded", n_practice=2)
    assert (len(queue.segments), len(queue.practice)) == (2, 1)
    assert not set(queue.segments) & set(queue.practice)
    assert len(queue.sounds) == 3
    everything = media_folder.load(sounds, n=None, seed=1, decoded=tmp_path / "decoded", n_practice=2)
    assert everything.practice == ()


@pytest.mark.filterwarnings("default")
def test_own_classes_playback_and_practice(sounds: Path) -> None:
    server = Server("--media", "clips", "--labels", "angry,happy", "--n", "2", "--practice", "1", "--least-played", "0")
    state = server.post("state", listener="Ada")
    assert (state["practice"], state["total"]) == (True, 1)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.post("rate", listener="Ada", key=state["segment"]["key"], label="angry", played_s=9.0)
    state = server.rate("Ada", state["segment"]["key"], "angry")
    while state["segment"]:
        assert not state["practice"]
        state = server.rate("Ada", state["segment"]["key"], "happy", 0.05)
    output = server.stop()
    assert "Listeners" in output
    rows = list(csv.DictReader(Path("clips/ratings.csv").read_text("utf-8").splitlines()))
    assert [(row["Ada"], row["Ada:plays"]) for row in rows] == [("happy", "1")] * 2
    assert all(0 <= float(row["Ada:played_s"]) <= 0.05 for row in rows)
    with media_folder.open_store(sounds / "ratings.csv") as store:
        assert media_folder.settled_question(store, sounds / "ratings.csv", None).names == ("angry", "happy")
    result = CliRunner().invoke(app, ["annotate", "--media", "clips", "--labels", "sad,happy"])
    assert "has ratings with the classes angry,happy, found sad,happy" in str(result.exception)
    report = CliRunner().invoke(app, ["annotate", "report", "--media", "clips"], catch_exceptions=False)
    assert "100% happy" in " ".join(report.output.split())


def test_mistakes_are_explained(sounds: Path, tmp_path: Path) -> None:
    def error(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["annotate", "--media", *arguments])
        assert isinstance(result.exception, (InputError, NotEnoughData)), result.output
        return str(result.exception)

    assert "there is no such folder" in error("none")
    assert "expected .csv" in error("clips", "-o", "ratings.json")
    assert "--text: only for the segments of a project" in error("clips", "--text")
    assert "found 1 classes" in error("clips", "--labels", "angry")
    assert "there are no ratings yet" in str(CliRunner().invoke(app, ["annotate", "report", "-o", "x.csv"]).exception)
    assert "no file's ratings tie" in error("clips", "--adjudicate", "-o", "out/x.csv")
    (tmp_path / "mine.csv").write_text("Id\n")
    assert "mine.csv exists, but not mine.sqlite" in error("clips", "-o", "mine.csv")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.mp3").write_bytes(b"no sound")
    assert "no file can be played: bad.mp3" in error("bad")
