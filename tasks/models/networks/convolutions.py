"""Convolutional networks over pictures: in two dimensions, and along time alone.

Layers of equal width follow one another as a stage; at its end, what is left of time (and frequency) is halved. Halving
rounds up, so that it leaves a step where there is one: pictures of any size go through.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["mean", "max", "both", "none"]


class Convolutions2d(nn.Module):
    """Convolutions over frequency and time → pooling over what is left of time → linear, ReLU → linear.

    Args:
        n_channels: of the pictures
        n_bands: of the pictures
        n_frames: of the pictures
        n_outputs: outputs
        units: channels of each convolution; a stage of equal ones ends with max pooling, 2 × 2
        kernel: bands and frames that a convolution sees, an odd number
        dropout: share of a stage's outputs, and of the hidden layer's, that a step of training sets to 0
        pooling: over time: mean, maximum, both side by side, or none: all that is left, one after the other
        keep_bands: whether what is left of the bands stays apart; else it is pooled as well
        dense: units of the hidden layer; 0: there is none
    """

    def __init__(
        self,
        n_channels: int,
        n_bands: int,
        n_frames: int,
        n_outputs: int,
        *,
        units: Sequence[int],
        kernel: int,
        dropout: float,
        pooling: Pooling,
        keep_bands: bool,
        dense: int,
    ) -> None:
        super().__init__()
        self.stages, n_left = stages_2d(n_channels, n_bands, units, kernel=kernel, dropout=dropout)
        self._pooling: Pooling = pooling
        self._keep_bands = keep_bands
        n_features = units[-1] * (n_left if keep_bands else 1)
        n_steps = halved(n_frames, units) * (1 if keep_bands else n_left)
        self.head = _head(n_features * _times(pooling, n_steps), n_outputs, dense, dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs), for pictures of shape (n_rows, n_channels, n_bands, n_frames)."""
        # channels last in memory: a quarter less time on a CPU
        found: Tensor = self.stages(pictures.to(memory_format=torch.channels_last))
        steps = found.flatten(1, 2) if self._keep_bands else found.flatten(2)
        outputs: Tensor = self.head(pooled(steps, self._pooling))
        return outputs


class Convolutions1d(nn.Module):
    """Convolutions along time, bands and channels side by side → pooling over time → linear, ReLU → linear.

    Args:
        n_features: channels × bands of the pictures
        n_frames: of the pictures
        n_outputs: outputs
        units: channels of each convolution; a stage of equal ones ends with max pooling by 2
        kernel: steps that a convolution sees, an odd number
        residual: whether a convolution after the first adds to what it is given, where both are of the same width
        dropout: share of a stage's outputs, and of the hidden layer's, that a step of training sets to 0
        pooling: over time: mean, maximum, both side by side, or none: all that is left, one after the other
        dense: units of the hidden layer; 0: there is none
    """

    def __init__(
        self,
        n_features: int,
        n_frames: int,
        n_outputs: int,
        *,
        units: Sequence[int],
        kernel: int,
        residual: bool,
        dropout: float,
        pooling: Pooling,
        dense: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (n_in, n_out), last in zip(pairwise([n_features, *units]), ends_of_stages(units), strict=True):
            # not the first: what it is given are bands, and that there are as many of them is chance
            layers.append(_Along(n_in, n_out, kernel, residual=residual and n_in == n_out and bool(layers)))
            if last:
                layers += [nn.MaxPool1d(2, ceil_mode=True), nn.Dropout(dropout)]
        self.stages = nn.Sequential(*layers)
        self._pooling: Pooling = pooling
        self.head = _head(units[-1] * _times(pooling, halved(n_frames, units)), n_outputs, dense, dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs), for pictures of shape (n_rows, n_channels, n_bands, n_frames)."""
        outputs: Tensor = self.head(pooled(self.stages(pictures.flatten(1, 2)), self._pooling))
        return outputs


class _Along(nn.Module):
    """Convolution along time → batch normalisation → ReLU, added to what it was given where that is of its width."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, residual: bool) -> None:
        super().__init__()
        # batch normalisation has an offset of its own
        self.convolution = nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(n_out)
        self.residual = residual

    def forward(self, steps: Tensor) -> Tensor:
        """Return steps, shape (n_rows, n_out, n_steps), for steps of shape (n_rows, n_in, n_steps)."""
        found: Tensor = self.norm(self.convolution(steps)).relu()
        return steps + found if self.residual else found


def stages_2d(
    n_channels: int,
    n_bands: int,
    units: Sequence[int],
    *,
    kernel: int,
    dropout: float,
    time_pools: int | None = None,
) -> tuple[nn.Sequential, int]:
    """Return convolution → batch normalisation → ReLU for each layer, with max pooling and dropout after each stage.

    Args:
        n_channels: of the pictures
        n_bands: of the pictures
        units: channels of each convolution
        kernel: bands and frames that a convolution sees, an odd number
        dropout: share of a stage's outputs that a step of training sets to 0
        time_pools: stages at whose end time is halved, as frequency is after each; None: all

    Returns:
        pictures → shape (n_rows, units[-1], n_left, n_steps); and n_left, of the bands
    """
    layers: list[nn.Module] = []
    n_stages = 0
    for (n_in, n_out), last in zip(pairwise([n_channels, *units]), ends_of_stages(units), strict=True):
        # batch normalisation has an offset of its own
        layers += [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        if last:
            frames = 2 if time_pools is None or n_stages < time_pools else 1
            layers += [nn.MaxPool2d((2, frames), ceil_mode=True), nn.Dropout(dropout)]
            n_stages += 1
    return nn.Sequential(*layers), halved(n_bands, units)


def ends_of_stages(units: Sequence[int]) -> list[bool]:
    """Return of each layer whether the one after it is of another width, or there is none."""
    return [one != after for one, after in zip(units, [*units[1:], None], strict=True)]


def halved(n_steps: int, units: Sequence[int]) -> int:
    """Return how many steps, or bands, are left after all stages."""
    return -(-n_steps // (1 << sum(ends_of_stages(units))))


def pooled(steps: Tensor, pooling: Pooling) -> Tensor:
    """Return what goes into a network's dense layers, shape (n_rows, n_features × 1, or × 2 for both, or × n_steps).

    Args:
        steps: shape (n_rows, n_features, n_steps)
        pooling: over steps: mean, maximum, both side by side, or none
    """
    if pooling == "none":
        return steps.flatten(1)
    if pooling == "mean":
        return steps.mean(dim=2)
    if pooling == "max":
        return steps.amax(dim=2)
    return torch.cat([steps.mean(dim=2), steps.amax(dim=2)], dim=1)


def _times(pooling: Pooling, n_steps: int) -> int:
    """Return what pooling multiplies the number of features by."""
    return {"mean": 1, "max": 1, "both": 2, "none": n_steps}[pooling]


def _head(n_features: int, n_outputs: int, dense: int, dropout: float) -> nn.Sequential:
    hidden = [nn.Linear(n_features, dense), nn.ReLU(), nn.Dropout(dropout)] if dense else []
    return nn.Sequential(*hidden, nn.Linear(dense or n_features, n_outputs))
