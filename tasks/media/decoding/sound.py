"""Decode sound to 16 kHz mono with PyAV, in this process: called in the decoder process only.

Encoders add padding before and after the sound, and streams may start late or have gaps, but caption times count from
the container's zero. Samples are therefore placed by the container's timestamps: gaps become silence, padding is cut.
A stream may change its layout, rate or sample format midway, as broadcasts do: each part has its own resampler.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError
from tasks.core.sound_files import RATE_HZ
from tasks.media.decoding import containers, limits
from tasks.media.decoding.errors import CutShortError, SilentFileError, TooLongError

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

Granted = Callable[[float], None]
"""Receives computing time, in seconds, that was earned by progress."""
Samples = NDArray[np.int16]
_SampleFormat = tuple[str, str, int, int]
"""What a resampler, and a queue of frames, expects of every frame: sample format, layout, channels, rate."""

MAX_GAP_S = 60.0
"""Gaps up to this are filled with silence; a longer jump of the timestamps means a damaged file."""
MAX_PADDING_S = 0.1
"""Sound up to this past the stated end is the encoder's padding; if it is more, the stated end is an estimate."""
MAX_LOSS_S = 2.0
"""A file shorter by more than this than its container states is truncated."""
MAX_CLIP_LOSS_S = 0.25
"""The same for a clip of a corpus, which lasts seconds."""
LEVELS_S = 30.0
"""Levels of channels are those of this beginning: long enough for speech, and quick for long recordings."""
MAX_LOSS_SHARE = {"mp3": 0.1, "aac": 0.1, "ac3": 0.1, "eac3": 0.1, "amr": 0.1}
"""Containers whose stated length is an estimate from the bit rate: tolerated loss as a share of it."""

_WITHOUT_TIMESTAMPS = ("aac", "ac3", "eac3", "mp3", "amr", "flac", "ogg")
"""Containers whose timestamps FFmpeg counts in frames of the first format, as it estimates the duration: after a change
of the format both are wrong."""
_JOINABLE = ("mpegts", "mpeg", "ogg", "flac")
"""Containers of streams, whose clock starts again where two recordings are joined."""
_RESTART_S = 1.0
_NO_SIZE = 1 << 32
_BLOCK_SAMPLES = 16_384
"""Decoded frames are joined up to this before resampling, which is faster than frame by frame."""
_JITTER_S = 0.01
"""A frame this far from the end of the one before starts a new block; the resampler itself tolerates 0.1 s."""
_ENCODED_SAMPLES = 65_536
"""Samples encoded at a time."""


def write_flac(source: Path, path: Path, max_duration_s: float, granted: Granted) -> float:
    """Decode the best audio stream of a media file into a FLAC file; see `tasks.media.decode.to_flac`.

    Args:
        source: a media file
        path: the FLAC file, which is overwritten
        max_duration_s: longer sound is an error
        granted: called when something was decoded
    """
    with containers.opened(source) as container:
        sound = _SoundStream(container, granted)
        _check_length(sound.stated_s or 0.0, max_duration_s)
        duration_s = _write(sound, path, max_duration_s)
        # before the file is moved into place: a truncated source leaves no target
        _check_complete(duration_s, sound.stated_s, MAX_LOSS_SHARE.get(container.format.name, 0.0))
    return duration_s


def samples(source: Path, granted: Granted) -> tuple[Samples, dict[str, str | int]]:
    """Return a media file's sound as `write_flac` would write it, shape (n_samples,), and its `sound_format`.

    Args:
        source: a clip; all of its sound is in memory at once
        granted: called when something was decoded
    """
    with containers.opened(source) as container:
        sound = _SoundStream(container, granted)
        # before decoding, which may change it
        sound_format = sound.format()
        runs, n_samples = list[Samples](), 0
        for run in sound.runs():
            runs.append(run)
            n_samples += run.size
            _check_length(n_samples / RATE_HZ, limits.MAX_IN_MEMORY_S)
        signal = np.concatenate(runs) if runs else np.empty(0, np.int16)
        signal = signal[: _n_without_padding(signal.size, sound.stated_s)]
        share = MAX_LOSS_SHARE.get(container.format.name, 0.0)
        _check_complete(signal.size / RATE_HZ, sound.stated_s, share, MAX_CLIP_LOSS_S)
    _check_riff(source)
    return signal, sound_format


def sound_format(source: Path) -> dict[str, str | int]:
    """Return `container`, `rate_hz` and `channels` of a media file's sound before decoding.

    Args:
        source: a media file
    """
    with containers.opened(source) as container:
        stream = _best_audio(container)
        limits.check_sound(stream.rate, stream.channels)
        return _format(container, stream)


def _format(container: InputContainer, stream: AudioStream) -> dict[str, str | int]:
    return {"container": container.format.name, "rate_hz": stream.rate, "channels": stream.channels}


def channel_levels(source: Path, granted: Granted) -> dict[str, float] | None:
    """Return the root mean square of each channel of stereo sound and of their mean, full scale being 1.

    Args:
        source: a media file; its first `LEVELS_S` seconds are decoded
        granted: called when something was decoded

    Returns:
        `left`, `right` and `mix`; None if the sound is not stereo
    """
    squares, n_samples = np.zeros(3), 0
    with containers.opened(source) as container:
        for left, right in _SoundStream(container, granted).stereo():
            squares += [np.sum(left**2), np.sum(right**2), np.sum((left + right) ** 2) / 4]
            n_samples += left.size
    if not n_samples:
        return None
    left_rms, right_rms, mix_rms = np.sqrt(squares / n_samples).tolist()
    return {"left": left_rms, "right": right_rms, "mix": mix_rms}


def _best_audio(container: InputContainer) -> AudioStream:
    from av.audio.stream import AudioStream

    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise SilentFileError("the file holds no sound")
    containers.check_decoder(stream)
    # without a rate, the header states none: frames will
    if stream.rate:
        limits.check_sound(stream.rate, stream.channels)
    return stream


def _stated_duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    stated_s = None
    if stream.duration and stream.time_base:
        stated_s = float(stream.duration * stream.time_base)
    # video may continue after the sound: use the container's duration only if it has a single stream
    elif container.duration and len(container.streams) == 1:
        stated_s = float(container.duration / 1e6)
    limits.check_duration(stated_s or 0.0)
    return stated_s


def _check_length(duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise TooLongError(f"{duration_s:.0f} s long, allowed are {max_duration_s:.0f} s")


def _check_riff(source: Path) -> None:
    """Check a WAV file against its header: FFmpeg does not report a truncated one."""
    with source.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:], "little") + len(head)
    # recorders that cannot seek back write no size, or all ones
    if head[:4] == b"RIFF" and len(head) < stated < _NO_SIZE and stated > source.stat().st_size + 1:
        raise CutShortError(f"cut short: {source.stat().st_size:,} bytes of the {stated:,} that its header states")


def _check_complete(
    duration_s: float, stated_s: float | None, max_loss_share: float, max_loss_s: float = MAX_LOSS_S
) -> None:
    if not duration_s:
        raise SilentFileError("no sound could be decoded")
    if stated_s is not None and stated_s - duration_s > max(max_loss_s, max_loss_share * stated_s):
        raise CutShortError(f"cut short: {duration_s:.1f} s could be decoded, the container states {stated_s:.1f} s")


class _SoundStream:
    """The best stream of sound of an open media file.

    Args:
        container: the file
        granted: called when something was decoded
    """

    stated_s: float | None
    """The duration stated by the header; None if there is none, or it turns out to be wrong."""

    def __init__(self, container: InputContainer, granted: Granted) -> None:
        self._container, self._granted = container, granted
        self._stream = _best_audio(container)
        self.stated_s = _stated_duration_s(container, self._stream)

    def format(self) -> dict[str, str | int]:
        """Return container, sampling rate and number of channels as the header states them."""
        return _format(self._container, self._stream)

    def runs(self) -> Iterator[Samples]:
        """Yield the sound from the container's zero as arrays of 16-bit samples, shape (n,), n > 0."""
        resampler: AudioResampler | None = None
        current: _SampleFormat | None = None
        n_samples = 0
        for block, sample_format in self._blocks():
            if resampler is not None and sample_format != current:
                for run in _resampled(resampler, None):
                    n_samples += run.size
                    yield run
                resampler = None
            # the timestamp that is the end of the sound so far, in samples of the input
            begin = round(n_samples * block.sample_rate / RATE_HZ)
            resampler, current = resampler or _resampler(begin), sample_format
            for run in _resampled(resampler, block):
                n_samples += run.size
                yield run
        if resampler is not None:
            yield from _resampled(resampler, None)

    def stereo(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield both channels of the first `LEVELS_S` seconds, shape (n,) each; nothing from where it is not stereo."""
        from av.audio.resampler import AudioResampler

        resampler, current, duration_s = AudioResampler("fltp", "stereo"), None, 0.0
        for block, sample_format in self._blocks():
            if sample_format[2] != 2 or duration_s > LEVELS_S:
                return
            if sample_format != current:
                resampler, current = AudioResampler("fltp", "stereo"), sample_format
            for frame in resampler.resample(block):
                left, right = frame.to_ndarray().astype(np.float64)
                yield left, right
            duration_s += block.samples / block.sample_rate

    def _blocks(self) -> Iterator[tuple[AudioFrame, _SampleFormat]]:
        """Yield joined runs of contiguous frames of one format, with timestamps counted from the container's start."""
        from av.audio.fifo import AudioFifo

        joined, begin_s, clock_s = AudioFifo(), 0.0, 0.0
        joined_format: _SampleFormat | None = None
        for frame, start_s in self._timed_frames():
            layout = frame.layout
            sample_format = (frame.format.name, layout.name, layout.nb_channels, frame.sample_rate)
            is_other = sample_format != joined_format
            if joined.samples and (joined.samples >= _BLOCK_SAMPLES or abs(start_s - clock_s) > _JITTER_S or is_other):
                assert joined_format is not None
                self._granted(joined.samples / joined_format[-1] * limits.S_PER_SOUND_S)
                yield _with_timestamp(joined, begin_s), joined_format
                joined = AudioFifo()
            if not joined.samples:
                if is_other:
                    limits.check_sound(frame.sample_rate, layout.nb_channels)
                    if joined_format is not None and self._container.format.name in _WITHOUT_TIMESTAMPS:
                        self.stated_s = None
                # an AudioFifo takes the format of its first frame, and crashes on one with other channels
                joined = AudioFifo() if is_other else joined
                begin_s, joined_format = start_s, sample_format
            clock_s = start_s + frame.samples / frame.sample_rate
            joined.write(frame)
        if joined.samples and joined_format is not None:
            yield _with_timestamp(joined, begin_s), joined_format

    def _timed_frames(self) -> Iterator[tuple[AudioFrame, float]]:
        """Yield decoded frames, their timestamps removed, with their start in seconds from the container's start."""
        container, stream = self._container, self._stream
        origin_s, clock_s, rate_hz = (container.start_time or 0) / 1e6, 0.0, 0
        # once: the property creates a new fraction at each access
        tick_s = float(stream.time_base or 0)
        for frame in containers.decoded_frames(container, stream):
            if frame.sample_rate != rate_hz:
                limits.check_sound(frame.sample_rate, frame.layout.nb_channels)
                if rate_hz and container.format.name in _WITHOUT_TIMESTAMPS:
                    tick_s = 0.0
                rate_hz = frame.sample_rate
            start_s = clock_s if frame.pts is None or not tick_s else frame.pts * tick_s - origin_s
            if clock_s - start_s > _RESTART_S and container.format.name in _JOINABLE:
                origin_s -= clock_s - start_s
                start_s = clock_s
            if start_s - clock_s > MAX_GAP_S:
                raise AudioError(f"the clock jumps from {clock_s:.1f} s to {start_s:.1f} s")
            clock_s = start_s + frame.samples / rate_hz
            frame.pts = None
            yield frame, start_s


def _resampler(begin: int) -> AudioResampler:
    """Return a resampler for sound from a timestamp on, in samples of the input."""
    from av.audio.resampler import AudioResampler

    # async=1 fills gaps with silence and cuts off samples before first_pts, both by the blocks' timestamps
    return AudioResampler("s16", "mono", RATE_HZ, options={"async": "1", "first_pts": str(begin)})


def _resampled(resampler: AudioResampler, block: AudioFrame | None) -> Iterator[Samples]:
    return (run.to_ndarray()[0] for run in resampler.resample(block) if run.samples)


def _with_timestamp(joined: AudioFifo, begin_s: float) -> AudioFrame:
    block = joined.read()
    assert block is not None
    block.time_base = Fraction(1, block.sample_rate)
    block.pts = round(begin_s * block.sample_rate)
    return block


def _write(sound: _SoundStream, path: Path, max_duration_s: float) -> float:
    """Write samples as FLAC without the padding past the stated end; return the duration in seconds."""
    import soundfile

    # the last 0.1 s is always held back: it may be padding
    n_held, waiting, n_waiting, written = round(MAX_PADDING_S * RATE_HZ), list[Samples](), 0, 0
    with (
        _Sink(path, "wb") as file,
        soundfile.SoundFile(file, "w", RATE_HZ, channels=1, subtype="PCM_16", format="FLAC") as sink,
    ):
        for run in sound.runs():
            waiting.append(run)
            n_waiting += run.size
            if n_waiting < _ENCODED_SAMPLES + n_held:
                continue
            joined = np.concatenate(waiting)
            sink.write(joined[:-n_held])
            file.raise_error()
            waiting, n_waiting, written = [joined[-n_held:]], n_held, written + joined.size - n_held
            # while decoding: the stated duration is untrusted
            _check_length(written / RATE_HZ, max_duration_s)
        left = np.concatenate(waiting) if waiting else np.empty(0, np.int16)
        n_last = _n_without_padding(written + left.size, sound.stated_s) - written
        sink.write(left[:n_last])
    file.raise_error()
    _check_length((written + n_last) / RATE_HZ, max_duration_s)
    return (written + n_last) / RATE_HZ


class _Sink(io.FileIO):
    """A file for libsndfile that keeps the OSError of a failed write: libsndfile would lose it."""

    _error: OSError | None = None

    def write(self, data: Any) -> int:
        # libsndfile expects all bytes to be accepted; FileIO may write only a part
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self._error = error
        return len(data)

    def raise_error(self) -> None:
        """Raise the error of a failed write, if there was one.

        Raises:
            OSError: if the disk is full, for example
        """
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror, self.name)


def _n_without_padding(n_samples: int, stated_s: float | None) -> int:
    n_stated = n_samples if stated_s is None else round(stated_s * RATE_HZ)
    return n_stated if 0 < n_samples - n_stated <= MAX_PADDING_S * RATE_HZ else n_samples
