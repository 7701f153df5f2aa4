"""The frames of a video that say most: decoded in one pass, chosen by entropy, few in memory at a time.

The source of `meld-trimodal` decodes every frame to RGB, takes its grey levels' entropy, and keeps the ten highest.
Grey levels are what a decoder has first: here entropy is taken of the luma plane, without a conversion, and only frames
that are among the best so far are converted to RGB at all. Luma of 16 to 235 is grey of 0 to 255 stretched, which moves
no level into another's place, so that entropy is the same but for levels that a conversion would merge.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError
from tasks.media import decode

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PLANAR_8_BIT = frozenset(
    f"{start}{kind}" for start in ("yuv", "yuvj") for kind in ("420p", "422p", "444p", "440p", "411p")
) | {"nv12", "nv21", "gray"}
"""Pixel formats whose first plane is luma, a byte a pixel."""


class VideoError(AudioError):
    """The file holds no picture that can be decoded."""


@dataclass(frozen=True)
class Chosen:
    """Frames of an utterance, in the order of time.

    Args:
        images: RGB, uint8, shape (n_frames, height, width, 3), upright
        times_s: from the utterance's start, shape (n_frames,)
        entropies: of their grey levels, in bits, shape (n_frames,)
        n_seen: how many frames the utterance has
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    entropies: NDArray[np.float64]
    n_seen: int


def chosen(
    source: Path, n_frames: int, size: tuple[int, int] | int, start_s: float | None = None, end_s: float | None = None
) -> Chosen:
    """Return the frames of highest entropy, of equals the earlier; all frames where there are no more.

    One pass; no more than `n_frames` pictures are kept at a time, however long the video.

    Args:
        source: a media file
        n_frames: how many
        size: height and width that pictures are scaled to; or the height alone, and the width follows
        start_s: where the utterance begins; None: with the file
        end_s: where it ends; None: with the file

    Raises:
        VideoError: if there is no video stream, or no frame of it can be decoded in that time
        AudioError: if it is no media file
    """
    best: list[tuple[float, int, float, NDArray[np.uint8]]] = []
    n_seen = 0
    with decode.opened(source) as container:
        for time_s, frame in _within(container, _stream(container), start_s or 0.0, end_s):
            bits = entropy(_luma(frame))
            # of equals the earlier one is better: the heap's least is the worst, and the latest of those
            if len(best) < n_frames:
                heapq.heappush(best, (bits, -n_seen, time_s, _picture(frame, size)))
            elif (bits, -n_seen) > best[0][:2]:
                heapq.heapreplace(best, (bits, -n_seen, time_s, _picture(frame, size)))
            n_seen += 1
    if not best:
        raise VideoError(f"{source.name}: no frame could be decoded from {start_s or 0.0:g} s on")
    in_time = sorted(best, key=lambda one: -one[1])
    return Chosen(
        np.stack([picture for *_, picture in in_time]),
        np.array([time_s - (start_s or 0.0) for _, _, time_s, _ in in_time]),
        np.array([bits for bits, *_ in in_time]),
        n_seen,
    )


def described(source: Path) -> dict[str, float | None]:
    """Return a video's upright `width` and `height`, `frames_per_s` and `duration_s`, once a frame has been decoded.

    Raises:
        VideoError: if there is no video stream, or no frame of it can be decoded
        AudioError: if it is no media file
    """
    with decode.opened(source) as container:
        stream = _stream(container)
        duration_s = (
            stream.duration * stream.time_base
            if stream.duration and stream.time_base
            else container.duration and container.duration / 1e6
        )
        first = next(decode.frames(container, stream), None)
        if first is None:
            raise VideoError(f"{source.name}: no frame could be decoded")
        width, height = (first.height, first.width) if _quarters(first) % 2 else (first.width, first.height)
        return {
            "width": width,
            "height": height,
            "frames_per_s": float(stream.average_rate) if stream.average_rate else None,
            "duration_s": float(duration_s) if duration_s else None,
        }


def entropy(grey: NDArray[np.uint8]) -> float:
    """Return the entropy of grey levels in bits (Shannon 1948), 0 to 8.

    Args:
        grey: shape (height, width)
    """
    counts = _histogram(grey).astype(np.float64)
    share = counts[counts > 0] / grey.size
    return float(-(share * np.log2(share)).sum())


def _histogram(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how often each of 256 levels occurs; two pixels at a time, which takes half as long."""
    flat = np.ascontiguousarray(grey).reshape(-1)
    even = flat.size // 2 * 2
    pairs = np.bincount(flat[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    found: NDArray[np.int64] = pairs.sum(axis=0) + pairs.sum(axis=1)
    if even < flat.size:
        found[flat[-1]] += 1
    return found


def _stream(container: InputContainer) -> VideoStream:
    from av.stream import Disposition

    # a cover picture is no video
    streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError("the file holds no video")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _within(
    container: InputContainer, stream: VideoStream, start_s: float, end_s: float | None
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield the frames of a span with their times from the container's start; one without a time follows the last."""
    origin_s, clock_s = (container.start_time or 0) / 1e6, 0.0
    if start_s:
        _go_to(container, start_s)
    for frame in decode.frames(container, stream):
        clock_s = clock_s if frame.time is None else frame.time - origin_s
        if end_s is not None and clock_s >= end_s:
            return
        if clock_s >= start_s:
            yield clock_s, frame


def _go_to(container: InputContainer, start_s: float) -> None:
    """Go to the last key frame before a time, where the container can; else decoding goes on from its beginning."""
    from av.error import FFmpegError

    with suppress(FFmpegError):
        container.seek(round(start_s * 1e6) + (container.start_time or 0), backward=True)


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return grey levels, shape (height, width): the luma plane where there is one, else a conversion."""
    if frame.format.name not in _PLANAR_8_BIT:
        return np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
    plane: Any = frame.planes[0]
    # rows may be longer than the picture is wide
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def _picture(frame: VideoFrame, size: tuple[int, int] | int) -> NDArray[np.uint8]:
    turned = _quarters(frame)
    lies = bool(turned % 2)
    if isinstance(size, int):
        width_for = frame.height / frame.width if lies else frame.width / frame.height
        size = (size, max(1, round(size * width_for)))
    height, width = size[::-1] if lies else size
    picture = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(picture, turned))


def _quarters(frame: VideoFrame) -> int:
    """Return by how many quarters of a circle, counterclockwise, a frame is to be turned."""
    return round(frame.rotation / 90) % 4
