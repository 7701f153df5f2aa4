"""Convolutions, then an LSTM over time, with or without attention: CNN+LSTM and CNN+LSTM+Attention of "ser-bench".

The source names both, on spectrograms of IEMOCAP, and states neither layers nor results. Our choices:

- Three convolutions 3 × 3, each with batch normalisation (Ioffe & Szegedy 2015, ICML), ReLU, max pooling and dropout.
  Pooling halves frequency each time and time twice only, rounding up: a step of the LSTM is 4 frames.
- One bidirectional LSTM (Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005), 128 units per direction, over the
  remaining time, with channels and bands side by side.
- With attention, the mean of its states weighted by softmax over v · tanh(W h + b), the additive score of Bahdanau, Cho
  & Bengio (2015, ICLR) without a decoder's state. Without, the last state of each direction, or the mean.

Shapes, for 64 bands × 300 frames, 1 channel, 8 classes (channels × bands × frames):

    picture                  1 × 64 × 300
    convolution 1, pooling  16 × 32 × 150
    convolution 2, pooling  32 × 16 ×  75
    convolution 3, pooling  64 ×  8 ×  75
    steps                        75 × 512
    LSTM, both directions        75 × 256
    last, mean, or attention          256
    linear, ReLU                       64
    linear                              8
    parameters                    697,784, and with attention 33,024 more

The LSTM also reads the quiet frames that pad shorter rows: the last state of the forward direction comes after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.models.base.checks import above_zero
from tasks.models.base.estimator import Inputs, Model
from tasks.models.networks.convolutional_settings import ConvolutionalSettings
from tasks.models.networks.spectrogram_estimator import TAKES, SpectrogramEstimator, demand_layers
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class CnnLstmSettings(ConvolutionalSettings):
    """Settings of convolutions and LSTM.

    Args:
        units: channels of each convolution
        time_pools: first stages after which time is halved, as frequency is after each
        hidden: units of the LSTM, per direction
        attention: whether states are weighted by a learned score per step
        pooling: without attention: the `last` state of each direction, or the `mean`
    """

    units: tuple[int, ...] = (16, 32, 64)
    time_pools: int = 2
    hidden: int = 128
    attention: bool = False
    pooling: Literal["last", "mean"] = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_layers("units", self.units)
        above_zero("hidden", self.hidden)
        n_stages = sum(width != after for width, after in zip(self.units, [*self.units[1:], None], strict=True))
        if not 0 <= self.time_pools <= n_stages:
            raise ValueError(f"time_pools must be 0 to {n_stages}, the stages of units, found {self.time_pools}")


class CnnLstm(SpectrogramEstimator):
    """Convolutions over frequency and time, then a bidirectional LSTM over time."""

    settings: CnnLstmSettings

    def _body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.cnn_lstm import ConvolutionsLstm

        settings = self.settings
        return ConvolutionsLstm(
            n_channels,
            n_bands,
            n_outputs,
            units=settings.units,
            kernel=settings.kernel,
            time_pools=settings.time_pools,
            hidden=settings.hidden,
            pooling="attention" if settings.attention else settings.pooling,
            dropout=settings.dropout,
            dense=settings.dense,
        )

    def attention(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the attention weight of each frame, after `fit`.

        Frames are those of the network's input: the middle of longer rows, and shorter rows with their padding. Frames
        of a step share its weight equally.

        Args:
            inputs: n_rows rows

        Returns:
            shape (n_rows, n_frames); sum 1 per row

        Raises:
            ConfigError: if there is no attention
            InputError: if there is not exactly one block
        """
        if not self.settings.attention:
            raise ConfigError("this cnn-lstm was trained without attention; train it with attention: true")
        n_frames = self.shape["n_frames"]
        if not len(inputs):
            return np.empty((0, n_frames))
        from tasks.models.networks.cnn_lstm import AttentionWeights
        from tasks.models.training import inference

        network = AttentionWeights(self.networks_[0], self.settings.time_pools, n_frames)
        weights = inference.logits(network, self.examples(inputs), self.settings)
        # sums of a softmax in float32 are 1 ± 1e-6
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


MODELS: tuple[Model, ...] = (
    network_model(
        "cnn-lstm",
        "Convolutions, then a bidirectional LSTM over time, with attention or without, from scratch",
        CnnLstm,
        CnnLstmSettings,
        TAKES,
    ),
)
