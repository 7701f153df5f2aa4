"""Decode any media file to 16 kHz mono 16-bit FLAC with PyAV, in bounded memory.

Encoders add padding before and after the sound, and streams may start late or have gaps, but caption times count from
the container's zero. Samples are therefore placed by the container's timestamps: gaps become silence, padding is cut.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import AudioError

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

RATE_HZ = 16_000
MAX_GAP_S = 60.0
"""Gaps up to this are filled with silence; a longer jump of the timestamps means a damaged file."""
MAX_PADDING_S = 0.1
"""Sound up to this past the stated end is the encoder's padding; if it is more, the stated end is an estimate."""
MAX_LOSS_S = 2.0
"""A file shorter by more than this than its container states is truncated."""
MAX_CLIP_LOSS_S = 0.25
"""The same for a clip of a corpus, which lasts seconds."""
MAX_LOSS_SHARE = {"mp3": 0.1, "aac": 0.1}
"""Containers whose stated length is an estimate from the bit rate: tolerated loss as a share of it."""

_NO_SIZE = 1 << 32
_BLOCK_SAMPLES = 16_384
"""Decoded frames are joined up to this before resampling, which is faster than frame by frame."""
_JITTER_S = 0.01
"""A frame this far from the end of the one before starts a new block; the resampler itself tolerates 0.1 s."""
_ENCODED_SAMPLES = 65_536
"""Samples encoded at a time."""
# self-contained formats only: FFmpeg follows the files and addresses named in playlists and scripts
_CONTAINERS = "mov,matroska,webm,mp3,ogg,flac,wav,w64,aiff,aac,ac3,amr,asf,avi,caf,flv,mpeg,mpegts"


class SilentFileError(AudioError):
    """The file contains no sound that can be decoded."""


class CutShortError(AudioError):
    """The file ends before the end stated by its container."""


class TooLongError(AudioError):
    """The sound is longer than allowed."""


def to_flac(source: Path, target: Path, *, max_duration_s: float = math.inf) -> float:
    """Decode the best audio stream of a media file into a FLAC file, which is replaced atomically.

    Args:
        source: a media file in any common container (m4a, webm, mp3, mp4, ogg, wav, …)
        target: the FLAC file: 16 kHz, one channel, 16 bits
        max_duration_s: longer sound is an error

    Returns:
        duration of the decoded sound in seconds

    Raises:
        AudioError: if the file is empty, is not a media file or contains no sound, or if it is over 2 s shorter than
            its container states (MP3 and AAC, where that is an estimate: and more than 10 %)
        TooLongError: if the sound is longer than `max_duration_s`
        OSError: if the source cannot be read or the target cannot be written
    """
    with open_media(source) as container:
        stream = _best_audio(container)
        stated_s = _stated_duration_s(container, stream)
        _check_length(stated_s or 0.0, max_duration_s)
        with tables.whole(target) as part:
            duration_s = _write_flac(_runs(container, stream), part, stated_s, max_duration_s)
            # before the file is moved into place: a truncated source leaves no target
            _check_complete(duration_s, stated_s, MAX_LOSS_SHARE.get(container.format.name, 0.0))
    return duration_s


def samples(source: Path) -> NDArray[np.int16]:
    """Return a media file's sound as `to_flac` would write it: 16 kHz, mono, 16 bit, shape (n_samples,).

    Args:
        source: a clip; all of its sound is in memory at once

    Raises:
        AudioError: as `to_flac`
    """
    with open_media(source) as container:
        stream = _best_audio(container)
        stated_s = _stated_duration_s(container, stream)
        runs = list(_runs(container, stream))
        signal = np.concatenate(runs) if runs else np.empty(0, np.int16)
        signal = signal[: _n_without_padding(signal.size, stated_s)]
        share = MAX_LOSS_SHARE.get(container.format.name, 0.0)
        _check_complete(signal.size / RATE_HZ, stated_s, share, MAX_CLIP_LOSS_S)
    _check_riff(source)
    return signal


def sound_format(source: Path) -> dict[str, str | int]:
    """Return `container`, `rate_hz` and `channels` of a media file's sound before decoding.

    Args:
        source: a media file

    Raises:
        AudioError: if it is not a media file, or contains no sound
    """
    with open_media(source) as container:
        stream = _best_audio(container)
        return {"container": container.format.name, "rate_hz": stream.rate, "channels": stream.channels}


def reject_reason(error: AudioError) -> str:
    """Return the reason code of a file that could not be decoded.

    Args:
        error: raised by this module
    """
    if isinstance(error, CutShortError):
        return "cut short"
    return "no sound" if isinstance(error, SilentFileError) else "unreadable"


def open_media(source: Path) -> InputContainer:
    """Open a media file; formats that refer to other files are refused.

    Args:
        source: a media file

    Raises:
        AudioError: if it is empty, or not a media file
    """
    import av
    from av.error import FFmpegError

    if not source.stat().st_size:
        raise AudioError("the file is empty (0 bytes)")
    try:
        return av.open(source, options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except (FFmpegError, ValueError) as error:
        raise AudioError(f"not a media file that can be read ({_message(error)})") from None


def _best_audio(container: InputContainer) -> AudioStream:
    from av.audio.stream import AudioStream

    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise SilentFileError("the file holds no sound")
    return stream


def _stated_duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # video may continue after the sound: use the container's duration only if it has a single stream
    if container.duration and len(container.streams) == 1:
        return float(container.duration / 1e6)
    return None


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


def _runs(container: InputContainer, stream: AudioStream) -> Iterator[NDArray[np.int16]]:
    """Yield the sound from the container's zero as arrays of 16-bit samples, shape (n,)."""
    from av.audio.resampler import AudioResampler

    # async=1 fills gaps with silence and cuts off samples before zero, both by the blocks' timestamps
    resampler = AudioResampler("s16", "mono", RATE_HZ, options={"async": "1", "first_pts": "0"})
    try:
        for block in chain(_blocks(container, stream), (None,)):
            yield from (run.to_ndarray()[0] for run in resampler.resample(block))
    except ValueError as error:
        raise AudioError(f"the sound changes its format midway ({error})") from None


def _blocks(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield joined runs of contiguous frames, with timestamps counted from the container's start."""
    from av.audio.fifo import AudioFifo

    joined, begin_s, clock_s = AudioFifo(), 0.0, 0.0
    for frame, start_s in _timed_frames(container, stream):
        if joined.samples and (joined.samples >= _BLOCK_SAMPLES or abs(start_s - clock_s) > _JITTER_S):
            yield _with_timestamp(joined, begin_s)
            joined = AudioFifo()
        if not joined.samples:
            begin_s = start_s
        clock_s = start_s + frame.samples / frame.sample_rate
        joined.write(frame)
    if joined.samples:
        yield _with_timestamp(joined, begin_s)


def _with_timestamp(joined: AudioFifo, begin_s: float) -> AudioFrame:
    block = joined.read()
    assert block is not None
    block.time_base = Fraction(1, block.sample_rate)
    block.pts = round(begin_s * block.sample_rate)
    return block


def _timed_frames(container: InputContainer, stream: AudioStream) -> Iterator[tuple[AudioFrame, float]]:
    """Yield decoded frames, their timestamps removed, with their start in seconds from the container's start."""
    origin_s, clock_s = (container.start_time or 0) / 1e6, 0.0
    # once: the property creates a new fraction at each access
    tick_s = float(stream.time_base or 0)
    for frame in decoded_frames(container, stream):
        start_s = clock_s if frame.pts is None or not tick_s else frame.pts * tick_s - origin_s
        if start_s - clock_s > MAX_GAP_S:
            raise AudioError(f"the clock jumps from {clock_s:.1f} s to {start_s:.1f} s")
        clock_s = start_s + frame.samples / frame.sample_rate
        frame.pts = None
        yield frame, start_s


def decoded_frames(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Any]:
    """Yield the decodable frames of a stream, up to where the file breaks off.

    Args:
        container: an open media file
        stream: one of its streams of sound or video
    """
    from av.error import FFmpegError, InvalidDataError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            # the file breaks off at this packet; the caller checks whether enough was read
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except InvalidDataError:
            # skip damaged packets, as players do: they become a gap in the timestamps
            continue


def _write_flac(runs: Iterator[NDArray[np.int16]], path: Path, stated_s: float | None, max_duration_s: float) -> float:
    """Write samples as FLAC without the padding past the stated end; return the duration in seconds."""
    import soundfile

    # the last 0.1 s is always held back: it may be padding
    n_held, waiting, written = round(MAX_PADDING_S * RATE_HZ), list[NDArray[np.int16]](), 0
    with (
        _Sink(path, "wb") as file,
        soundfile.SoundFile(file, "w", RATE_HZ, channels=1, subtype="PCM_16", format="FLAC") as sink,
    ):
        for run in runs:
            waiting.append(run)
            if sum(block.size for block in waiting) < _ENCODED_SAMPLES + n_held:
                continue
            samples = np.concatenate(waiting)
            sink.write(samples[:-n_held])
            file.raise_error()
            waiting, written = [samples[-n_held:]], written + samples.size - n_held
            # while decoding: the stated duration is untrusted
            _check_length(written / RATE_HZ, max_duration_s)
        left = np.concatenate(waiting) if waiting else np.empty(0, np.int16)
        n_last = _n_without_padding(written + left.size, stated_s) - written
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


def _message(error: Exception) -> str:
    # str() of an FFmpeg error ends with the path, which differs between machines
    return getattr(error, "strerror", None) or str(error)
