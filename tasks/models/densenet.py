"""DenseNet-201 over spectrograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.models.base.checks import above_zero
from tasks.models.base.estimator import Model
from tasks.models.networks.image_estimator import BlockImageSettings, ImageEstimator
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from tasks.models.networks.image_network import ImageNetwork


@dataclass(frozen=True)
class DenseNetSettings(BlockImageSettings):
    """Settings of a DenseNet; a picture has 29 bands and 29 frames or more.

    Args:
        checkpoint: with the names of torchvision's `densenet201`, old or new
        blocks: layers in each block; with 3, 2 or 1 blocks, 13, 5 or 1 bands and frames suffice
        growth: channels that a layer adds
    """

    blocks: tuple[int, ...] = (6, 12, 48, 32)
    growth: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("growth", self.growth)


class DenseNet(ImageEstimator):
    """Dense blocks, mean over positions, linear."""

    settings: DenseNetSettings

    @property
    def least_size(self) -> int:
        """Bands, and frames, that a picture must have."""
        from tasks.models.networks.densenet import least_size

        return least_size(len(self.settings.blocks))

    def _untrained(self, n_outputs: int) -> ImageNetwork:
        from tasks.models.networks.densenet import DenseNetModule

        settings = self.settings
        return DenseNetModule(n_outputs, blocks=settings.blocks, growth=settings.growth, dropout=settings.dropout)


MODELS: tuple[Model, ...] = (
    network_model("densenet", "DenseNet-201 over spectrograms", DenseNet, DenseNetSettings, {"sequence"}),
)
