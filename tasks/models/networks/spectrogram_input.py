"""First layers of networks over spectrograms: sound or frames → standardised pictures, augmented in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tasks.features.sound import spectra
from tasks.features.sound.spectra import MelSettings
from tasks.models.networks.augmentation_layers import SoundAugmentation, SpecAugmentMasks, SpectrogramAugmentation
from tasks.models.training.augmentation import Augmentation
from tasks.models.training.run import groups

_LEAST_SCALE = 1e-3


class SpectrogramInput(nn.Module):
    """Steps → (sound augmented → log-mel) → spectrogram augmented → standardised → masked → channels → the body.

    Args:
        body: takes pictures of shape (n_rows, n_channels, n_bands, n_frames)
        mean: of every band over the training part
        scale: standard deviation of every band over the training part
        channels: 1, or 3 with first and second differences
        differences: along `time`, or along `bands`
        normalise: bands are standardised by the `training` part, by their own `utterance`, or not (`none`)
        n_frames: of a picture
        mel: for raw sound; None: steps are spectrograms
        augment: random variations of training rows
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        body: nn.Module,
        *,
        mean: Sequence[float],
        scale: Sequence[float],
        channels: int,
        differences: Literal["time", "bands"],
        normalise: Literal["training", "utterance", "none"],
        n_frames: int,
        mel: MelSettings | None,
        augment: Augmentation,
    ) -> None:
        super().__init__()
        # before the body: the last linear layer of all modules must be the body's
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.on_sound = SoundAugmentation(augment, mel.rate_hz, mel.hop) if mel else None
        self.on_spectrograms = SpectrogramAugmentation(augment, after_sound=mel is not None)
        self.masks = SpecAugmentMasks(augment)
        self.body = body
        self._channels, self._normalise, self._n_frames, self._mel = channels, normalise, n_frames, mel
        self._differences = differences

    def forward(self, steps: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            steps: shape (n_rows, n_steps, n_features); raw sound: (n_rows, n_samples, 1)
        """
        outputs: Tensor = self.body(self.pictures(steps))
        return outputs

    def pictures(self, steps: Tensor) -> Tensor:
        """Return the input of the body, shape (n_rows, n_channels, n_bands, n_frames).

        Args:
            steps: as `forward` takes them
        """
        frames = self._spectrograms(steps) if self._mel else steps
        if self.training:
            frames = self.on_spectrograms(frames)
        if self._normalise == "utterance":
            mean = frames.mean(dim=1, keepdim=True)
            frames = (frames - mean) / (frames.std(dim=1, keepdim=True) + _LEAST_SCALE)
        elif self._normalise == "training":
            frames = (frames - self.mean) / self.scale
        if self.training:
            frames = self.masks(frames)
        pictures = frames.transpose(1, 2)[:, None]
        if self._channels == 1:
            return pictures
        if self._differences == "bands":
            first = band_differences(pictures)
            return torch.cat([pictures, first, band_differences(first)], dim=1)
        both = [spectra.deltas(frames, order).transpose(1, 2)[:, None] for order in (1, 2)]
        return torch.cat([pictures, *both], dim=1)

    def begin_epoch(self, epoch: int) -> None:
        """Pass the epoch to the body, if it has `begin_epoch`.

        Args:
            epoch: from 0
        """
        if begin := getattr(self.body, "begin_epoch", None):
            begin(epoch)

    def groups(self, rate: float) -> Any:
        """Return the body's parameters by learning rate.

        Args:
            rate: of the first group
        """
        return groups(self.body, rate)

    def _spectrograms(self, steps: Tensor) -> Tensor:
        assert self._mel is not None
        sound = steps[..., 0]
        if self.training and self.on_sound is not None:
            sound = self.on_sound(sound)
        frames: Tensor = spectra.spectrogram(sound, self._mel)
        return frames[:, : self._n_frames]


def band_differences(pictures: Tensor) -> Tensor:
    """Return each band minus the one below it, in the shape given; the lowest band gets the value of the second.

    Args:
        pictures: shape (n_rows, n_channels, n_bands, n_frames); a single band gives 0
    """
    if pictures.shape[2] == 1:
        return torch.zeros_like(pictures)
    differences = pictures.diff(dim=2)
    return torch.cat([differences[:, :, :1], differences], dim=2)
