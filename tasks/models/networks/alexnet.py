"""PyTorch module of AlexNet's convolutions, summed over all positions."""

from __future__ import annotations

from torch import Tensor, nn

from tasks.models.networks.image_network import ImageNetwork

LEAST_SIZE = 63
"""Smallest number of bands, and of frames, of which the last pooling leaves a position."""


class AlexNetModule(ImageNetwork):
    """Five convolutions → sum over positions → dropout → linear.

    Krizhevsky, Sutskever & Hinton (2012) as in Krizhevsky (2014, "One weird trick", arXiv 1404.5997), whose weights
    torchvision publishes under the names of `features`. The three dense layers of 58.6 million weights, which need
    pictures of a fixed size, are replaced: the source sums over positions and adds one linear layer.

    Args:
        n_outputs: outputs
        dropout: rate before the linear layer
    """

    def __init__(self, n_outputs: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(256, n_outputs))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 3, n_bands, n_frames), both sizes `LEAST_SIZE` or more
        """
        outputs: Tensor = self.classifier(self.features(pictures).sum(dim=(2, 3)))
        return outputs

    def stages(self) -> list[list[nn.Module]]:
        """Return the convolutions, each a stage."""
        return [[layer] for layer in self.features if isinstance(layer, nn.Conv2d)]

    def head(self) -> nn.Module:
        """Return dropout and the linear layer."""
        return self.classifier
