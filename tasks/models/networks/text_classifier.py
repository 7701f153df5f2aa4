"""A pretrained text encoder with a linear layer on top, all of it trained."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

_NUMBERED = re.compile(r"\.(\d+)\.")


class TextClassifier(nn.Module):
    """Encoder → mean over chosen tokens → dropout → linear.

    Args:
        encoder: a model of transformers, which gives `last_hidden_state`
        n_outputs: outputs
        dropout: share of the pooled features that a step of training sets to 0
        layer_decay: learning rate of a layer, over that of the layer above it
        head_rate: learning rate of the linear layer
    """

    def __init__(self, encoder: Any, n_outputs: int, *, dropout: float, layer_decay: float, head_rate: float) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            # trained for telling whether two sentences follow each other, and used by nobody here
            encoder.pooler = None
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, n_outputs)
        self._layer_decay, self._head_rate = layer_decay, head_rate

    def forward(self, tokens: Tensor, real: Tensor, pooled: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            tokens: ids, filled up, shape (n_rows, n_longest)
            real: 1 where a token stands, 0 where the row is filled up, shape (n_rows, n_longest)
            pooled: 1 for tokens of which the mean is taken, shape (n_rows, n_longest), float32
        """
        states = self.encoder(input_ids=tokens, attention_mask=real).last_hidden_state
        shares = (pooled / pooled.sum(dim=1, keepdim=True)).to(states.dtype)
        found: Tensor = self.head(self.dropout(torch.einsum("rt,rtf->rf", shares, states)))
        return found

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate: lower layers learn less (Howard & Ruder 2018; Sun et al. 2019).

        The top layer, whose rate is the one given, comes first; what lies below all layers, the embeddings, has the
        lowest of the encoder; biases and normalisation are not decayed.
        """
        named = list(self.encoder.named_parameters())
        depth = 1 + max((found for name, _ in named if (found := _layer(name)) is not None), default=-1)
        groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
        for name, parameter in named:
            layer = _layer(name)
            below = depth if layer is None else depth - 1 - layer
            groups.setdefault((below, parameter.ndim > 1), []).append(parameter)
        rated = [
            _group(parameters, rate * self._layer_decay**below, decayed=decayed)
            for (below, decayed), parameters in sorted(groups.items(), key=lambda one: one[0])
        ]
        return [*rated, {"params": list(self.head.parameters()), "lr": self._head_rate}]


def _layer(name: str) -> int | None:
    """Return which layer a parameter is in, from 0, the lowest; None: it is in none."""
    found = _NUMBERED.search(f".{name}")
    return int(found.group(1)) if found else None


def _group(parameters: list[nn.Parameter], rate: float, *, decayed: bool) -> dict[str, Any]:
    group: dict[str, Any] = {"params": parameters, "lr": rate}
    return group if decayed else group | {"weight_decay": 0.0}
