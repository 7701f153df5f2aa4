"""PyTorch module of ResNeXt 32×4d: residual blocks with 32 parallel 3×3 convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from tasks.models.networks.image_network import ImageNetwork

_STEM = 64
_PATHS = 32
_PATH_WIDTH = 4
_EXPANSION = 2
"""Output channels of a block over those of all its paths."""


class ResNeXtModule(ImageNetwork):
    """Stem, stages of residual blocks, mean over positions, dropout, linear.

    Xie et al. (2017), "Aggregated residual transformations for deep neural networks", CVPR, table 1; each stage after
    the first halves the picture in the 3×3 convolution of its first block, and doubles the channels. Weights have
    torchvision's names.

    Args:
        n_outputs: outputs
        blocks: in each stage; (3, 4, 6, 3) is ResNeXt-50
        dropout: rate before the linear layer
    """

    HEAD: ClassVar[str] = "fc."

    def __init__(self, n_outputs: int, *, blocks: Sequence[int] = (3, 4, 6, 3), dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _STEM, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self._names = [f"layer{number}" for number in range(1, len(blocks) + 1)]
        n_in, paths = _STEM, _PATHS * _PATH_WIDTH
        for name, n_blocks in zip(self._names, blocks, strict=True):
            first = _ResNeXtBlock(n_in, paths, stride=1 if name == "layer1" else 2)
            n_in = paths * _EXPANSION
            others = [_ResNeXtBlock(n_in, paths) for _ in range(n_blocks - 1)]
            self.add_module(name, nn.Sequential(first, *others))
            paths *= 2
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(n_in, n_outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 3, n_bands, n_frames)
        """
        maps = self.maxpool(functional.relu(self.bn1(self.conv1(pictures)), inplace=True))
        for name in self._names:
            maps = self.get_submodule(name)(maps)
        outputs: Tensor = self.fc(self.dropout(maps.mean(dim=(2, 3))))
        return outputs

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem, then each stage."""
        return [[self.conv1, self.bn1], *([self.get_submodule(name)] for name in self._names)]

    def head(self) -> nn.Module:
        """Return the linear layer."""
        return self.fc


class _ResNeXtBlock(nn.Module):
    """1×1 → 3×3 in groups → 1×1, with a residual connection."""

    def __init__(self, n_in: int, paths: int, stride: int = 1) -> None:
        super().__init__()
        wide = paths * _EXPANSION
        self.conv1 = nn.Conv2d(n_in, paths, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(paths)
        self.conv2 = nn.Conv2d(paths, paths, kernel_size=3, stride=stride, padding=1, groups=_PATHS, bias=False)
        self.bn2 = nn.BatchNorm2d(paths)
        self.conv3 = nn.Conv2d(paths, wide, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or n_in != wide:
            shortcut = nn.Conv2d(n_in, wide, kernel_size=1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(wide))

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(maps)), inplace=True)
        inner = functional.relu(self.bn2(self.conv2(inner)), inplace=True)
        return functional.relu(self.bn3(self.conv3(inner)) + self.downsample(maps), inplace=True)
