"""One utterance's frames, as an extractor that reads video asks for them: whole, or the face that is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.features.base.extractor import VideoFrames
from tasks.features.video import faces
from tasks.media import frames
from tasks.media.corpus_files.files import Span

_FACES_HEIGHT = 480
"""Of frames that faces are looked for in, in pixels."""


def read(source: Path, span: Span, settings: Any, *, height: int | None = None) -> VideoFrames:
    """Return the chosen frames of an utterance.

    Args:
        source: the video
        span: where the utterance lies in it
        settings: with `n_frames`, `size` (height and width that frames come out in) and `crop`
        height: for a person's eyes: whole frames come out so high, in their own shape; faces as high as wide

    Raises:
        AudioError: if no frame can be decoded
    """
    size: tuple[int, int] | int = height or (settings.size, settings.size)
    if settings.crop == "face":
        size = _FACES_HEIGHT
    found = frames.chosen(source, settings.n_frames, size, span.start_s, span.end_s)
    images = faces.cropped(found.images, height or settings.size) if settings.crop == "face" else found.images
    return VideoFrames(images, found.times_s, found.entropies)
