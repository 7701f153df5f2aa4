"""One-dimensional convolutional networks of 3, 5 or 8 layers: those of the benchmark "ser-bench".

The source convolves along a clip's averaged features (40 of them, 13 averaged over time, or 13 averaged over frequency)
with one channel, over RAVDESS with 6 classes and early stopping. It states the numbers of layers (3, 5 and 8), but not
what a layer is. For sequences, which it does not cover, we convolve along time; frequency bands (of every channel of
the picture) are the input channels.

Our choices, for vectors and sequences:

- A layer is a convolution over 5 steps, batch normalisation (Ioffe & Szegedy 2015, ICML) and ReLU, from the second on
  with a residual connection where widths are equal (He et al. 2016, CVPR).
- Consecutive layers of equal width form a stage, which ends with max pooling by 2 and dropout. Pooling rounds up, so
  that a step is always left: 13 features become 7, 4 and 2.
- The remaining steps of a sequence are pooled into mean and maximum, those of a vector are not: position in time
  carries no meaning; position along the feature vector does.

Residual connections, pooling into both and the hidden layer are not in the source; `residual: false`, `pooling: mean`
and `dense: 0` remove them.

Shapes, for 64 bands × 300 frames, 1 channel, 8 classes (channels × steps); `|` ends a stage:

    layers 3                  layers 5                  layers 8
    picture         64 × 300  picture         64 × 300  picture         64 × 300
    1 |             64 × 150  1 |             64 × 150  1, 2 |          64 × 150
    2 |            128 ×  75  2, 3 |         128 ×  75  3, 4, 5 |      128 ×  75
    3 |            256 ×  38  4, 5 |         256 ×  38  6, 7, 8 |      256 ×  38
    mean, maximum        512  mean, maximum        512  mean, maximum        512
    linear, ReLU          64  linear, ReLU          64  linear, ReLU          64
    linear                 8  linear                 8  linear                 8
    parameters       259,528  parameters       669,896  parameters     1,100,872

A vector of 13 features is a picture of 1 × 13; stages give 64 × 7, 128 × 4 and 256 × 2, so the dense layer has 512
inputs; with 40 features it has 256 × 5 = 1,280.
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

_UNITS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {3: (64, 128, 256), 5: (64, 128, 128, 256, 256), 8: (64, 64, 128, 128, 128, 256, 256, 256)}
)
"""Layers → channels of each."""


@dataclass(frozen=True)
class Cnn1dSettings(ConvolutionalSettings):
    """Settings of the one-dimensional network.

    Args:
        kernel: steps of a convolution, an odd number
        layers: convolutions
        residual: whether convolutions after the first have a residual connection, where widths are equal
        pooling: of sequences, over the remaining time: `mean`, `max`, or `both` side by side
    """

    kernel: int = 5
    layers: Literal[3, 5, 8] = 3
    residual: bool = True
    pooling: Literal["mean", "max", "both"] = "both"

    def __post_init__(self) -> None:
        super().__post_init__()
        units_of(self.units, self.layers, _UNITS)


class Cnn1d(SpectrogramEstimator):
    """Convolutions along time, or along the features of a vector."""

    settings: Cnn1dSettings

    def _body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.convolutions import Convolutions1d

        settings = self.settings
        return Convolutions1d(
            n_channels * n_bands,
            n_frames,
            n_outputs,
            units=units_of(settings.units, settings.layers, _UNITS),
            kernel=settings.kernel,
            residual=settings.residual,
            dropout=settings.dropout,
            # position along a vector carries meaning
            pooling="none" if n_bands == 1 else settings.pooling,
            dense=settings.dense,
        )


MODELS: tuple[Model, ...] = (
    network_model(
        "cnn-1d",
        "Convolutional network along time or along a vector's features, 3, 5 or 8 layers, from scratch",
        Cnn1d,
        Cnn1dSettings,
        TAKES,
    ),
)
