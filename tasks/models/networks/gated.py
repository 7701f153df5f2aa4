"""A gated multimodal unit: for every row, how much of what each modality says counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GatedModule(nn.Module):
    """Each modality: tanh of a linear layer; their mean, weighted by a gate that sees all of them; dropout; linear.

    Arevalo et al. 2017, "Gated multimodal units for information fusion", section 3.1: two modalities share a gate, z
    and 1 - z; of more, each has one of its own. A softmax over modalities is both: of two it is z and 1 - z.

    Args:
        widths: features of each modality
        n_outputs: outputs
        hidden: units of each modality
        dropout: share of what goes into the last layer that a step of training sets to 0
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
            batch: of modality k `features_k`, shape (n_rows, n_features)
        """
        features = [batch[f"features_{k}"] for k in range(len(self.say))]
        said = torch.stack([one(x).tanh() for one, x in zip(self.say, features, strict=True)], dim=1)
        gates = self.gate(torch.cat(features, dim=1)).softmax(dim=1)
        found: Tensor = self.out(self.dropout(torch.einsum("rm,rmh->rh", gates, said)))
        return found
