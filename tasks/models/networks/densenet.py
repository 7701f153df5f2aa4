"""PyTorch module of DenseNet-BC: the input of a layer is the output of all layers before it in its block."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.models.networks.image_network import ImageNetwork

_STEM = 64
_BOTTLENECK = 4
_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""torchvision's published files have layer names that PyTorch no longer allows: `norm.1` for `norm1`."""


class DenseNetModule(ImageNetwork):
    """Stem, dense blocks with transitions between them, mean over positions, dropout, linear.

    Huang et al. (2017), "Densely connected convolutional networks", CVPR, table 1, with bottlenecks of four times the
    growth (B) and transitions that halve the channels (C). Weights have torchvision's names.

    Args:
        n_outputs: outputs
        blocks: layers in each block; (6, 12, 48, 32) is DenseNet-201
        growth: channels that a layer adds
        dropout: rate before the linear layer
    """

    def __init__(
        self, n_outputs: int, *, blocks: Sequence[int] = (6, 12, 48, 32), growth: int = 32, dropout: float = 0.0
    ) -> None:
        super().__init__()
        features: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, _STEM, kernel_size=7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(_STEM),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        width = _STEM
        for number, n_layers in enumerate(blocks, 1):
            layers = {f"denselayer{k + 1}": _DenseLayer(width + k * growth, growth) for k in range(n_layers)}
            features[f"denseblock{number}"] = nn.Sequential(OrderedDict(layers))
            width += n_layers * growth
            if number < len(blocks):
                features[f"transition{number}"] = _transition(width)
                width //= 2
        features["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(features)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, n_outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 3, n_bands, n_frames), both sizes `least_size(n_blocks)` or more
        """
        maps = functional.relu(self.features(pictures), inplace=True)
        outputs: Tensor = self.classifier(self.dropout(maps.mean(dim=(2, 3))))
        return outputs

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem, then each block with the transition or norm after it."""
        stages: list[list[nn.Module]] = [[]]
        for name, module in self.features.named_children():
            if name.startswith("denseblock"):
                stages.append([])
            stages[-1].append(module)
        return stages

    def head(self) -> nn.Module:
        """Return the linear layer."""
        return self.classifier

    @staticmethod
    def renamed(names: list[str]) -> dict[str, str]:
        """Return names in a file → names in this network; the published files have old names.

        Args:
            names: all names in the file
        """
        return {name: _OLD.sub(r"\1\2", name) for name in names}


def least_size(n_blocks: int) -> int:
    """Return the bands, and frames, that a picture must have; the stem quarters them, each transition halves them.

    Args:
        n_blocks: dense blocks
    """
    size: int = 2 ** (n_blocks - 1)
    for _ in range(2):
        size = 2 * size - 1
    return size


class _DenseLayer(nn.Module):
    """Adds `growth` channels to its input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, _BOTTLENECK * growth, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK * growth)
        self.conv2 = nn.Conv2d(_BOTTLENECK * growth, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        narrow = self.conv1(functional.relu(self.norm1(maps), inplace=True))
        return torch.cat([maps, self.conv2(functional.relu(self.norm2(narrow), inplace=True))], dim=1)


def _transition(width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(width),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(width, width // 2, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(kernel_size=2, stride=2),
        )
    )
