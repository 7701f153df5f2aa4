"""From steps to standardised pictures, and what is done to them in training only, in front of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tasks.features.sound import spectra
from tasks.features.sound.spectra import MelSettings
from tasks.models.networks import augmentation_layers as augmenting
from tasks.models.training.augmentation import Augmentation
from tasks.models.training.run import groups

_LEAST_SCALE = 1e-3


class SpectrogramInput(nn.Module):
    """Steps → (sound varied → log-mel) → spectrogram varied → standardised → masked → channels → the network proper.

    Args:
        body: takes pictures of shape (n_rows, n_channels, n_bands, n_frames)
        mean: of every band over the training part
        scale: standard deviation of every band over the training part
        channels: 1, or 3 with first and second differences
        differences: along `time`, or from band to band
        by_utterance: whether bands are standardised by their own utterance instead
        n_frames: of a picture
        mel: for raw sound
        augment: what is done to training rows
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
        by_utterance: bool,
        n_frames: int,
        mel: MelSettings | None,
        augment: Augmentation,
    ) -> None:
        super().__init__()
        # before the body: the last linear layer of all modules is the body's
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.on_sound = augmenting.SoundAugmentation(augment, mel.rate_hz, mel.hop) if mel else None
        self.on_spectrograms = augmenting.SpectrogramAugmentation(augment, after_sound=mel is not None)
        self.masks = augmenting.SpecAugmentMasks(augment)
        self.body = body
        self._channels, self._by_utterance, self._n_frames, self._mel = channels, by_utterance, n_frames, mel
        self._differences = differences

    def forward(self, steps: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            steps: shape (n_rows, n_steps, n_features); raw sound: (n_rows, n_samples, 1)
        """
        found: Tensor = self.body(self.pictures(steps))
        return found

    def pictures(self, steps: Tensor) -> Tensor:
        """Return what the body sees, shape (n_rows, n_channels, n_bands, n_frames)."""
        frames = self._spectrograms(steps) if self._mel else steps
        if self.training:
            frames = self.on_spectrograms(frames)
        if self._by_utterance:
            mean = frames.mean(dim=1, keepdim=True)
            frames = (frames - mean) / (frames.std(dim=1, keepdim=True) + _LEAST_SCALE)
        else:
            frames = (frames - self.mean) / self.scale
        if self.training:
            frames = self.masks(frames)
        pictures = frames.transpose(1, 2)[:, None]
        if self._channels == 1:
            return pictures
        if self._differences == "bands":
            first = from_band_to_band(pictures)
            return torch.cat([pictures, first, from_band_to_band(first)], dim=1)
        both = [spectra.deltas(frames, order).transpose(1, 2)[:, None] for order in (1, 2)]
        return torch.cat([pictures, *both], dim=1)

    def begin_epoch(self, epoch: int) -> None:
        """Tell the body which epoch begins, from 0, where it wants to know."""
        if begin := getattr(self.body, "begin_epoch", None):
            begin(epoch)

    def groups(self, rate: float) -> Any:
        """Return the body's own learning rates, where it has them."""
        return groups(self.body, rate)

    def _spectrograms(self, steps: Tensor) -> Tensor:
        assert self._mel is not None
        sound = steps[..., 0]
        if self.training and self.on_sound is not None:
            sound = self.on_sound(sound)
        frames: Tensor = spectra.spectrogram(sound, self._mel)
        return frames[:, : self._n_frames]


def from_band_to_band(pictures: Tensor) -> Tensor:
    """Return each band minus the one below it, the lowest as the one above it; shape as given.

    Args:
        pictures: shape (n_rows, n_channels, n_bands, n_frames); of a single band all is 0
    """
    if pictures.shape[2] == 1:
        return torch.zeros_like(pictures)
    found = pictures.diff(dim=2)
    return torch.cat([found[:, :, :1], found], dim=2)
