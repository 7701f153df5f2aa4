"""A BiLSTM for each modality, and multi-head attention over the states of all; utterances may lack modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Attend = Literal["all", "others"]


@dataclass(frozen=True)
class ModalityInput:
    """One modality's steps.

    Args:
        n_features: of a step
        mean: of every feature over the training part, n_features numbers
        scale: their standard deviation
    """

    n_features: int
    mean: Sequence[float]
    scale: Sequence[float]


class CrossModalModule(nn.Module):
    """Each modality: standardise → project → BiLSTM; then attention over all states → mean → linear.

    Attention is multi-head scaled dot-product attention (Vaswani et al. 2017, NIPS, section 3.2), and its result is
    added to the states, so that a modality's own states are there if attention finds nothing. States are averaged
    within each modality and over the modalities that an utterance has: a long one does not outvote a short one.

    Args:
        blocks: the modalities
        n_outputs: outputs
        projection: features of a step after projection
        hidden: units of each BiLSTM, per direction
        heads: of attention; they share 2 × hidden
        attend: `all`: every state attends to the states of all modalities; `others`: to those of other modalities
            alone, where the utterance has one
        dropout: share of what goes into attention and into the last layer that a step of training sets to 0
        modality_dropout: share of the training rows with two modalities or more of which one is hidden, by chance
    """

    def __init__(
        self,
        blocks: Sequence[ModalityInput],
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
        self.readers = nn.ModuleList(_Reader(block, projection, hidden) for block in blocks)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.MultiheadAttention(2 * hidden, heads, batch_first=True)
        self.out = nn.Linear(2 * hidden, n_outputs)
        self._attend, self._modality_dropout = attend, modality_dropout

    def forward(self, **batch: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            batch: of block k `steps_k`, shape (n_rows, n_longest, n_features), and `lengths_k`, shape (n_rows,), 0
                where a row lacks it
        """
        states, real, modality = self._read(batch)
        blocked = self._blocked(real, modality)
        attended, _ = self.attention(states, states, states, attn_mask=blocked, need_weights=False)
        found: Tensor = self.out(self.dropout(self._pooled(states + attended, real, modality)))
        return found

    def shares(self, **batch: Tensor) -> Tensor:
        """Return the share of a row's attention that goes to each modality, shape (n_rows, n_blocks).

        Shares are means over the states that attend, within a modality and then over modalities, and over heads; their
        sum is 1.

        Args:
            batch: as `forward` takes it
        """
        states, real, modality = self._read(batch)
        blocked = self._blocked(real, modality)
        _, weights = self.attention(states, states, states, attn_mask=blocked, need_weights=True)
        to_each = torch.stack([weights[:, :, modality == k].sum(dim=2) for k in range(len(self.readers))], dim=2)
        return self._pooled(to_each, real, modality)

    def _read(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return all states, where they are real, and whose each is.

        Returns:
            shapes (n_rows, n_steps, 2 × hidden); (n_rows, n_steps); and (n_steps,), numbers of blocks
        """
        lengths = torch.stack([batch[f"lengths_{k}"] for k in range(len(self.readers))], dim=1)
        if self.training and self._modality_dropout:
            lengths = lengths.masked_fill(hidden(lengths > 0, self._modality_dropout), 0)
        read = [one(batch[f"steps_{k}"], lengths[:, k]) for k, one in enumerate(self.readers)]
        real = [torch.arange(one.shape[1], device=one.device) < lengths[:, k, None] for k, one in enumerate(read)]
        modality = [torch.full((one.shape[1],), k, device=one.device) for k, one in enumerate(read)]
        return self.dropout(torch.cat(read, dim=1)), torch.cat(real, dim=1), torch.cat(modality)

    def _blocked(self, real: Tensor, modality: Tensor) -> Tensor:
        """Return which state must not attend to which, shape (n_rows × n_heads, n_steps, n_steps)."""
        seen = real[:, None].expand(-1, real.shape[1], -1)
        if self._attend == "others":
            foreign = modality[:, None] != modality[None]
            # a row with a single modality has nothing else to attend to
            seen = seen & (foreign | ~(seen & foreign).any(dim=2, keepdim=True))
        # a row without any modality attends to nothings, alike; softmax over no state at all is not a number
        blocked = ~(seen | ~seen.any(dim=2, keepdim=True))
        return blocked.repeat_interleave(self.attention.num_heads, dim=0)

    def _pooled(self, steps: Tensor, real: Tensor, modality: Tensor) -> Tensor:
        """Return the mean of steps within each modality, then over the modalities there are, shape (n_rows, …)."""
        mine = torch.stack([real & (modality == k) for k in range(len(self.readers))], dim=1).to(steps.dtype)
        within = mine / mine.sum(dim=2, keepdim=True).clamp(min=1)
        present = mine.any(dim=2, keepdim=True).to(steps.dtype)
        weights = (within / present.sum(dim=1, keepdim=True).clamp(min=1)).sum(dim=1)
        return torch.einsum("rs,rsf->rf", weights, steps)


class AttentionShares(nn.Module):
    """A trained network whose outputs are the shares of attention that go to each modality."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **batch: Tensor) -> Tensor:
        """Return `CrossModal.shares` of a batch, shape (n_rows, n_blocks)."""
        assert isinstance(self.network, CrossModalModule)
        return self.network.shares(**batch)


class _Reader(nn.Module):
    """One modality: standardise → linear → BiLSTM."""

    mean: Tensor
    scale: Tensor

    def __init__(self, block: ModalityInput, projection: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(block.mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(block.scale, dtype=torch.float32))
        self.project = nn.Linear(block.n_features, projection)
        self.lstm = nn.LSTM(projection, hidden, batch_first=True, bidirectional=True)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return states, shape (n_rows, n_longest, 2 × hidden): 0 after a row's last step.

        Args:
            steps: shape (n_rows, n_longest, n_features)
            lengths: of the rows, shape (n_rows,); 0: there is nothing
        """
        n_rows, n_longest = steps.shape[:2]
        states = steps.new_zeros(n_rows, n_longest, 2 * self.lstm.hidden_size)
        there = torch.nonzero(lengths).squeeze(1)
        if not len(there):
            return states
        projected = self.project((steps[there] - self.mean) / self.scale)
        packed = pack_padded_sequence(projected, lengths[there].cpu(), batch_first=True, enforce_sorted=False)
        found, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=n_longest)
        return states.to(found.dtype).index_copy(0, there, found)


def hidden(there: Tensor, share: float) -> Tensor:
    """Return which modality of which row is hidden: one of those there, of a share of the rows that have two or more.

    Args:
        there: shape (n_rows, n_blocks)
        share: of the rows

    Returns:
        shape (n_rows, n_blocks)
    """
    chance = torch.rand(there.shape, device=there.device).masked_fill(~there, -1)
    chosen = nn.functional.one_hot(chance.argmax(dim=1), there.shape[1]).bool()
    asked = (torch.rand(len(there), device=there.device) < share) & (there.sum(dim=1) > 1)
    return chosen & asked[:, None]
