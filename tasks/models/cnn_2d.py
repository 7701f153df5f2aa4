"""Two-dimensional convolutional networks over spectrograms, of 2 or 6 layers: those of the benchmark "ser-bench".

The source has a "2D CNN Model 1 (2 layers)" and a "Model 2 (6 layers)", over RAVDESS with 6 classes, 40 features and
early stopping, and does not state what a layer is. Our choices, for log-mel spectrograms on one core:

- A layer is a convolution 3 × 3 (Simonyan & Zisserman 2015, ICLR), batch normalisation (Ioffe & Szegedy 2015, ICML)
  and ReLU. Channels double from 16 on wherever the picture is halved, so that no layer dominates the computation.
- Consecutive layers of equal width form a stage, which ends with max pooling 2 × 2 (rounding up, for any size) and
  dropout.
- The remaining time is pooled into mean and maximum, the remaining bands stay apart: 1,024 features from a spectrogram
  of 300 × 64, where flattening would give 38,400. Position in time carries no meaning; position along a feature vector
  does, so vectors are flattened.

Shapes, for 64 bands × 300 frames, 1 channel, 8 classes (channels × bands × frames):

    layers 2                       layers 6
    picture          1 × 64 × 300  picture          1 × 64 × 300
    convolution 1   16 × 64 × 300  convolution 1   16 × 64 × 300
    pooling         16 × 32 × 150  pooling         16 × 32 × 150
    convolution 2   32 × 32 × 150  convolution 2   32 × 32 × 150
    pooling         32 × 16 ×  75  pooling         32 × 16 ×  75
                                   convolution 3   64 × 16 ×  75
                                   convolution 4   64 × 16 ×  75
                                   pooling         64 ×  8 ×  38
                                   convolution 5  128 ×  8 ×  38
                                   convolution 6  128 ×  8 ×  38
                                   pooling        128 ×  4 ×  19
    mean, maximum           1,024  mean, maximum           1,024
    linear, ReLU               64  linear, ReLU               64
    linear                      8  linear                      8
    parameters             70,968  parameters            348,216
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from tasks.models.base.estimator import Model
from tasks.models.networks.convolutional_settings import ConvolutionalSettings, units_of
from tasks.models.networks.spectrogram_estimator import TAKES, SpectrogramEstimator
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from torch import nn

_UNITS: Mapping[int, tuple[int, ...]] = MappingProxyType({2: (16, 32), 6: (16, 32, 64, 64, 128, 128)})
"""Layers → channels of each."""


@dataclass(frozen=True)
class Cnn2dSettings(ConvolutionalSettings):
    """Settings of the two-dimensional network.

    Args:
        layers: convolutions
        pooling: of sequences, over the remaining time: `mean`, `max`, or `both` side by side
        keep_bands: whether the remaining bands stay apart; else they are pooled with time, and pitch matters less
    """

    layers: Literal[2, 6] = 2
    pooling: Literal["mean", "max", "both"] = "both"
    keep_bands: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        units_of(self.units, self.layers, _UNITS)


class Cnn2d(SpectrogramEstimator):
    """Convolutions over frequency and time; vectors are pictures of one band."""

    settings: Cnn2dSettings

    def _body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.convolutions import Convolutions2d

        settings = self.settings
        return Convolutions2d(
            n_channels,
            n_bands,
            n_frames,
            n_outputs,
            units=units_of(settings.units, settings.layers, _UNITS),
            kernel=settings.kernel,
            dropout=settings.dropout,
            # position along a vector carries meaning
            pooling="none" if n_bands == 1 else settings.pooling,
            keep_bands=settings.keep_bands,
            dense=settings.dense,
        )


MODELS: tuple[Model, ...] = (
    network_model(
        "cnn-2d",
        "Convolutional network over frequency and time, 2 or 6 layers, from scratch",
        Cnn2d,
        Cnn2dSettings,
        TAKES,
    ),
)
