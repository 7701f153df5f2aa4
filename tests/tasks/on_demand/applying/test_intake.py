"""Sources: files, folders, lists on standard input; each once, and a line for what cannot be used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.on_demand.applying import intake, utterances
from tasks.on_demand.applying.intake import Source, sources

Wav = Callable[..., Path]


def test_a_folder_stands_for_its_media(wav: Wav, tmp_path: Path) -> None:
    for name in ("b.wav", "a.wav", "sub/c.wav", "a.mp3", ".hidden.wav"):
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wav(1.0), tmp_path / "media" / name)
    (tmp_path / "media/notes.txt").write_text("nothing")
    (tmp_path / "media/a.vtt").write_text("WEBVTT\n")
    listed = list(sources([str(tmp_path / "media")], ()))
    names = [Path(source.text).name for source in listed if not source.problem]
    assert names == ["a.mp3", "b.wav", "c.wav"]
    (skipped,) = [source for source in listed if source.problem]
    assert (Path(skipped.text).name, skipped.is_skipped) == ("a.wav", True)
    assert "a.mp3" in skipped.problem


def test_a_folder_without_media_is_one_line(tmp_path: Path, wav: Wav) -> None:
    (tmp_path / "empty").mkdir()
    listed = list(sources([str(tmp_path / "empty"), str(wav())], ()))
    assert [bool(source.problem) for source in listed] == [True, False]
    assert "no media in it" in listed[0].problem
    assert not listed[0].is_skipped


def test_lists_come_from_standard_input(wav: Wav) -> None:
    lines = [f"{wav()}\n", "\n", "# a comment\n", "https://example.org/watch?v=1\n", "none.wav"]
    listed = list(sources(["first.wav", "-"], lines))
    assert [source.text for source in listed] == ["first.wav", str(wav()), "https://example.org/watch?v=1", "none.wav"]


def test_a_source_counts_once(wav: Wav, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(wav().parent)
    assert list(sources(["tone.wav", str(wav()), "./tone.wav", str(wav().parent)], ())) == [Source("tone.wav")]


def test_captions_beside_the_file_are_taken_unless_others_are_named(wav: Wav, settings: Config, tmp_path: Path) -> None:
    media, other = wav(2.0), tmp_path / "other.vtt"
    beside = media.with_suffix(".en.vtt")
    beside.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n")
    (tmp_path / "a").mkdir()
    assert intake.obtain(str(media), None, tmp_path / "a", settings).captions == beside
    assert intake.obtain(str(media), other, tmp_path / "a", settings).captions == other


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.05, [(0.0, 0.05)]),
        (3.9, [(0.0, 3.9)]),
        (5.9, [(0.0, 4.0)]),
        (6.0, [(0.0, 4.0), (4.0, 6.0)]),
        (8.0, [(0.0, 4.0), (4.0, 8.0)]),
    ],
)
def test_windows_leave_no_rest_that_could_be_an_utterance(
    duration_s: float, expected: list[tuple[float, float]], settings: Config, tmp_path: Path
) -> None:
    medium = intake.Medium("x.wav", "x", tmp_path, tmp_path, duration_s, None, ())
    cut = utterances.cut(medium, "auto", settings)
    assert [(row.start_s, row.end_s) for row in cut.rows] == expected


def test_what_is_no_file_is_refused(settings: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        intake.obtain(str(tmp_path / "none.wav"), None, tmp_path, settings)
