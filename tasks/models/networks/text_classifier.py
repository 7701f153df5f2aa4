"""PyTorch module of `fine-tuned`: a pretrained text encoder with a linear layer, all of it trained."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.networks.layer_rates import rated_groups

_NUMBERED = re.compile(r"\.(\d+)\.")


class TextClassifier(nn.Module):
    """Encoder → mean over selected tokens → dropout → linear.

    Args:
        encoder: a model of transformers with `last_hidden_state`
        n_outputs: outputs
        dropout: rate before the linear layer
        layer_decay: learning rate of a layer over that of the layer above it
        head_rate: learning rate of the linear layer
    """

    def __init__(self, encoder: Any, n_outputs: int, *, dropout: float, layer_decay: float, head_rate: float) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            # trained for next-sentence prediction, and unused here: its weights would get no gradient
            encoder.pooler = None
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, n_outputs)
        self._layer_decay, self._head_rate = layer_decay, head_rate

    def forward(self, tokens: Tensor, real: Tensor, pooled: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            tokens: ids, padded, shape (n_rows, n_longest)
            real: 1 for tokens, 0 for padding, shape (n_rows, n_longest)
            pooled: 1 for tokens in the mean, else 0, float32, shape (n_rows, n_longest)
        """
        states = self.encoder(input_ids=tokens, attention_mask=real).last_hidden_state
        shares = (pooled / pooled.sum(dim=1, keepdim=True)).to(states.dtype)
        outputs: Tensor = self.head(self.dropout(torch.einsum("rt,rtf->rf", shares, states)))
        return outputs

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate: lower layers learn less (Howard & Ruder 2018; Sun et al. 2019).

        Args:
            rate: of the top layer, which comes first
        """
        named = list(self.encoder.named_parameters())
        depth = 1 + max((layer for name, _ in named if (layer := _layer(name)) is not None), default=-1)
        groups = rated_groups(named, _layer, depth, rate, self._layer_decay)
        return [*groups, {"params": list(self.head.parameters()), "lr": self._head_rate}]


def _layer(name: str) -> int | None:
    """Return the layer of a parameter, from 0, the lowest; None outside the layers."""
    match = _NUMBERED.search(f".{name}")
    return int(match.group(1)) if match else None
