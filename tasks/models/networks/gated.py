"""PyTorch module of the gated multimodal unit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GatedModule(nn.Module):
    """Each modality: tanh of a linear layer; their mean, weighted by a gate over all of them; dropout; linear.

    Arevalo et al. 2017, "Gated multimodal units for information fusion", section 3.1: two modalities share a gate, z
    and 1 - z; of more, each has its own. A softmax over modalities covers both: of two it is z and 1 - z.

    Args:
        widths: features of each modality
        n_outputs: outputs
        hidden: units of each modality
        dropout: rate before the last layer
    """

    def __init__(self, widths: Sequence[int], n_outputs: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.say = nn.ModuleList(nn.Linear(width, hidden) for width in widths)
        self.gate = nn.Linear(sum(widths), len(widths))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, n_outputs)

    def forward(self, **batch: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            batch: `features_k` of modality k, shape (n_rows, n_features)
        """
        features = [batch[f"features_{k}"] for k in range(len(self.say))]
        projected = [layer(x).tanh() for layer, x in zip(self.say, features, strict=True)]
        gates = self.gate(torch.cat(features, dim=1)).softmax(dim=1)
        mean = torch.einsum("rm,rmh->rh", gates, torch.stack(projected, dim=1))
        outputs: Tensor = self.out(self.dropout(mean))
        return outputs
