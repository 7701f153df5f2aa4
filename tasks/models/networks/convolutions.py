"""PyTorch modules of the convolutional networks over pictures: in two dimensions, and along time only.

Consecutive layers of equal width form a stage; at its end, time (and frequency) is halved. Halving rounds up, so that a
step is always left, and pictures of any size can be processed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["mean", "max", "both", "none"]


class Convolutions2d(nn.Module):
    """Convolutions over frequency and time → pooling over the remaining time → linear, ReLU → linear.

    Args:
        n_channels: of the pictures
        n_bands: of the pictures
        n_frames: of the pictures
        n_outputs: outputs
        units: channels of each convolution; a stage of equal ones ends with max pooling, 2 × 2
        kernel: bands and frames of a convolution, an odd number
        dropout: rate after each stage and after the hidden layer
        pooling: over time: mean, maximum, both side by side, or none: all steps side by side
        keep_bands: whether the remaining bands stay apart; else they are pooled like time
        dense: units of the hidden layer; 0: none
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
        n_steps = _halved(n_frames, units) * (1 if keep_bands else n_left)
        self.head = _head(n_features * _times(pooling, n_steps), n_outputs, dense, dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, n_channels, n_bands, n_frames)
        """
        # channels last in memory: a quarter faster on a CPU
        maps: Tensor = self.stages(pictures.to(memory_format=torch.channels_last))
        steps = maps.flatten(1, 2) if self._keep_bands else maps.flatten(2)
        outputs: Tensor = self.head(pooled(steps, self._pooling))
        return outputs


class Convolutions1d(nn.Module):
    """Convolutions along time, bands and channels side by side → pooling over time → linear, ReLU → linear.

    Args:
        n_features: channels × bands of the pictures
        n_frames: of the pictures
        n_outputs: outputs
        units: channels of each convolution; a stage of equal ones ends with max pooling by 2
        kernel: steps of a convolution, an odd number
        residual: whether convolutions after the first have a residual connection, where widths are equal
        dropout: rate after each stage and after the hidden layer
        pooling: over time: mean, maximum, both side by side, or none: all steps side by side
        dense: units of the hidden layer; 0: none
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
        for (n_in, n_out), last in zip(pairwise([n_features, *units]), _ends_of_stages(units), strict=True):
            # not in the first layer: its inputs are bands, which equal the width by coincidence only
            layers.append(_TimeConvolution(n_in, n_out, kernel, residual=residual and n_in == n_out and bool(layers)))
            if last:
                layers += [nn.MaxPool1d(2, ceil_mode=True), nn.Dropout(dropout)]
        self.stages = nn.Sequential(*layers)
        self._pooling: Pooling = pooling
        self.head = _head(units[-1] * _times(pooling, _halved(n_frames, units)), n_outputs, dense, dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, n_channels, n_bands, n_frames)
        """
        outputs: Tensor = self.head(pooled(self.stages(pictures.flatten(1, 2)), self._pooling))
        return outputs


class _TimeConvolution(nn.Module):
    """Convolution along time → batch normalisation → ReLU, perhaps with a residual connection."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, residual: bool) -> None:
        super().__init__()
        # no bias: batch normalisation has its own
        self.convolution = nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(n_out)
        self.residual = residual

    def forward(self, steps: Tensor) -> Tensor:
        """Return steps, shape (n_rows, n_out, n_steps), for steps of shape (n_rows, n_in, n_steps)."""
        convolved: Tensor = self.norm(self.convolution(steps)).relu()
        return steps + convolved if self.residual else convolved


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
        kernel: bands and frames of a convolution, an odd number
        dropout: rate after each stage
        time_pools: first stages after which time is halved, as frequency is after each; None: all

    Returns:
        module: pictures → shape (n_rows, units[-1], n_left, n_steps); and n_left, the remaining bands
    """
    layers: list[nn.Module] = []
    n_stages = 0
    for (n_in, n_out), last in zip(pairwise([n_channels, *units]), _ends_of_stages(units), strict=True):
        # no bias: batch normalisation has its own
        layers += [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        if last:
            frames = 2 if time_pools is None or n_stages < time_pools else 1
            layers += [nn.MaxPool2d((2, frames), ceil_mode=True), nn.Dropout(dropout)]
            n_stages += 1
    return nn.Sequential(*layers), _halved(n_bands, units)


def pooled(steps: Tensor, pooling: Pooling) -> Tensor:
    """Return the input of a network's dense layers.

    Args:
        steps: shape (n_rows, n_features, n_steps)
        pooling: over steps: mean, maximum, both side by side, or none

    Returns:
        shape (n_rows, n_features × 1, or × 2 for both, or × n_steps for none)
    """
    if pooling == "none":
        return steps.flatten(1)
    if pooling == "mean":
        return steps.mean(dim=2)
    if pooling == "max":
        return steps.amax(dim=2)
    return torch.cat([steps.mean(dim=2), steps.amax(dim=2)], dim=1)


def _ends_of_stages(units: Sequence[int]) -> list[bool]:
    """Return of each layer whether it is the last one of its width."""
    return [width != after for width, after in zip(units, [*units[1:], None], strict=True)]


def _halved(n_steps: int, units: Sequence[int]) -> int:
    """Return how many steps, or bands, are left after all stages."""
    return -(-n_steps // (1 << sum(_ends_of_stages(units))))


def _times(pooling: Pooling, n_steps: int) -> int:
    """Return by what pooling multiplies the number of features."""
    return {"mean": 1, "max": 1, "both": 2, "none": n_steps}[pooling]


def _head(n_features: int, n_outputs: int, dense: int, dropout: float) -> nn.Sequential:
    hidden = [nn.Linear(n_features, dense), nn.ReLU(), nn.Dropout(dropout)] if dense else []
    return nn.Sequential(*hidden, nn.Linear(dense or n_features, n_outputs))
