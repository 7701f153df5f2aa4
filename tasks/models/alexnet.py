"""AlexNet over spectrograms, as modified by the sources: convolutions, sum over positions, dropout, one linear layer.

The sources train it with AdamW for 16 epochs, a clip of its own length per step (`batch_size: 1`, `fit: own`), and clip
gradients to a norm of 1. One of them reports accuracy 0.55 on four classes of IEMOCAP, under a random split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.models.base.estimator import Model
from tasks.models.networks.image_estimator import ImageEstimator, ImageSettings
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from tasks.models.networks.image_network import ImageNetwork


@dataclass(frozen=True)
class AlexNetSettings(ImageSettings):
    """Settings of AlexNet; a picture has 63 bands and 63 frames or more.

    Args:
        learning_rate: not stated by the sources
        checkpoint: with the weights `features` of torchvision's `alexnet`; others are ignored
        dropout: as in the sources
    """

    epochs: int = 16
    learning_rate: float = 1e-4
    optimiser: Literal["adam", "adamw"] = "adamw"
    gradient_clip: float = 1.0
    dropout: float = 0.5


class AlexNet(ImageEstimator):
    """AlexNet's convolutions, summed over all positions."""

    settings: AlexNetSettings

    @property
    def least_size(self) -> int:
        """Bands, and frames, that a picture must have."""
        from tasks.models.networks.alexnet import LEAST_SIZE

        return LEAST_SIZE

    def _untrained(self, n_outputs: int) -> ImageNetwork:
        from tasks.models.networks.alexnet import AlexNetModule

        return AlexNetModule(n_outputs, dropout=self.settings.dropout)


MODELS: tuple[Model, ...] = (
    network_model(
        "alexnet", "AlexNet over spectrograms, summed over positions", AlexNet, AlexNetSettings, {"sequence"}
    ),
)
