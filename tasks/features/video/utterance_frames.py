"""Read the selected video frames of one utterance, whole or cropped to the face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.features.base.extractor import VideoFrames
from tasks.features.video import faces
from tasks.media import frames
from tasks.media.corpus_files.media_files import UtteranceSpan

_FACES_HEIGHT = 480
"""Height of the frames in which faces are detected, in pixels."""


def read(source: Path, span: UtteranceSpan, settings: Any, *, height: int | None = None) -> VideoFrames:
    """Read the frames of highest entropy of an utterance.

    Args:
        source: video file
        span: start and end of the utterance in the file
        settings: extractor settings with `n_frames`, `size` (height and width of the result in pixels) and `crop`
        height: for display instead of `size`: height in pixels; whole frames keep their aspect ratio, faces are square

    Raises:
        AudioError: if no frame can be decoded
    """
    size: tuple[int, int] | int = height or (settings.size, settings.size)
    if settings.crop == "face":
        size = _FACES_HEIGHT
    selected = frames.select(source, settings.n_frames, size, span.start_s, span.end_s)
    images = faces.cropped(selected.images, height or settings.size) if settings.crop == "face" else selected.images
    return VideoFrames(images, selected.times_s, selected.entropies)
