"""PyTorch module of `bilstm`: LSTM layers over sequences of different lengths; padding has no effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

Pooling = Literal["last", "mean", "attention"]


class LstmModule(nn.Module):
    """LSTM → batch normalisation → dropout, layer by layer, the last one pooled over steps; then linear.

    Args:
        n_features: of a step
        hidden: units of each layer, per direction
        n_outputs: outputs
        both_ways: whether the layers after the first are bidirectional, as the first is
        pooling: of the last layer: its last state (of each direction), the mean over steps, or a mean weighted by a
            learned score per step
        dropout: rate after each layer
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        n_outputs: int,
        *,
        both_ways: bool,
        pooling: Pooling,
        dropout: float,
    ) -> None:
        super().__init__()
        ways = [2 if both_ways or not number else 1 for number in range(len(hidden))]
        widths = [units * way for units, way in zip(hidden, ways, strict=True)]
        self.layers = nn.ModuleList(
            nn.LSTM(n_in, units, batch_first=True, bidirectional=way == 2)
            for n_in, units, way in zip([n_features, *widths], hidden, ways, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.pooling = pooling
        if pooling == "attention":
            self.score = nn.Linear(widths[-1], 1)
        self.out = nn.Linear(widths[-1], n_outputs)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            steps: shape (n_rows, n_longest, n_features)
            lengths: of the rows, shape (n_rows,)
        """
        packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
        last = packed.data
        for number, layer in enumerate(self.layers):
            packed, (states, _) = layer(packed)
            # states, shape (n_directions, n_rows, units): of each direction the state after its last real step
            last = states.transpose(0, 1).flatten(1)
            if number + 1 < len(self.layers):
                # packed data has real steps only, so padding does not enter batch normalisation
                packed = packed._replace(data=self.dropout(self.norms[number](packed.data)))
        pooled = last if self.pooling == "last" else self._pooled(packed)
        outputs: Tensor = self.out(self.dropout(self.norms[-1](pooled)))
        return outputs

    def _pooled(self, packed: PackedSequence) -> Tensor:
        steps, lengths = pad_packed_sequence(packed, batch_first=True)
        real = torch.arange(steps.shape[1])[None] < lengths[:, None]
        weights = torch.zeros(real.shape, device=steps.device)
        if self.pooling == "attention":
            weights = self.score(steps).squeeze(-1)
        # equal weights of real steps give the mean
        shares = weights.masked_fill(~real.to(steps.device), -torch.inf).softmax(dim=1)
        return torch.einsum("rs,rsf->rf", shares.to(steps.dtype), steps)
