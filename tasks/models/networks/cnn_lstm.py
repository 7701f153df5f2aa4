"""PyTorch modules of `cnn-lstm`: convolutions over pictures, then a bidirectional LSTM over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from tasks.models.networks.convolutions import stages_2d
from tasks.models.networks.spectrogram_input import SpectrogramInput

Pooling = Literal["last", "mean", "attention"]


class ConvolutionsLstm(nn.Module):
    """Convolutions over frequency and time → bidirectional LSTM over time → pooling → linear, ReLU → linear.

    Args:
        n_channels: of the pictures
        n_bands: of the pictures
        n_outputs: outputs
        units: channels of each convolution; a stage of equal ones ends with max pooling
        kernel: bands and frames of a convolution, an odd number
        time_pools: first stages after which time is halved, as frequency is after each
        hidden: units of the LSTM, per direction
        pooling: of the LSTM's states: the last of each direction, their mean, or their mean weighted by attention
        dropout: rate after each stage, after the LSTM and after the hidden layer
        dense: units of the hidden layer; 0: none
    """

    def __init__(
        self,
        n_channels: int,
        n_bands: int,
        n_outputs: int,
        *,
        units: Sequence[int],
        kernel: int,
        time_pools: int,
        hidden: int,
        pooling: Pooling,
        dropout: float,
        dense: int,
    ) -> None:
        super().__init__()
        self.stages, n_left = stages_2d(
            n_channels, n_bands, units, kernel=kernel, dropout=dropout, time_pools=time_pools
        )
        self.lstm = nn.LSTM(units[-1] * n_left, hidden, batch_first=True, bidirectional=True)
        if pooling == "attention":
            # v · tanh(W h + b): Bahdanau, Cho & Bengio 2015, ICLR, appendix A.1.2, without a decoder's state
            self.score = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        layers = [nn.Linear(2 * hidden, dense), nn.ReLU(), nn.Dropout(dropout)] if dense else []
        self.head = nn.Sequential(nn.Dropout(dropout), *layers, nn.Linear(dense or 2 * hidden, n_outputs))
        self._pooling: Pooling = pooling

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, n_channels, n_bands, n_frames)
        """
        states, last = self._states(pictures)
        if self._pooling == "last":
            pooled = last
        elif self._pooling == "mean":
            pooled = states.mean(dim=1)
        else:
            pooled = torch.einsum("rs,rsf->rf", self._weights(states), states)
        outputs: Tensor = self.head(pooled)
        return outputs

    def attention(self, pictures: Tensor) -> Tensor:
        """Return the weight of every step, shape (n_rows, n_steps), sum 1 per row; only with attention.

        Args:
            pictures: shape (n_rows, n_channels, n_bands, n_frames)
        """
        return self._weights(self._states(pictures)[0])

    def _states(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states of all steps, shape (n_rows, n_steps, 2 × hidden), and the last of either direction."""
        # channels last in memory: a quarter faster on a CPU
        maps = self.stages(pictures.to(memory_format=torch.channels_last))
        states, (last, _) = self.lstm(maps.flatten(1, 2).transpose(1, 2))
        return states, last.transpose(0, 1).flatten(1)

    def _weights(self, states: Tensor) -> Tensor:
        # in full precision: weights are plotted, and must sum to 1
        weights: Tensor = self.score(states).squeeze(-1).float().softmax(dim=1)
        return weights.to(states.dtype)


class AttentionWeights(nn.Module):
    """A trained network whose outputs are its attention weights.

    Args:
        network: a `SpectrogramInput` over `ConvolutionsLstm` with attention
        time_pools: of the network
        n_frames: of a picture
    """

    steps: Tensor
    shares: Tensor

    def __init__(self, network: nn.Module, time_pools: int, n_frames: int) -> None:
        super().__init__()
        self.network = network
        # halving rounds up: the last step may cover fewer frames
        steps = torch.arange(n_frames) // 2**time_pools
        self.register_buffer("steps", steps)
        self.register_buffer("shares", 1 / torch.bincount(steps)[steps])

    def forward(self, steps: Tensor) -> Tensor:
        """Return the weight of every frame, shape (n_rows, n_frames); frames of a step share its weight equally.

        Args:
            steps: as `SpectrogramInput` takes them
        """
        assert isinstance(self.network, SpectrogramInput)
        assert isinstance(self.network.body, ConvolutionsLstm)
        weights = self.network.body.attention(self.network.pictures(steps))
        return weights[:, self.steps] * self.shares
