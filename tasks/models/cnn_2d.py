"""Two-dimensional convolutional networks over spectrograms, of 2 or 6 layers: those of the benchmark "ser-bench".

The source has a "2D CNN Model 1 (2 layers)" and a "Model 2 (6 layers)", over RAVDESS with 6 classes, 40 features and
early stopping, and tells of neither what a layer is. Chosen here, for log-mel spectrograms on one core:

- A layer is a convolution 3 × 3 (Simonyan & Zisserman 2015, ICLR), batch normalisation (Ioffe & Szegedy 2015, ICML)
  and ReLU. Channels double from 16 on wherever the picture is halved, so that no layer dominates the computation.
- Layers of equal width are a stage, which ends with max pooling 2 × 2 (rounding up: any size goes through) and dropout.
- What is left of time is pooled into its mean and its maximum, while what is left of the bands stays apart: 1,024
  features from a spectrogram of 300 × 64, where flattening all would give 38,400; and where in time something
  happens should not matter. Which feature of a vector it is does matter: vectors are flattened.

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

from tasks.models.base.estimator import Model, reading
from tasks.models.networks.convolutional_settings import ConvolutionalSettings, units_of
from tasks.models.networks.spectrogram_estimator import TAKES, SpectrogramEstimator

if TYPE_CHECKING:
    from torch import nn

UNITS: Mapping[int, tuple[int, ...]] = MappingProxyType({2: (16, 32), 6: (16, 32, 64, 64, 128, 128)})
"""Layers → channels of each."""


@dataclass(frozen=True)
class Cnn2dSettings(ConvolutionalSettings):
    """Settings of the two-dimensional network, beside those of `ConvolutionalSettings`.

    Args:
        layers: convolutions
        pooling: of sequences, over what is left of time: `mean`, `max`, or `both` side by side
        keep_bands: whether what is left of the bands stays apart; else it is pooled with time, and pitch matters less
    """

    layers: Literal[2, 6] = 2
    pooling: Literal["mean", "max", "both"] = "both"
    keep_bands: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        units_of(self.units, self.layers, UNITS)


class Cnn2d(SpectrogramEstimator):
    """Convolutions over frequency and time; vectors are pictures of one band."""

    settings: Cnn2dSettings

    def body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network with first weights."""
        from tasks.models.networks.convolutions import Convolutions2d

        settings = self.settings
        return Convolutions2d(
            n_channels,
            n_bands,
            n_frames,
            n_outputs,
            units=units_of(settings.units, settings.layers, UNITS),
            kernel=settings.kernel,
            dropout=settings.dropout,
            # of a vector, which feature it is matters
            pooling="none" if n_bands == 1 else settings.pooling,
            keep_bands=settings.keep_bands,
            dense=settings.dense,
        )


MODELS: tuple[Model, ...] = (
    Model(
        name="cnn-2d",
        title="Convolutional network over frequency and time, 2 or 6 layers, from scratch",
        takes=TAKES,
        settings=Cnn2dSettings,
        make=Cnn2d,
        load=reading(Cnn2d),
        tasks=frozenset({"classes", "labels", "values"}),
        in_epochs=True,
    ),
)
