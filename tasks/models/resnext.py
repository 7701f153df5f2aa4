"""ResNeXt-50 (32×4d) over spectrograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.models.base.estimator import Model
from tasks.models.networks.image_estimator import BlockImageSettings, ImageEstimator
from tasks.models.networks.spectrogram_estimator import TAKES
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from tasks.models.networks.image_network import ImageNetwork


@dataclass(frozen=True)
class ResNeXtSettings(BlockImageSettings):
    """Settings of a ResNeXt; pictures may have any size.

    Args:
        checkpoint: with the names of torchvision's `resnext50_32x4d`
        blocks: in each stage; (3, 4, 6, 3) is ResNeXt-50
    """


class ResNeXt(ImageEstimator):
    """Residual blocks of 32 paths, mean over positions, linear."""

    settings: ResNeXtSettings

    def _untrained(self, n_outputs: int) -> ImageNetwork:
        from tasks.models.networks.resnext import ResNeXtModule

        return ResNeXtModule(n_outputs, blocks=self.settings.blocks, dropout=self.settings.dropout)


MODELS: tuple[Model, ...] = (
    network_model("resnext", "ResNeXt-50 (32×4d) over spectrograms", ResNeXt, ResNeXtSettings, TAKES),
)
