"""PyTorch module of `cross-modal`: a BiLSTM per modality and multi-head attention; rows may lack modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Attend = Literal["all", "others"]


@dataclass(frozen=True)
class ModalityInput:
    """Features of one modality.

    Args:
        n_features: of a step
        mean: of every feature over the training part, n_features numbers
        scale: their standard deviation
        widths: features of each block, if blocks come in turn; a step then also has a column per block, 1 in its steps
    """

    n_features: int
    mean: Sequence[float]
    scale: Sequence[float]
    widths: tuple[int, ...] = ()


class CrossModalModule(nn.Module):
    """Each modality: standardise → project → BiLSTM; then attention over all states → mean → linear.

    Multi-head scaled dot-product attention (Vaswani et al. 2017, NIPS, section 3.2) with a residual connection. States
    are averaged within each modality and then over the modalities that an utterance has, so that a long one does not
    outweigh a short one.

    Args:
        modalities: their features
        n_outputs: outputs
        projection: features of a step after projection
        hidden: units of each BiLSTM, per direction
        heads: of attention; a divisor of 2 × hidden
        attend: `all`: every state attends to the states of all modalities; `others`: to those of other modalities only,
            where the utterance has one
        dropout: rate before attention and before the last layer
        modality_dropout: share of the training rows with several modalities in which a random one is hidden
    """

    def __init__(
        self,
        modalities: Sequence[ModalityInput],
        n_outputs: int,
        *,
        projection: int,
        hidden: int,
        heads: int,
        attend: Attend,
        dropout: float,
        modality_dropout: float,
    ) -> None:
        super().__init__()
        self.readers = nn.ModuleList(_Reader(modality, projection, hidden) for modality in modalities)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.MultiheadAttention(2 * hidden, heads, batch_first=True)
        self.out = nn.Linear(2 * hidden, n_outputs)
        self._attend, self._modality_dropout = attend, modality_dropout

    def forward(self, **batch: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            batch: of modality k `steps_k`, shape (n_rows, n_longest, n_features), and `lengths_k`, shape (n_rows,), 0
                where a row lacks it
        """
        states, real, modality = self._read(batch)
        blocked = self._blocked(real, modality)
        attended, _ = self.attention(states, states, states, attn_mask=blocked, need_weights=False)
        outputs: Tensor = self.out(self.dropout(self._pooled(states + attended, real, modality)))
        return outputs

    def shares(self, **batch: Tensor) -> Tensor:
        """Return the share of a row's attention that goes to each modality, shape (n_rows, n_modalities), sum 1.

        Shares are averaged over heads and over the attending states, within a modality and then over modalities.

        Args:
            batch: as `forward` takes it
        """
        states, real, modality = self._read(batch)
        blocked = self._blocked(real, modality)
        _, weights = self.attention(states, states, states, attn_mask=blocked, need_weights=True)
        to_each = torch.stack([weights[:, :, modality == k].sum(dim=2) for k in range(len(self.readers))], dim=2)
        return self._pooled(to_each, real, modality)

    def _read(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the states of all modalities, a mask of real (not padded) states, and the modality of each.

        Returns:
            shapes (n_rows, n_steps, 2 × hidden); (n_rows, n_steps); and (n_steps,), numbers of modalities
        """
        lengths = torch.stack([batch[f"lengths_{k}"] for k in range(len(self.readers))], dim=1)
        if self.training and self._modality_dropout:
            lengths = lengths.masked_fill(hidden(lengths > 0, self._modality_dropout), 0)
        states = [reader(batch[f"steps_{k}"], lengths[:, k]) for k, reader in enumerate(self.readers)]
        real = [torch.arange(own.shape[1], device=own.device) < lengths[:, k, None] for k, own in enumerate(states)]
        modality = [torch.full((own.shape[1],), k, device=own.device) for k, own in enumerate(states)]
        return self.dropout(torch.cat(states, dim=1)), torch.cat(real, dim=1), torch.cat(modality)

    def _blocked(self, real: Tensor, modality: Tensor) -> Tensor:
        """Return which state must not attend to which, shape (n_rows × n_heads, n_steps, n_steps)."""
        visible = real[:, None].expand(-1, real.shape[1], -1)
        if self._attend == "others":
            foreign = modality[:, None] != modality[None]
            # a row with a single modality has nothing else to attend to
            visible = visible & (foreign | ~(visible & foreign).any(dim=2, keepdim=True))
        # a row without any modality attends to padding: a softmax over no state at all is NaN
        blocked = ~(visible | ~visible.any(dim=2, keepdim=True))
        return blocked.repeat_interleave(self.attention.num_heads, dim=0)

    def _pooled(self, steps: Tensor, real: Tensor, modality: Tensor) -> Tensor:
        """Return the mean of steps within each modality, then over the modalities present, shape (n_rows, …)."""
        own = torch.stack([real & (modality == k) for k in range(len(self.readers))], dim=1).to(steps.dtype)
        within = own / own.sum(dim=2, keepdim=True).clamp(min=1)
        present = own.any(dim=2, keepdim=True).to(steps.dtype)
        weights = (within / present.sum(dim=1, keepdim=True).clamp(min=1)).sum(dim=1)
        return torch.einsum("rs,rsf->rf", weights, steps)


class AttentionShares(nn.Module):
    """A trained network whose outputs are the shares of attention of the modalities.

    Args:
        network: a `CrossModalModule`
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **batch: Tensor) -> Tensor:
        """Return `CrossModalModule.shares`, shape (n_rows, n_modalities).

        Args:
            batch: as the network takes it
        """
        assert isinstance(self.network, CrossModalModule)
        return self.network.shares(**batch)


class _Reader(nn.Module):
    """Network of a modality: standardise → linear → BiLSTM; blocks that come in turn have a linear layer each."""

    mean: Tensor
    scale: Tensor

    def __init__(self, modality: ModalityInput, projection: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(modality.mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(modality.scale, dtype=torch.float32))
        self.project: nn.Linear | _ProjectionByBlock = (
            _ProjectionByBlock(modality.widths, projection)
            if modality.widths
            else nn.Linear(modality.n_features, projection)
        )
        self._n_features = modality.n_features
        self.lstm = nn.LSTM(projection, hidden, batch_first=True, bidirectional=True)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return states, shape (n_rows, n_longest, 2 × hidden), 0 after a row's last step.

        Args:
            steps: shape (n_rows, n_longest, n_features)
            lengths: of the rows, shape (n_rows,); 0 where a row lacks the modality
        """
        n_rows, n_longest = steps.shape[:2]
        states = steps.new_zeros(n_rows, n_longest, 2 * self.lstm.hidden_size)
        # packing refuses rows of no steps
        present = torch.nonzero(lengths).squeeze(1)
        if not len(present):
            return states
        features, block = steps[present, :, : self._n_features], steps[present, :, self._n_features :]
        projected = self.project(torch.cat([(features - self.mean) / self.scale, block], dim=2))
        packed = pack_padded_sequence(projected, lengths[present].cpu(), batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=n_longest)
        return states.to(read.dtype).index_copy(0, present, read)


class _ProjectionByBlock(nn.Module):
    """A linear layer for each block of a modality, applied to its own steps.

    Args:
        widths: features of each block
        projection: features of a step after projection
    """

    def __init__(self, widths: Sequence[int], projection: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, projection) for width in widths)
        self._bounds = list(pairwise(accumulate(widths, initial=0)))

    def forward(self, steps: Tensor) -> Tensor:
        """Return shape (n_rows, n_steps, projection).

        Args:
            steps: columns of all blocks, and one per block that is 1 in its steps, shape (n_rows, n_steps, n_columns)
        """
        own = steps[..., self._bounds[-1][1] :]
        parts = [
            own[..., k, None] * layer(steps[..., begin:end])
            for k, (layer, (begin, end)) in enumerate(zip(self.layers, self._bounds, strict=True))
        ]
        return torch.stack(parts).sum(dim=0)


def hidden(present: Tensor, share: float) -> Tensor:
    """Choose the modalities to hide: a random one in a share of the rows that have two or more.

    Args:
        present: which row has which modality, bool, shape (n_rows, n_modalities)
        share: of the rows

    Returns:
        bool, shape (n_rows, n_modalities)
    """
    chance = torch.rand(present.shape, device=present.device).masked_fill(~present, -1)
    chosen = nn.functional.one_hot(chance.argmax(dim=1), present.shape[1]).bool()
    rows = (torch.rand(len(present), device=present.device) < share) & (present.sum(dim=1) > 1)
    return chosen & rows[:, None]
