"""Frames of a video as an image network sees them: one vector a frame, in the order of time.

The frames are those of highest entropy (`tasks.media.frames`), as in `meld-trimodal`, which gives ten of them to
ResNet-50 and projects what is before its last layer to 512. Here that is left as it is: a
network that learns projects better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, VideoFrames

Array = NDArray[np.float32]
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Of ImageNet's colours, red, green and blue, full scale 1, by which all its networks are given pictures."""


@dataclass(frozen=True)
class FrameSettings:
    """Which frames, and who sees them.

    Args:
        checkpoint: an image network, a name or a path, see `tasks.features.base.checkpoints`
        n_frames: those of highest entropy
        size: height and width that frames, or faces, are scaled to
        crop: `face`: what is seen of a frame is its largest face, if one is found in it, and the whole frame if not;
            see `tasks.features.video.faces`
        batch_size: how many utterances run at once
    """

    checkpoint: str = checkpoints.DEFAULT_IMAGE
    n_frames: int = 10
    size: int = 224
    crop: Literal["none", "face"] = "none"
    batch_size: int = 4

    def __post_init__(self) -> None:
        for name in ("n_frames", "size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more")


def _start(settings: FrameSettings) -> Callable[[Sequence[VideoFrames]], list[Array]]:
    model = checkpoints.image_encoder(settings.checkpoint)

    def seen(batch: Sequence[VideoFrames]) -> list[Array]:
        import torch

        ends = np.cumsum([len(one.images) for one in batch])[:-1]
        pictures = np.concatenate([one.images for one in batch]).astype(np.float32) / 255
        standard = torch.from_numpy((pictures - _MEAN) / _STD).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found = model(pixel_values=standard.contiguous()).pooler_output.flatten(1)
        return [np.ascontiguousarray(one) for one in np.split(found.numpy().astype(np.float32), ends)]

    return seen


EXTRACTORS = (
    Extractor(
        "frame-states",
        "one vector for each of the frames of highest entropy, from a pretrained image network",
        "video",
        "sequence",
        FrameSettings,
        _start,
    ),
)
