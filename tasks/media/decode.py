"""Any media file → 16 kHz mono 16-bit FLAC, through PyAV, in bounded memory, on the container's own clock.

Encoders put padding before and after the sound, and streams may start late or have holes, but captions count from the
container's zero. So samples go where the container's times say they belong: holes become silence, padding goes.
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
MAX_HOLE_S = 60.0
"""Holes up to this are filled with silence; a longer jump of the clock is damage."""
MAX_PADDING_S = 0.1
"""Sound this far past the stated end is the encoder's padding; more means that the stated end is an estimate."""
MAX_LOSS_S = 2.0
"""A file that lacks more than this of what its container states is broken."""
MAX_CLIP_LOSS_S = 0.25
"""… and a clip of a corpus, which is seconds long, that lacks more than this."""
MAX_LOSS_SHARE = {"mp3": 0.1, "aac": 0.1}
"""… and more than this share, where the container's length is an estimate from the bit rate, a few percent off."""

_NO_SIZE = 1 << 32
_JOINED = 16_384
"""Samples of decoded frames that are resampled together, which costs less than frame by frame."""
_JITTER_S = 0.01
"""A frame this far off the end of the one before begins a block of its own; the resampler lets 0.1 s pass."""
_AT_ONCE = 65_536
"""Samples that are encoded together."""
# self-contained containers only: a playlist or script posing as sound could name other files and addresses to read
_CONTAINERS = "mov,matroska,webm,mp3,ogg,flac,wav,w64,aiff,aac,ac3,amr,asf,avi,caf,flv,mpeg,mpegts"


class SilentFileError(AudioError):
    """The file holds no sound at all: pictures only, or nothing that can be decoded."""


class CutShortError(AudioError):
    """The file breaks off before the end that its container states."""


class TooLongError(AudioError):
    """The sound is longer than allowed."""


def to_flac(source: Path, target: Path, *, max_duration_s: float = math.inf) -> float:
    """Decode the best audio stream of a media file into a FLAC file, written whole.

    Args:
        source: a media file in any common container (m4a, webm, mp3, mp4, ogg, wav, …)
        target: the FLAC file: 16 kHz, one channel, 16 bits
        max_duration_s: longer sound is refused

    Returns:
        duration of the decoded sound in seconds

    Raises:
        AudioError: if the file is empty, is no media file or holds no sound, or if less of it can be
            decoded than its container states (2 s are missing; in MP3, where that is an estimate, also 10 %)
        TooLongError: if the sound is longer than `max_duration_s`
        OSError: if the source cannot be found or the target cannot be written
    """
    with opened(source) as container:
        stream = _best_audio(container)
        stated_s = _stated_duration_s(container, stream)
        _check_length(stated_s or 0.0, max_duration_s)
        with tables.whole(target) as part:
            duration_s = _write_flac(_runs(container, stream), part, stated_s, max_duration_s)
            _check_complete(duration_s, stated_s, MAX_LOSS_SHARE.get(container.format.name, 0.0))
    return duration_s


def samples(source: Path) -> NDArray[np.int16]:
    """Return a media file's sound as `to_flac` would write it: 16 kHz, mono, 16 bit, shape (n_samples,).

    For clips: all of it is in memory at once.

    Raises:
        AudioError: as `to_flac` does
    """
    with opened(source) as container:
        stream = _best_audio(container)
        stated_s = _stated_duration_s(container, stream)
        runs = list(_runs(container, stream))
        found = np.concatenate(runs) if runs else np.empty(0, np.int16)
        found = found[: _without_padding(found.size, stated_s)]
        share = MAX_LOSS_SHARE.get(container.format.name, 0.0)
        _check_complete(found.size / RATE_HZ, stated_s, share, MAX_CLIP_LOSS_S)
    _check_riff(source)
    return found


def described(source: Path) -> dict[str, str | int]:
    """Return a media file's `container`, and its sound's `rate_hz` and `channels`, as they are before decoding.

    Raises:
        AudioError: if it is no media file, or holds no sound
    """
    with opened(source) as container:
        stream = _best_audio(container)
        return {"container": container.format.name, "rate_hz": stream.rate, "channels": stream.channels}


def reason(error: AudioError) -> str:
    """Return why a file could not be decoded, in two words."""
    if isinstance(error, CutShortError):
        return "cut short"
    return "no sound" if isinstance(error, SilentFileError) else "unreadable"


def opened(source: Path) -> InputContainer:
    """Open a media file; what poses as one and names other files is refused.

    Raises:
        AudioError: if it is empty, or no media file
    """
    import av
    from av.error import FFmpegError

    if not source.stat().st_size:
        raise AudioError("the file is empty (0 bytes)")
    try:
        return av.open(source, options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except (FFmpegError, ValueError) as error:
        raise AudioError(f"not a media file that can be read ({_text(error)})") from None


def _best_audio(container: InputContainer) -> AudioStream:
    from av.audio.stream import AudioStream

    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise SilentFileError("the file holds no sound")
    return stream


def _stated_duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # a picture may go on after the sound: the container's length is the sound's only where nothing else is in it
    if container.duration and len(container.streams) == 1:
        return float(container.duration / 1e6)
    return None


def _check_length(duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise TooLongError(f"{duration_s:.0f} s long, allowed are {max_duration_s:.0f} s")


def _check_riff(source: Path) -> None:
    """Check a WAV file against its own header: FFmpeg takes what is left of it for the whole."""
    with source.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:], "little") + len(head)
    # a recorder that could not seek back wrote no size, or all ones
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
    """Yield the sound from the container's zero on, as arrays of 16-bit samples, shape (n,)."""
    from av.audio.resampler import AudioResampler

    # async=1 fills holes with silence and cuts off what lies before zero, both by the blocks' times
    resampler = AudioResampler("s16", "mono", RATE_HZ, options={"async": "1", "first_pts": "0"})
    try:
        for block in chain(_blocks(container, stream), (None,)):
            yield from (run.to_ndarray()[0] for run in resampler.resample(block))
    except ValueError as error:
        raise AudioError(f"the sound changes its format midway ({error})") from None


def _blocks(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield decoded frames joined while each follows the one before, with times counted from the container's start."""
    from av.audio.fifo import AudioFifo

    joined, begin_s, clock_s = AudioFifo(), 0.0, 0.0
    for frame, start_s in _on_clock(container, stream):
        if joined.samples and (joined.samples >= _JOINED or abs(start_s - clock_s) > _JITTER_S):
            yield _placed(joined, begin_s)
            joined = AudioFifo()
        if not joined.samples:
            begin_s = start_s
        clock_s = start_s + frame.samples / frame.sample_rate
        joined.write(frame)
    if joined.samples:
        yield _placed(joined, begin_s)


def _placed(joined: AudioFifo, begin_s: float) -> AudioFrame:
    block = joined.read()
    assert block is not None
    block.time_base = Fraction(1, block.sample_rate)
    block.pts = round(begin_s * block.sample_rate)
    return block


def _on_clock(container: InputContainer, stream: AudioStream) -> Iterator[tuple[AudioFrame, float]]:
    """Yield decoded frames without times, and the second at which each begins, from the container's start on."""
    origin_s, clock_s = (container.start_time or 0) / 1e6, 0.0
    # asked of every frame, the same fraction would be made anew each time
    tick_s = float(stream.time_base or 0)
    for frame in frames(container, stream):
        start_s = clock_s if frame.pts is None or not tick_s else frame.pts * tick_s - origin_s
        if start_s - clock_s > MAX_HOLE_S:
            raise AudioError(f"the clock jumps from {clock_s:.1f} s to {start_s:.1f} s")
        clock_s = start_s + frame.samples / frame.sample_rate
        frame.pts = None
        yield frame, start_s


def frames(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Any]:
    """Yield what can be decoded of a stream of sound or pictures, up to where the container breaks off."""
    from av.error import FFmpegError, InvalidDataError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            # the container breaks off here; whether enough was read is for the caller to judge
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except InvalidDataError:
            # as players do: what is damaged becomes a hole on the clock
            continue


def _write_flac(runs: Iterator[NDArray[np.int16]], path: Path, stated_s: float | None, max_duration_s: float) -> float:
    """Write samples as FLAC, without the padding past the stated end; return the duration in seconds."""
    import soundfile

    # held back until it is clear that it is not the end, which may need trimming
    n_held, waiting, written = round(MAX_PADDING_S * RATE_HZ), list[NDArray[np.int16]](), 0
    with (
        _Sink(path, "wb") as file,
        soundfile.SoundFile(file, "w", RATE_HZ, channels=1, subtype="PCM_16", format="FLAC") as sink,
    ):
        for run in runs:
            waiting.append(run)
            if sum(one.size for one in waiting) < _AT_ONCE + n_held:
                continue
            samples = np.concatenate(waiting)
            sink.write(samples[:-n_held])
            file.demand_written()
            waiting, written = [samples[-n_held:]], written + samples.size - n_held
            _check_length(written / RATE_HZ, max_duration_s)
        left = np.concatenate(waiting) if waiting else np.empty(0, np.int16)
        n_last = _without_padding(written + left.size, stated_s) - written
        sink.write(left[:n_last])
    file.demand_written()
    _check_length((written + n_last) / RATE_HZ, max_duration_s)
    return (written + n_last) / RATE_HZ


class _Sink(io.FileIO):
    """A file for libsndfile, which cannot tell why something could not be written: the reason is kept here."""

    _error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self._error = error
        return len(data)

    def demand_written(self) -> None:
        """Raise what a write has met, if one has.

        Raises:
            OSError: if the disk is full, say
        """
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror, self.name)


def _without_padding(n_samples: int, stated_s: float | None) -> int:
    n_stated = n_samples if stated_s is None else round(stated_s * RATE_HZ)
    return n_stated if 0 < n_samples - n_stated <= MAX_PADDING_S * RATE_HZ else n_samples


def _text(error: Exception) -> str:
    # an FFmpeg error's text ends in the path, which is no one's business
    return getattr(error, "strerror", None) or str(error)
