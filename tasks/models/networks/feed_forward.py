"""PyTorch module of `feed-forward`: dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class FeedForwardModule(nn.Module):
    """Dropout; linear → ReLU → batch normalisation → dropout, for each hidden layer; then linear.

    Args:
        n_features: inputs
        hidden: outputs of each hidden layer
        n_outputs: outputs
        dropout: rate after each hidden layer
        batch_norm: whether there is batch normalisation (Ioffe & Szegedy 2015)
        input_dropout: rate before the first layer
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        n_outputs: int,
        *,
        dropout: float,
        batch_norm: bool,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        # no module of `layers`, whose numbers are the names of the weights
        self.input_dropout = nn.Dropout(input_dropout) if input_dropout else nn.Identity()
        layers: list[nn.Module] = []
        for n_in, n_out in zip([n_features, *hidden], hidden, strict=False):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            layers += [nn.BatchNorm1d(n_out)] if batch_norm else []
            layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear([n_features, *hidden][-1], n_outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            features: shape (n_rows, n_features)
        """
        outputs: Tensor = self.layers(self.input_dropout(features))
        return outputs
