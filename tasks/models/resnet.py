"""ResNet-34 and ResNet-50 over spectrograms.

The sources use both through fastai: first the head alone, for 5 epochs with a one-cycle rate of 1e-3, then the whole
network, with lower rates for lower stages. Here that is `head_epochs`, `schedule: one-cycle` (a single cycle over both,
or a second one with `second_learning_rate`), `layer_decay` and, for the details, `head: fastai`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.core.errors import InputError
from tasks.models.base.estimator import Model
from tasks.models.networks.image_estimator import BlockImageSettings, ImageEstimator, read_into
from tasks.models.networks.spectrogram_estimator import TAKES
from tasks.models.training.network import network_model

if TYPE_CHECKING:
    from tasks.models.networks.image_network import ImageNetwork

_CONFIG = "config.json"


@dataclass(frozen=True)
class ResNetSettings(BlockImageSettings):
    """Settings of a ResNet; pictures may have any size.

    Args:
        checkpoint: a folder saved by transformers, or name on the Hugging Face hub, such as `microsoft/resnet-34`; its
            depth and blocks must be those set
        depth: 34: a block is two 3×3 convolutions; 50: 1×1, 3×3, 1×1
        blocks: in each stage; (3, 4, 6, 3) makes up that depth
        head: `linear`: mean over positions, dropout, one linear layer; `fastai`: as `vision_learner` has it: maxima and
            means over positions, two layers with batch normalisation and dropout; lower and upper half of the body have
            one learning rate each; batch normalisation is trained while the body is frozen; a fusion gets sums over
            positions
    """

    depth: Literal[34, 50] = 34
    head: Literal["linear", "fastai"] = "linear"


class ResNet(ImageEstimator):
    """Residual blocks, mean over positions, linear."""

    settings: ResNetSettings

    def _untrained(self, n_outputs: int) -> ImageNetwork:
        from tasks.models.networks.resnet import ResNetModule

        settings = self.settings
        return ResNetModule(
            n_outputs,
            bottleneck=settings.depth == 50,
            blocks=settings.blocks,
            dropout=settings.dropout,
            head=settings.head,
        )

    def _load_checkpoint(self, network: ImageNetwork) -> None:
        from tasks.features.base import checkpoints
        from tasks.models.networks.resnet import ResNetModule

        assert isinstance(network, ResNetModule)
        name = self.settings.checkpoint
        folder = checkpoints.folder_of(name)
        config = json.loads(Path(folder, _CONFIG).read_text(encoding="utf-8"))
        if (kind := config.get("model_type")) != "resnet":
            raise InputError(f"checkpoint {name} is a {kind} model; expected a resnet, such as microsoft/resnet-34")
        if differing := network.differs_from(config):
            raise InputError(
                f"checkpoint {name} is another ResNet than depth {self.settings.depth} with blocks "
                f"{self.settings.blocks}: {', '.join(differing)}; set depth and blocks to those of the checkpoint"
            )
        read_into(network, checkpoints.weights_file(folder), name)


MODELS: tuple[Model, ...] = (
    network_model("resnet", "ResNet-34 or ResNet-50 over spectrograms", ResNet, ResNetSettings, TAKES),
)
