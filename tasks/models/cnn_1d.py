"""One-dimensional convolutional networks of 3, 5 or 8 layers: those of the benchmark "ser-bench".

The source convolves along a clip's averaged features: 40 of them, 13 averaged over time, or 13 averaged over frequency,
with one channel, over RAVDESS with 6 classes and early stopping. It tells the numbers of layers (3, 5 and 8), and not
what a layer is. Of sequences, which it does not take, convolutions go along time here, with the bands (of every channel
of the picture) as channels.

Chosen here, for vectors and sequences alike:

- A layer is a convolution over 5 steps, batch normalisation (Ioffe & Szegedy 2015, ICML) and ReLU. From the second on
  it adds its outcome to what it was given, where both have the same width (He et al. 2016, CVPR).
- Layers of equal width are a stage, which ends with max pooling by 2 and dropout. Pooling rounds up, so that a step is
  always left: 13 features become 7, 4 and 2.
- What is left of time is pooled into its mean and its maximum; what is left of a vector's features is not pooled, for
  time may be anywhere, but the third coefficient is the third.

Residual connections, pooling into both and the hidden layer go beyond the source; `residual: false`, `pooling: mean`
and `dense: 0` leave them out.

Shapes, for 64 bands × 300 frames, 1 channel, 8 classes (channels × steps); with stages set apart by `|`:

    layers 3                  layers 5                  layers 8
    picture         64 × 300  picture         64 × 300  picture         64 × 300
    1 |             64 × 150  1 |             64 × 150  1, 2 |          64 × 150
    2 |            128 ×  75  2, 3 |         128 ×  75  3, 4, 5 |      128 ×  75
    3 |            256 ×  38  4, 5 |         256 ×  38  6, 7, 8 |      256 ×  38
    mean, maximum        512  mean, maximum        512  mean, maximum        512
    linear, ReLU          64  linear, ReLU          64  linear, ReLU          64
    linear                 8  linear                 8  linear                 8
    parameters       259,528  parameters       669,896  parameters     1,100,872

A vector of 13 features is a picture of 1 × 13; stages leave 64 × 7, 128 × 4 and 256 × 2, that is 512 for the dense
layer; one of 40 leaves 256 × 5, that is 1,280.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from tasks.models.base.estimator import Model, reading
from tasks.models.networks.convolutional_settings import ConvolutionalSettings, units_of
from tasks.models.networks.spectrogram_estimator import TAKES, SpectrogramEstimator

if TYPE_CHECKING:
    from torch import nn

UNITS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {3: (64, 128, 256), 5: (64, 128, 128, 256, 256), 8: (64, 64, 128, 128, 128, 256, 256, 256)}
)
"""Layers → channels of each."""


@dataclass(frozen=True)
class Cnn1dSettings(ConvolutionalSettings):
    """Settings of the one-dimensional network, beside those of `ConvolutionalSettings`.

    Args:
        kernel: steps that a convolution sees, an odd number
        layers: convolutions
        residual: whether a convolution after the first adds to what it is given, where both have the same width
        pooling: of sequences, over what is left of time: `mean`, `max`, or `both` side by side
    """

    kernel: int = 5
    layers: Literal[3, 5, 8] = 3
    residual: bool = True
    pooling: Literal["mean", "max", "both"] = "both"

    def __post_init__(self) -> None:
        super().__post_init__()
        units_of(self.units, self.layers, UNITS)


class Cnn1d(SpectrogramEstimator):
    """Convolutions along time, or along the features of a vector."""

    settings: Cnn1dSettings

    def body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network with first weights."""
        from tasks.models.networks.convolutions import Convolutions1d

        settings = self.settings
        return Convolutions1d(
            n_channels * n_bands,
            n_frames,
            n_outputs,
            units=units_of(settings.units, settings.layers, UNITS),
            kernel=settings.kernel,
            residual=settings.residual,
            dropout=settings.dropout,
            # of a vector, which feature it is matters
            pooling="none" if n_bands == 1 else settings.pooling,
            dense=settings.dense,
        )


MODELS: tuple[Model, ...] = (
    Model(
        name="cnn-1d",
        title="Convolutional network along time or along a vector's features, 3, 5 or 8 layers, from scratch",
        takes=TAKES,
        settings=Cnn1dSettings,
        make=Cnn1d,
        load=reading(Cnn1d),
        tasks=frozenset({"classes", "labels", "values"}),
        in_epochs=True,
    ),
)
