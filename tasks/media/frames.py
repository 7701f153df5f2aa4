"""Select the video frames of highest entropy, in a child process with limits of time and memory."""

from __future__ import annotations

from pathlib import Path

from tasks.media.decoding import process
from tasks.media.decoding.errors import VideoError
from tasks.media.decoding.pictures import SelectedFrames, entropy

__all__ = ["SelectedFrames", "VideoError", "entropy", "select", "video_format"]


def select(
    source: Path, n_frames: int, size: tuple[int, int] | int, start_s: float | None = None, end_s: float | None = None
) -> SelectedFrames:
    """Return the frames of highest entropy; if tied, the earlier ones. At most `n_frames` images are in memory.

    Args:
        source: a media file
        n_frames: maximum number of frames
        size: height and width of the images; or the height alone, which keeps the aspect ratio
        start_s: start of the utterance; None: start of the file
        end_s: end of the utterance; None: end of the file

    Raises:
        VideoError: if there is no video stream, or no frame within the utterance can be decoded
        AudioError: if it is not a media file, or the decoder crashes on it
        OSError: if the source cannot be read
    """
    answer = process.call("select", source, n_frames=n_frames, size=size, start_s=start_s, end_s=end_s)
    arrays = answer.arrays
    return SelectedFrames(arrays["images"], arrays["times_s"], arrays["entropies"], answer.values["n_seen"])


def video_format(source: Path) -> dict[str, float | None]:
    """Decode a video's first frame; return upright `width` and `height`, `frames_per_s` and `duration_s`.

    Args:
        source: a media file

    Raises:
        VideoError: if there is no video stream, or no frame of it can be decoded
        AudioError: if it is not a media file, or the decoder crashes on it
        OSError: if the source cannot be read
    """
    return process.call("video_format", source).values
