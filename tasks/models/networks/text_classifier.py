"""PyTorch module of `fine-tuned`: a pretrained text encoder with a linear layer, all of it trained."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.networks.layer_rates import rated_groups

_POOLER = "pooler."
_NUMBERED = re.compile(r"\.(\d+)\.")


class TextClassifier(nn.Module):
    """Encoder → mean over selected tokens, or the encoder's pooler → dropout → linear.

    With the pooler it is transformers' `BertForSequenceClassification`: a pretrained layer and tanh over the state of
    the first token; the linear layer starts from the encoder's distribution of initial weights, without bias.

    Args:
        encoder: a model of transformers with `last_hidden_state`, and `pooler_output` if the pooler is used
        n_outputs: outputs
        dropout: rate before the linear layer
        layer_decay: learning rate of a layer over that of the layer above it
        head_rate: learning rate of the linear layer
        pooler: whether the encoder's pooler takes the place of the mean
        n_trained: layers that are trained, from the top; None: all, and the embeddings below them
    """

    def __init__(
        self,
        encoder: Any,
        n_outputs: int,
        *,
        dropout: float,
        layer_decay: float,
        head_rate: float,
        pooler: bool = False,
        n_trained: int | None = None,
    ) -> None:
        super().__init__()
        if not pooler and getattr(encoder, "pooler", None) is not None:
            # trained for next-sentence prediction, and unused here: its weights would get no gradient
            encoder.pooler = None
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, n_outputs)
        if pooler:
            nn.init.normal_(self.head.weight, std=encoder.config.initializer_range)
            nn.init.zeros_(self.head.bias)
        self._layer_decay, self._head_rate, self._pooler = layer_decay, head_rate, pooler
        if n_trained is not None:
            self._freeze_below(self.depth - n_trained)

    @property
    def depth(self) -> int:
        """Number of the encoder's layers."""
        layers = (_layer(name) for name, _ in self.encoder.named_parameters())
        return 1 + max((layer for layer in layers if layer is not None), default=-1)

    def _freeze_below(self, lowest: int) -> None:
        """Exclude the embeddings and the layers below one from training; no gradient is computed for them."""
        for name, parameter in self.encoder.named_parameters():
            layer = _layer(name)
            parameter.requires_grad = name.startswith(_POOLER) or (layer is not None and layer >= lowest)

    def forward(self, tokens: Tensor, real: Tensor, pooled: Tensor, document: Tensor | None = None) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            tokens: ids, padded, shape (n_documents, n_longest)
            real: 1 for tokens, 0 for padding, shape (n_documents, n_longest)
            pooled: 1 for tokens in the mean, else 0, float32, shape (n_rows, n_longest)
            document: of each row, int64, shape (n_rows,); None: a document per row
        """
        encoded = self.encoder(input_ids=tokens, attention_mask=real)
        if self._pooler:
            vectors = encoded.pooler_output
        else:
            states = encoded.last_hidden_state
            if document is not None:
                states = states[document]
            shares = (pooled / pooled.sum(dim=1, keepdim=True)).to(states.dtype)
            vectors = torch.einsum("rt,rtf->rf", shares, states)
        outputs: Tensor = self.head(self.dropout(vectors))
        return outputs

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate: lower layers learn less (Howard & Ruder 2018; Sun et al. 2019).

        Args:
            rate: of the top layer and the pooler, which come first
        """
        named = [(name, parameter) for name, parameter in self.encoder.named_parameters() if parameter.requires_grad]
        depth = self.depth

        def layer_of(name: str) -> int | None:
            return depth - 1 if name.startswith(_POOLER) else _layer(name)

        groups = rated_groups(named, layer_of, depth, rate, self._layer_decay)
        return [*groups, {"params": list(self.head.parameters()), "lr": self._head_rate}]


def _layer(name: str) -> int | None:
    """Return the layer of a parameter, from 0, the lowest; None outside the layers."""
    match = _NUMBERED.search(f".{name}")
    return int(match.group(1)) if match else None
