"""AlexNet over spectrograms, as the sources change it: convolutions, sum over positions, dropout, one linear layer.

The sources train it with AdamW for 16 epochs, a clip per step, and clip gradients to a norm of 1; here a step is a
batch.
One of them reports accuracy 0.55 on four classes of IEMOCAP, under a random split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.models.base.estimator import Model, reading
from tasks.models.networks.image_estimator import ImageEstimator, ImageSettings

if TYPE_CHECKING:
    from tasks.models.networks.image_network import ImageNetwork


@dataclass(frozen=True)
class AlexNetSettings(ImageSettings):
    """Settings of AlexNet, beside those of all image networks; a picture has 63 bands and 63 frames or more.

    Args:
        learning_rate: the sources do not tell theirs
        checkpoint: holds what torchvision's `alexnet` calls `features`; the rest of it is left where it is
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
        """How many bands, and how many frames, a picture must have."""
        from tasks.models.networks.alexnet import LEAST_SIZE

        return LEAST_SIZE

    def bare(self, n_outputs: int) -> ImageNetwork:
        """Return the network with first weights."""
        from tasks.models.networks.alexnet import AlexNetModule

        return AlexNetModule(n_outputs, dropout=self.settings.dropout)


MODELS: tuple[Model, ...] = (
    Model(
        name="alexnet",
        title="AlexNet over spectrograms, summed over positions",
        takes=frozenset({"sequence"}),
        settings=AlexNetSettings,
        make=AlexNet,
        load=reading(AlexNet),
        tasks=frozenset({"classes", "labels", "values"}),
        in_epochs=True,
    ),
)
