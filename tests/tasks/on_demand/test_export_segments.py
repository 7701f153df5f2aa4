"""Export: a folder per label, each format by pydub or libsndfile, and an error that says what to install."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import each
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.media.segments import reader
from tasks.on_demand import export_segments
from tasks.stages import segments

LABELS = {"weak/train-0/0000": "negative", "weak/test-0/0002": "positive"}
FAKE_FFMPEG = """#!{python}
import sys, soundfile
arguments = sys.argv[1:]
source, target = arguments[arguments.index("-i") + 1], arguments[-1]
if "{broken}":
    sys.exit("Unknown encoder")
name = arguments[len(arguments) - 1 - arguments[::-1].index("-f") + 1]
signal, rate_hz = soundfile.read(source, dtype="int16")
soundfile.write(target, signal, rate_hz, format=name.upper())
open("{log}", "a").write(" ".join(arguments) + "\\n")
"""


@pytest.fixture(autouse=True)
def cut(captioned: Callable[..., None], settings: Config) -> None:
    captioned(1, 1, per_video=3)
    segments.run(settings, each=each.local(settings.runtime.model_copy(update={"workers": 1})))


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_segments, "_ffmpeg", lambda: None)


def fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> Path:
    log, program = folder / "calls.txt", folder / "ffmpeg"
    program.write_text(FAKE_FFMPEG.format(python=sys.executable, log=log, broken="yes" if broken else ""))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return log


def original() -> np.ndarray:
    (video,) = (video for video in reader.videos() if video.id == "train-0")
    return reader.samples(reader.read(video)[0])[0]


@pytest.mark.usefixtures("no_ffmpeg")
@pytest.mark.parametrize(("audio_format", "lossless"), [("wav", True), ("flac", True), ("mp3", False), ("ogg", False)])
def test_each_format_without_ffmpeg(tmp_path: Path, audio_format: str, lossless: bool) -> None:
    assert export_segments.export(tmp_path / "out", LABELS, audio_format) == 2
    assert (tmp_path / f"out/positive/weak_test-0_0002.{audio_format}").is_file()
    path = tmp_path / f"out/negative/weak_train-0_0000.{audio_format}"
    signal, rate_hz = soundfile.read(path, dtype="int16")
    assert (soundfile.info(path).format, soundfile.info(path).channels) == (audio_format.upper(), 1)
    assert rate_hz == 16_000
    assert signal.size == pytest.approx(original().size, abs=0 if lossless else 3_000)
    if lossless:
        assert signal.tolist() == original().tolist()


@pytest.mark.parametrize(("audio_format", "codec"), [("mp3", "libmp3lame"), ("ogg", "libvorbis"), ("flac", None)])
def test_pydub_uses_ffmpeg_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audio_format: str, codec: str | None
) -> None:
    log = fake_ffmpeg(tmp_path, monkeypatch)
    assert export_segments.export(tmp_path / "out", LABELS, audio_format) == 2
    calls = log.read_text().splitlines()
    assert len(calls) == 2
    assert all((f"-acodec {codec}" in call) == (codec is not None) for call in calls)
    assert soundfile.info(tmp_path / f"out/negative/weak_train-0_0000.{audio_format}").format == audio_format.upper()


def test_an_ffmpeg_without_the_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ffmpeg(tmp_path, monkeypatch, broken=True)
    with pytest.raises(InputError, match=r"ffmpeg cannot write mp3; install an ffmpeg with libmp3lame"):
        export_segments.export(tmp_path / "out", LABELS, "mp3")
    assert not list((tmp_path / "out").rglob("*.mp3"))


@pytest.mark.usefixtures("no_ffmpeg")
def test_no_library_for_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "", "FLAC": ""})
    with pytest.raises(InputError, match=r"pydub needs ffmpeg to write mp3.*pip install imageio-ffmpeg.*--format wav"):
        export_segments.export(tmp_path / "out", LABELS, "mp3")
    assert export_segments.export(tmp_path / "out", LABELS, "wav") == 2


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found the format 'aac'; expected one of wav, mp3, ogg, flac"):
        export_segments.export(tmp_path / "out", LABELS, "aac")


def test_segments_whose_names_differ_only_in_case_have_their_own_files(tmp_path: Path) -> None:
    used = set[str]()
    segments = [
        {"utterance_id": f"weak/{name}/0001", "audio": {"path": f"weak_{name}_0001.flac"}} for name in ("aB", "ab", "c")
    ]
    names = [export_segments._file_name(segment, used) for segment in segments]
    assert (names[0], names[2]) == ("weak_aB_0001", "weak_c_0001")
    assert names[1].startswith("weak_ab_0001-")
