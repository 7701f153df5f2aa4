"""Frames through an image network: one vector per frame, independent of the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers", reason="image networks need the extra `deep`")
pytest.importorskip("torch", reason="image networks need the extra `deep`")

from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.features.base.extractor import VideoFrames
from tasks.features.base.tiny_checkpoints import tiny_image_encoder, tiny_text_encoder
from tasks.features.video import frame_states
from tasks.features.video.frame_states import FrameSettings

(FRAMES,) = frame_states.EXTRACTORS


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_image_encoder(tmp_path_factory.mktemp("resnet")))


def frames_of(n_frames: int, seed: int, size: int = 32) -> VideoFrames:
    images = np.random.default_rng(seed).integers(0, 256, (n_frames, size, size, 3)).astype(np.uint8)
    return VideoFrames(images, np.arange(n_frames) / 25, np.ones(n_frames))


def test_one_vector_per_frame_independent_of_the_batch(tiny: str) -> None:
    function = FRAMES.start(FrameSettings(checkpoint=tiny))
    first, second = function([frames_of(10, 1), frames_of(3, 2)])
    assert (first.shape, second.shape, first.dtype) == ((10, 8), (3, 8), np.float32)
    (alone,) = function([frames_of(3, 2)])
    np.testing.assert_allclose(alone, second, atol=1e-5)


def test_images_are_normalised_like_imagenet(tiny: str) -> None:
    """As in transformers for this network: full scale 1, then mean and deviation per colour."""
    import torch

    frames = frames_of(2, 1)
    scaled = (frames.images / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    model = checkpoints.image_encoder(tiny)
    with torch.inference_mode():
        expected = model(torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()).pooler_output[..., 0, 0]
    (states,) = FRAMES.start(FrameSettings(checkpoint=tiny))([frames])
    np.testing.assert_allclose(states, expected.numpy(), atol=1e-4)


def test_other_models_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not read images"):
        FRAMES.start(FrameSettings(checkpoint=str(tiny_text_encoder(tmp_path / "bert"))))


@pytest.mark.parametrize("settings", [{"n_frames": 0}, {"size": 0}, {"batch_size": 0}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is 0"):
        FrameSettings(**settings)
