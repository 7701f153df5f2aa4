"""Embeddings of video frames by a pretrained image network: one vector per frame, in temporal order.

Uses the frames of highest entropy (`tasks.media.frames`). The source of `meld-trimodal` feeds ten of them to ResNet-50
and projects the output before its last layer to 512 features; we leave the projection to the model that is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, VideoFrames

Array = NDArray[np.float32]
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Mean and standard deviation of ImageNet's RGB values, full scale 1: the usual input normalisation."""


@dataclass(frozen=True)
class FrameSettings:
    """Settings of the frame embeddings.

    Args:
        checkpoint: image network, a name or a path, see `tasks.features.base.checkpoints`
        n_frames: number of frames of highest entropy
        size: height and width of the network's input in pixels
        crop: `face`: crop frames to their largest face, or use the whole frame without a face; see
            `tasks.features.video.faces`
        batch_size: utterances per forward pass
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "image"
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

    def embed(batch: Sequence[VideoFrames]) -> list[Array]:
        import torch

        ends = np.cumsum([len(frames.images) for frames in batch])[:-1]
        images = np.concatenate([frames.images for frames in batch]).astype(np.float32) / 255
        # channels last → channels first
        standard = torch.from_numpy((images - _MEAN) / _STD).permute(0, 3, 1, 2)
        with torch.inference_mode():
            states = model(pixel_values=standard.contiguous()).pooler_output.flatten(1)
        return [np.ascontiguousarray(rows) for rows in np.split(states.numpy().astype(np.float32), ends)]

    return embed


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
