"""PyTorch module of ResNet: the body of transformers, with a new head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tasks.features.base import checkpoints
from tasks.models.networks.image_network import ImageNetwork
from tasks.models.training.inference import EmbeddingTap

Head = Literal["linear", "fastai"]
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


class FastaiHead(nn.Sequential):
    """The head that fastai's `vision_learner` puts on a body by default (`create_head`, fastai 2.7).

    Maxima and means over positions → batch normalisation → dropout of half the rate → dense → ReLU → batch
    normalisation → dropout → linear, both layers without bias, initial weights by He et al. (2015).

    Args:
        n_features: channels of the body
        n_outputs: outputs
        dropout: rate before the last layer
        hidden: outputs of the dense layer
    """

    def __init__(self, n_features: int, n_outputs: int, *, dropout: float, hidden: int = 512) -> None:
        super().__init__(
            nn.BatchNorm1d(2 * n_features),
            nn.Dropout(dropout / 2),
            nn.Linear(2 * n_features, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_outputs, bias=False),
        )
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            maps: of the body, shape (n_rows, n_features, n_bands, n_frames)
        """
        vectors = torch.cat([maps.amax(dim=(2, 3)), maps.mean(dim=(2, 3))], dim=1)
        for layer in self:
            vectors = layer(vectors)
        return vectors


class ResNetModule(ImageNetwork):
    """Stem, stages of residual blocks, mean over positions, dropout, linear.

    He et al. (2016), "Deep residual learning for image recognition", CVPR, table 1; each stage after the first halves
    the picture in the first 3×3 convolution of its first block, and doubles the channels. Weights have the names of
    transformers' `ResNetForImageClassification`.

    Args:
        n_outputs: outputs
        bottleneck: whether a block is 1×1, 3×3, 1×1 (ResNet-50) instead of two 3×3 (ResNet-34)
        blocks: in each stage; (3, 4, 6, 3) is both ResNet-34 and ResNet-50
        dropout: rate before the last linear layer
        head: `linear`: mean over positions, dropout, linear; `fastai`: `FastaiHead`, the two lower and the two upper
            stages with one learning rate each, batch normalisation trained while the body is frozen, and sums over
            positions as embeddings, of which `iemocap-fusion` makes its fusion

    Raises:
        InputError: if transformers is not installed
    """

    def __init__(
        self,
        n_outputs: int,
        *,
        bottleneck: bool = False,
        blocks: Sequence[int] = (3, 4, 6, 3),
        dropout: float = 0.0,
        head: Head = "linear",
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
        n_features = self.resnet.config.hidden_sizes[-1]
        self.classifier: nn.Module = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_features, n_outputs))
        self.summed: EmbeddingTap | None = None
        if head == "fastai":
            self.classifier, self.summed = FastaiHead(n_features, n_outputs, dropout=dropout), EmbeddingTap(n_features)
        self.trains_norm = head == "fastai"

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 3, n_bands, n_frames)
        """
        encoded = self.resnet(pictures)
        if self.summed is None:
            outputs: Tensor = self.classifier(encoded.pooler_output.flatten(1))
            return outputs
        maps = encoded.last_hidden_state
        self.summed(maps.sum(dim=(2, 3)))
        outputs = self.classifier(maps)
        return outputs

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem, then each stage; as fastai groups them, the stem and the first half, then the second."""
        stages = list(self.resnet.encoder.stages)
        if self.summed is None:
            return [[self.resnet.embedder], *([stage] for stage in stages)]
        half = len(stages) // 2
        return [[self.resnet.embedder, *stages[:half]], stages[half:]]

    def head(self) -> nn.Module:
        """Return the layers above the body."""
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
