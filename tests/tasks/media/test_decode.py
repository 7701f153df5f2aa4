"""Decoding: the right samples at the right time from any container; damaged files are detected."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from av.audio.resampler import AudioResampler

from tasks.core import tables
from tasks.core.errors import AudioError
from tasks.media import decode

CODECS = [
    ("m4a", "aac", 44_100),
    ("webm", "libopus", 48_000),
    ("mp3", "libmp3lame", 44_100),
    ("ogg", "libopus", 48_000),
]


def click(duration_s: float, rate_hz: int, at_s: float) -> np.ndarray:
    """A faint tone with a loud burst of 50 ms at a known time."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    signal = 0.01 * np.sin(2 * np.pi * 220 * time_s)
    burst = (time_s >= at_s) & (time_s < at_s + 0.05)
    return signal + burst * 0.7 * np.sin(2 * np.pi * 1000 * time_s)


def encode(path: Path, codec: str, rate_hz: int, signal: np.ndarray, start_s: float = 0.0) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(signal[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), 0
        size = stream.codec_context.frame_size or 1024
        resampler = AudioResampler(stream.codec_context.format, "mono", rate_hz, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            piece.pts = None if piece.pts is None else piece.pts + round(start_s * rate_hz)
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("suffix", "codec", "rate_hz"), CODECS)
def test_sound_keeps_its_length_and_position(tmp_path: Path, suffix: str, codec: str, rate_hz: int) -> None:
    source = encode(tmp_path / f"a.{suffix}", codec, rate_hz, click(3.0, rate_hz, at_s=2.0))
    duration_s = decode.to_flac(source, tmp_path / "a.flac")
    signal, found_hz = soundfile.read(tmp_path / "a.flac")
    about = soundfile.info(tmp_path / "a.flac")
    assert (found_hz, about.channels, about.subtype) == (16_000, 1, "PCM_16")
    assert duration_s == len(signal) / 16_000 == pytest.approx(3.0, abs=0.03)
    assert np.argmax(np.abs(signal) > 0.2) / 16_000 == pytest.approx(2.0, abs=0.01)


def test_the_same_bytes_every_time(wav: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac"):
        decode.to_flac(wav(2.0, 44_100), tmp_path / name)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_16_khz_mono_is_unchanged(wav: Callable[..., Path], tmp_path: Path) -> None:
    source = wav(1.234)
    decode.to_flac(source, tmp_path / "a.flac")
    assert np.array_equal(
        soundfile.read(source, dtype="int16")[0], soundfile.read(tmp_path / "a.flac", dtype="int16")[0]
    )


def test_channels_are_mixed(wav: Callable[..., Path], tmp_path: Path) -> None:
    decode.to_flac(wav(1.0, channels=2), tmp_path / "a.flac")
    mixed, alone = soundfile.read(tmp_path / "a.flac")[0], soundfile.read(wav(1.0))[0]
    assert np.abs(mixed - alone).max() < 1e-3


def test_a_gap_in_the_timestamps_becomes_silence(tmp_path: Path) -> None:
    signal = click(1.0, 48_000, at_s=0.5)
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for start_s in (0.0, 3.0):
            for offset in range(0, 48_000, 4_800):
                samples = (signal[None, offset : offset + 4_800] * 32_767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
                frame.pts = round(start_s * 48_000) + offset
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert decode.to_flac(tmp_path / "a.mkv", tmp_path / "a.flac") == pytest.approx(4.0, abs=0.01)
    loud = np.flatnonzero(np.abs(soundfile.read(tmp_path / "a.flac")[0]) > 0.2) / 16_000
    assert loud[0] == pytest.approx(0.5, abs=0.01)
    assert loud[loud > 1][0] == pytest.approx(3.5, abs=0.01)


@pytest.mark.parametrize("suffix", ["m4a", "webm", "mp3"])
def test_a_truncated_file_is_an_error(tmp_path: Path, suffix: str) -> None:
    codec, rate_hz = next((codec, rate_hz) for name, codec, rate_hz in CODECS if name == suffix)
    source = encode(tmp_path / f"a.{suffix}", codec, rate_hz, click(20.0, rate_hz, at_s=1.0))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"cut short|not a media file"):
        decode.to_flac(source, tmp_path / "a.flac")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"\x00\x01\x02" * 3000, "not a media file"),
        (b"<html><body>404</body></html>", "not a media file"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n", "not a media file"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not a media file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.m4a").write_bytes(content)
    with pytest.raises(AudioError, match=message):
        decode.to_flac(tmp_path / "a.m4a", tmp_path / "a.flac")


def test_a_playlist_cannot_reach_a_real_file(wav: Callable[..., Path], tmp_path: Path) -> None:
    wav(1.0)
    (tmp_path / "a.m4a").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ntone.wav\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError):
        decode.to_flac(tmp_path / "a.m4a", tmp_path / "a.flac")


def test_a_picture_without_sound_is_refused(tmp_path: Path) -> None:
    with av.open(tmp_path / "a.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="holds no sound"):
        decode.to_flac(tmp_path / "a.mp4", tmp_path / "a.flac")


def test_too_long_sound_is_refused(wav: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(decode.TooLongError, match="3 s long, allowed are 2 s"):
        decode.to_flac(wav(3.0), tmp_path / "a.flac", max_duration_s=2.0)


def test_a_full_disk_is_an_os_error(wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "whole", lambda _: nullcontext(Path("/dev/full")))
    with pytest.raises(OSError, match="No space left") as caught:
        decode.to_flac(wav(60.0), tmp_path / "a.flac")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "duration_s"),
    [("1.webm", 119.85), ("2.m4a", 49.389), ("3.m4a", 213.507), ("kobe.mp3", 154.582), ("manifesto_audio.mp3", 88.073)],
)
def test_real_interviews(real_data: Path, tmp_path: Path, name: str, duration_s: float) -> None:
    found_s = decode.to_flac(real_data / "interviews" / name, tmp_path / "a.flac")
    assert found_s == pytest.approx(duration_s, abs=0.005)
    signal, _ = soundfile.read(tmp_path / "a.flac")
    assert len(signal) / 16_000 == found_s
    assert np.sqrt(np.mean(signal**2)) > 0.01


@pytest.mark.real
@pytest.mark.parametrize("name", ["1.webm", "2.m4a", "kobe.mp3"])
def test_a_real_interview_cut_in_half(real_data: Path, tmp_path: Path, name: str) -> None:
    content = (real_data / "interviews" / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut short|not a media file"):
        decode.to_flac(tmp_path / name, tmp_path / "a.flac")
