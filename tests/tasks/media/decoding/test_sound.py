"""Streams that change midway, absurd headers, and run time."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
import soundfile
from av.audio.resampler import AudioResampler

from tasks.core.errors import AudioError
from tasks.media import decode
from tasks.media.decoding import containers, limits, sound
from tasks.media.decoding.errors import TooLongError

PART_S = 2.0


def part(path: Path, codec: str, rate_hz: int, layout: str, format_name: str) -> bytes:
    """Encode two seconds with a burst in the middle."""
    time_s = np.arange(round(PART_S * rate_hz)) / rate_hz
    burst = (time_s >= 1.0) & (time_s < 1.05)
    signal = 0.01 * np.sin(2 * np.pi * 220 * time_s) + burst * 0.6 * np.sin(2 * np.pi * 1000 * time_s)
    with av.open(path, "w", format=format_name) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        shape = (stream.codec_context.layout.nb_channels, 1)
        frame = av.AudioFrame.from_ndarray((signal * np.ones(shape)).astype(np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), 0
        size = stream.codec_context.frame_size or 1024
        resampler = AudioResampler(stream.codec_context.format, layout, rate_hz, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("codec", "format_name", "kinds"),
    [
        ("aac", "adts", [(44_100, "stereo"), (44_100, "mono")]),
        ("aac", "adts", [(44_100, "mono"), (22_050, "stereo"), (48_000, "mono")]),
        ("ac3", "ac3", [(44_100, "stereo"), (44_100, "mono")]),
        ("ac3", "ac3", [(48_000, "5.1"), (48_000, "stereo"), (48_000, "5.1")]),
        ("eac3", "eac3", [(48_000, "stereo"), (48_000, "mono")]),
        ("mp2", "mp2", [(44_100, "stereo"), (44_100, "mono")]),
        ("ac3", "ac3", [(48_000, "mono"), (48_000, "5.1"), (32_000, "stereo")]),
        ("libmp3lame", "mp3", [(22_050, "mono"), (44_100, "stereo"), (16_000, "mono")]),
        ("aac", "mpegts", [(44_100, "stereo"), (22_050, "mono")]),
        ("mp2", "mpeg", [(44_100, "stereo"), (48_000, "mono")]),
        ("libopus", "ogg", [(48_000, "mono"), (48_000, "mono")]),
        ("flac", "ogg", [(44_100, "stereo"), (22_050, "mono")]),
        ("flac", "flac", [(44_100, "stereo"), (44_100, "mono")]),
    ],
)
def test_a_stream_that_changes_midway_is_decoded_at_the_right_times(
    tmp_path: Path, codec: str, format_name: str, kinds: list[tuple[int, str]]
) -> None:
    source = tmp_path / f"joined.{format_name}"
    source.write_bytes(b"".join(part(tmp_path / "part", codec, *kind, format_name) for kind in kinds))
    duration_s = decode.to_flac(source, tmp_path / "joined.flac")
    signal, _ = soundfile.read(tmp_path / "joined.flac")
    assert duration_s == pytest.approx(PART_S * len(kinds), abs=0.25)
    loud_s = np.flatnonzero(np.abs(signal) > 0.15) / decode.RATE_HZ
    onsets_s = loud_s[np.diff(loud_s, prepend=-1.0) > 0.5]
    np.testing.assert_allclose(onsets_s, 1.0 + PART_S * np.arange(len(kinds)), atol=0.2)
    np.testing.assert_array_equal(decode.samples(source), np.round(signal * 32_768).astype(np.int16))


@pytest.mark.parametrize(("codec", "format_name"), [("ac3", "ac3"), ("aac", "adts"), ("libmp3lame", "mp3")])
def test_a_damaged_part_of_a_stream_costs_that_part(tmp_path: Path, codec: str, format_name: str) -> None:
    # the loss, about a second, is far from the tolerated tenth, whatever the version of FFmpeg
    content = bytearray(part(tmp_path / "part", codec, 44_100, "stereo", format_name) * 8)
    middle = len(content) // 2
    content[middle : middle + 1_000] = np.random.default_rng(1).bytes(1_000)
    (tmp_path / "damaged").write_bytes(bytes(content))
    signal = decode.samples(tmp_path / "damaged")
    assert signal.size / decode.RATE_HZ == pytest.approx(8 * PART_S, abs=1.4)


def test_what_ffmpeg_cannot_read_to_its_end_is_refused(tmp_path: Path) -> None:
    """Chained Opus streams with other channels: to end after the first would lose the others silently."""
    source = tmp_path / "chained.opus"
    layouts = ("stereo", "mono")
    source.write_bytes(b"".join(part(tmp_path / "part", "libopus", 48_000, layout, "ogg") for layout in layouts))
    with pytest.raises(AudioError, match="it cannot be decoded"):
        decode.samples(source)


def with_header(path: Path, rate_hz: int, channels: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(bytes(96_000 // (2 * channels) * 2 * channels))
    return path


@pytest.mark.parametrize(("rate_hz", "channels"), [(1_073_757_824, 1), (800_000, 2), (999, 1), (1, 1), (16_000, 65)])
def test_absurd_headers_are_refused_at_once(tmp_path: Path, rate_hz: int, channels: int) -> None:
    source = with_header(tmp_path / "absurd.wav", rate_hz, channels)
    started = time.monotonic()
    for function in (decode.samples, decode.sound_format, lambda path: decode.to_flac(path, tmp_path / "a.flac")):
        with pytest.raises(AudioError, match=r"damaged: it(s sampling rate is| has)|not a media file"):
            function(source)
    assert time.monotonic() - started < 10
    assert not (tmp_path / "a.flac").exists()


@pytest.mark.parametrize(("rate_hz", "channels"), [(1_000, 1), (768_000, 1), (16_000, 24)])
def test_extreme_headers_are_accepted(tmp_path: Path, rate_hz: int, channels: int) -> None:
    source = with_header(tmp_path / "extreme.wav", rate_hz, channels)
    n_frames = 96_000 // (2 * channels)
    assert decode.samples(source).size == pytest.approx(n_frames / rate_hz * decode.RATE_HZ, rel=0.02)


def test_an_absurd_duration_is_refused_at_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", np.zeros(16_000), 16_000)
    content = bytearray((tmp_path / "long.flac").read_bytes())
    # STREAMINFO: the number of samples takes 36 bits
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    (tmp_path / "long.flac").write_bytes(bytes(content))
    with pytest.raises(AudioError, match="its header states"):
        decode.samples(tmp_path / "long.flac")


def test_a_codec_without_decoder_is_a_reason(tmp_path: Path) -> None:
    content = bytearray(with_header(tmp_path / "a.wav", 16_000, 1).read_bytes())
    content[20:22] = (0x0F0F).to_bytes(2, "little")
    (tmp_path / "a.wav").write_bytes(bytes(content))
    with pytest.raises(AudioError, match="there is no decoder for its audio"):
        decode.samples(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(av.error).values() if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError)],
)
def test_every_error_of_ffmpeg_is_one_of_the_file(kind: type[av.error.FFmpegError]) -> None:
    with pytest.raises(AudioError, match=r"^not readable \(as said\)$"), containers.library_errors("not readable"):
        raise kind(12, "as said", "/secret/path")


@pytest.mark.parametrize("name", ["ValueError", "OverflowError", "ZeroDivisionError", "IndexError", "AttributeError"])
def test_other_errors_are_ones_of_the_file_if_the_library_raises_them(name: str) -> None:
    code = compile(f"raise {name}('as said')", "av/audio/frame.py", "exec")
    with pytest.raises(AudioError, match=r"^not readable \(as said\)$"), containers.library_errors("not readable"):
        exec(code)


def test_errors_of_ours_and_of_the_system_pass() -> None:
    for error in (TooLongError("long"), PermissionError(13, "denied"), ValueError("a bug")):
        with pytest.raises(type(error)) as caught, containers.library_errors("not readable"):
            raise error
        assert caught.value is error


class SingleSamples:
    """Sound of one sample a frame."""

    stated_s = None

    def runs(self) -> Iterator[sound.Samples]:
        return (np.full(1, number % 100, np.int16) for number in range(150_000))


def test_writing_is_linear_in_the_frames(tmp_path: Path) -> None:
    """A sum over all frames for every frame would take minutes."""
    started = time.process_time()
    assert sound._write(SingleSamples(), tmp_path / "a.flac", 1e9) == 150_000 / decode.RATE_HZ  # type: ignore[arg-type]
    assert time.process_time() - started < 5


def test_sound_in_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IN_MEMORY_S", 1.0)
    with pytest.raises(TooLongError, match="allowed are 1 s"):
        sound.samples(with_header(tmp_path / "a.wav", 16_000, 1), abs)
