"""Select the video frames of highest entropy, in this process: called in the decoder process only.

The source of `meld-trimodal` decodes every frame to RGB, computes the entropy of its grey levels, and keeps the ten
highest. We compute it on the luma plane, which the decoder outputs, and convert only frames among the best so far to
RGB. Luma (16 to 235) maps one-to-one to grey (0 to 255), so entropy is equal except for levels merged by a conversion.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.media.decoding import containers, limits
from tasks.media.decoding.errors import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PLANAR_8_BIT = frozenset(
    f"{start}{kind}" for start in ("yuv", "yuvj") for kind in ("420p", "422p", "444p", "440p", "411p")
) | {"nv12", "nv21", "gray"}
"""Pixel formats whose first plane is luma, one byte per pixel."""


@dataclass(frozen=True)
class SelectedFrames:
    """Frames of an utterance, in order of time.

    Args:
        images: RGB, uint8, shape (n_frames, height, width, 3), upright
        times_s: times from the utterance's start, shape (n_frames,)
        entropies: entropies of their grey levels in bits, shape (n_frames,)
        n_seen: number of frames of the utterance
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    entropies: NDArray[np.float64]
    n_seen: int


def select(
    source: Path,
    n_frames: int,
    size: tuple[int, int] | int,
    start_s: float | None,
    end_s: float | None,
    *,
    granted: Callable[[float], None],
) -> SelectedFrames:
    """Return the frames of highest entropy; see `tasks.media.frames.select`.

    Args:
        source: a media file
        n_frames: maximum number of frames
        size: height and width of the images; or the height alone, which keeps the aspect ratio
        start_s: start of the utterance; None: start of the file
        end_s: end of the utterance; None: end of the file
        granted: called when something was decoded
    """
    best: list[tuple[float, int, float, NDArray[np.uint8]]] = []
    n_seen = 0
    with containers.opened(source) as container:
        for time_s, frame in _within(container, _stream(container), start_s or 0.0, end_s, granted):
            bits = entropy(_luma(frame))
            # min-heap by (entropy, -position): its root is the frame to replace, if tied the latest
            if len(best) < n_frames:
                heapq.heappush(best, (bits, -n_seen, time_s, _picture(frame, size)))
            elif (bits, -n_seen) > best[0][:2]:
                heapq.heapreplace(best, (bits, -n_seen, time_s, _picture(frame, size)))
            n_seen += 1
    if not best:
        raise VideoError(f"{source.name}: no frame could be decoded from {start_s or 0.0:g} s on")
    by_time = sorted(best, key=lambda frame: -frame[1])
    return SelectedFrames(
        np.stack([picture for *_, picture in by_time]),
        np.array([time_s - (start_s or 0.0) for _, _, time_s, _ in by_time]),
        np.array([bits for bits, *_ in by_time]),
        n_seen,
    )


def video_format(source: Path) -> dict[str, float | None]:
    """Decode a video's first frame; see `tasks.media.frames.video_format`.

    Args:
        source: a media file
    """
    with containers.opened(source) as container:
        stream = _stream(container)
        duration_s = (
            stream.duration * stream.time_base
            if stream.duration and stream.time_base
            else container.duration and container.duration / 1e6
        )
        limits.check_duration(float(duration_s or 0.0))
        first = next(containers.decoded_frames(container, stream), None)
        if first is None:
            raise VideoError(f"{source.name}: no frame could be decoded")
        limits.check_picture(first.width, first.height)
        width, height = (first.height, first.width) if _n_quarter_turns(first) % 2 else (first.width, first.height)
        return {
            "width": width,
            "height": height,
            "frames_per_s": float(stream.average_rate) if stream.average_rate else None,
            "duration_s": float(duration_s) if duration_s else None,
        }


def entropy(grey: NDArray[np.uint8]) -> float:
    """Return the entropy of grey levels in bits (Shannon 1948), 0 to 8.

    Args:
        grey: an image, shape (height, width)
    """
    counts = _histogram(grey).astype(np.float64)
    share = counts[counts > 0] / grey.size
    return float(-(share * np.log2(share)).sum())


def _histogram(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count each of 256 levels; pairs of pixels are counted as 16-bit numbers, which takes half the time."""
    flat = np.ascontiguousarray(grey).reshape(-1)
    # the last pixel of an odd number has no partner
    even = flat.size // 2 * 2
    pairs = np.bincount(flat[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    counts: NDArray[np.int64] = pairs.sum(axis=0) + pairs.sum(axis=1)
    if even < flat.size:
        counts[flat[-1]] += 1
    return counts


def _stream(container: InputContainer) -> VideoStream:
    from av.stream import Disposition

    # a cover picture is a video stream of one frame: skip it
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError("the file holds no video")
    containers.check_decoder(streams[0])
    # without a size, the header states none: frames will
    if streams[0].width or streams[0].height:
        limits.check_picture(streams[0].width, streams[0].height)
    # let FFmpeg decode with frame and slice threads
    streams[0].thread_type = "AUTO"
    return streams[0]


def _within(
    container: InputContainer,
    stream: VideoStream,
    start_s: float,
    end_s: float | None,
    granted: Callable[[float], None],
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield the frames of a span with times from the container's start; one without a timestamp gets the last time."""
    origin_s, clock_s = (container.start_time or 0) / 1e6, 0.0
    if start_s:
        _seek(container, start_s)
    for frame in containers.decoded_frames(container, stream):
        limits.check_picture(frame.width, frame.height)
        granted(frame.width * frame.height * limits.S_PER_PIXEL)
        clock_s = clock_s if frame.time is None else frame.time - origin_s
        if end_s is not None and clock_s >= end_s:
            return
        if clock_s >= start_s:
            yield clock_s, frame


def _seek(container: InputContainer, start_s: float) -> None:
    """Seek to the last key frame before a time; containers that cannot seek are decoded from their start."""
    from av.error import FFmpegError

    # backward: a frame between key frames can only be decoded from the key frame before it
    with suppress(FFmpegError):
        container.seek(round(start_s * 1e6) + (container.start_time or 0), backward=True)


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return grey levels, shape (height, width): the luma plane if there is one, else by conversion."""
    if frame.format.name not in _PLANAR_8_BIT:
        return np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
    plane: Any = frame.planes[0]
    # rows are padded to line_size
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def _picture(frame: VideoFrame, size: tuple[int, int] | int) -> NDArray[np.uint8]:
    n_turns = _n_quarter_turns(frame)
    is_sideways = bool(n_turns % 2)
    if isinstance(size, int):
        aspect = frame.height / frame.width if is_sideways else frame.width / frame.height
        size = (size, max(1, round(size * aspect)))
    height, width = size[::-1] if is_sideways else size
    picture = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(picture, n_turns))


def _n_quarter_turns(frame: VideoFrame) -> int:
    """Return the number of quarter turns, counterclockwise, that make a frame upright."""
    return round(frame.rotation / 90) % 4
