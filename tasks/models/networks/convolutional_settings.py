"""Settings shared by the convolutional networks that are trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.models.base.checks import above_zero, demand_share
from tasks.models.networks.spectrogram_estimator import SpectrogramNetworkSettings


@dataclass(frozen=True)
class ConvolutionalSettings(SpectrogramNetworkSettings):
    """Settings of a convolutional network, its spectrograms and its training.

    Args:
        epochs: at most; with development rows, `patience` ends training
        patience: the source stops early, with unknown patience
        units: channels of each convolution; empty: those that the model's module states. Consecutive layers of equal
            width form a stage, which ends with max pooling
        kernel: steps (and bands) of a convolution, an odd number
        dropout: after each stage and after the hidden layer
        dense: units of the hidden layer before the outputs; 0: none
    """

    epochs: int = 60
    patience: int = 10
    units: tuple[int, ...] = ()
    kernel: int = 3
    dropout: float = 0.3
    dense: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for units in self.units:
            above_zero("units", units)
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be an odd number above 0, so that a step has its middle: {self.kernel}")
        demand_share("dropout", self.dropout)
        if self.dense < 0:
            raise ValueError(f"dense must be 0 (no hidden layer) or more, found {self.dense}")
        if self.batch_size < 2:
            raise ValueError("batch_size must be 2 or more: there is batch normalisation")


def units_of(units: tuple[int, ...], layers: int, usual: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the channels of each layer.

    Args:
        units: as set; empty: the usual ones
        layers: their number
        usual: number of layers → channels of each

    Raises:
        ValueError: if `units` has another number of layers
    """
    if units and len(units) != layers:
        raise ValueError(f"units must have {layers} entries (layers), found {len(units)}: set one of the two")
    return units or usual[layers]
