"""PyTorch module of ResNet: the body of transformers, with a new head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from tasks.features.base import checkpoints
from tasks.models.networks.image_network import ImageNetwork

_STEM = 64
_EXPANSION = 4
_BODY = "resnet."
_SHAPED_BY = (
    "layer_type",
    "depths",
    "hidden_sizes",
    "embedding_size",
    "num_channels",
    "hidden_act",
    "downsample_in_first_stage",
    "downsample_in_bottleneck",
)
"""Fields of a configuration that determine the network."""


class ResNetModule(ImageNetwork):
    """Stem, stages of residual blocks, mean over positions, dropout, linear.

    He et al. (2016), "Deep residual learning for image recognition", CVPR, table 1; each stage after the first halves
    the picture in the first 3×3 convolution of its first block, and doubles the channels. Weights have the names of
    transformers' `ResNetForImageClassification`.

    Args:
        n_outputs: outputs
        bottleneck: whether a block is 1×1, 3×3, 1×1 (ResNet-50) instead of two 3×3 (ResNet-34)
        blocks: in each stage; (3, 4, 6, 3) is both ResNet-34 and ResNet-50
        dropout: rate before the linear layer

    Raises:
        InputError: if transformers is not installed
    """

    def __init__(
        self, n_outputs: int, *, bottleneck: bool = False, blocks: Sequence[int] = (3, 4, 6, 3), dropout: float = 0.0
    ) -> None:
        super().__init__()
        library = checkpoints.transformers()
        self.resnet = library.ResNetModel(
            library.ResNetConfig(
                layer_type="bottleneck" if bottleneck else "basic",
                embedding_size=_STEM,
                hidden_sizes=[_STEM * 2**stage * (_EXPANSION if bottleneck else 1) for stage in range(len(blocks))],
                depths=list(blocks),
            )
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.resnet.config.hidden_sizes[-1], n_outputs))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 3, n_bands, n_frames)
        """
        outputs: Tensor = self.classifier(self.resnet(pictures).pooler_output.flatten(1))
        return outputs

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem, then each stage."""
        return [[self.resnet.embedder], *([stage] for stage in self.resnet.encoder.stages)]

    def head(self) -> nn.Module:
        """Return dropout and the linear layer."""
        return self.classifier

    @staticmethod
    def renamed(names: list[str]) -> dict[str, str]:
        """Return names in a file → names in this network; files of a `ResNetModel` lack the prefix of the body.

        Args:
            names: all names in the file
        """
        lacks_prefix = not any(name.startswith(_BODY) for name in names)
        return {name: f"{_BODY}{name}" if lacks_prefix else name for name in names}

    def differs_from(self, config: Mapping[str, Any]) -> list[str]:
        """Return the differences of a checkpoint's configuration, such as "depths [2] (here [1])".

        Args:
            config: of the checkpoint
        """
        other, own = checkpoints.transformers().ResNetConfig.from_dict(dict(config)), self.resnet.config
        return [
            f"{name} {getattr(other, name)} (here {getattr(own, name)})"
            for name in _SHAPED_BY
            if getattr(other, name) != getattr(own, name)
        ]
