"""A gated multimodal unit over vectors (Arevalo et al. 2017): modalities are weighted row by row.

Over embeddings computed beforehand, or as the last layer of `fusion` over the embeddings of its branches
(`last: {name: gated}`), where the systems of 2023 concatenate them.

    each modality     n_features → 64, tanh
    gate              all features → one weight per modality, sum 1
    weighted mean     64
    dropout, linear   classes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows
from tasks.models.base.checks import above_zero, demand_share
from tasks.models.base.estimator import Inputs, Model
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GatedSettings(TrainingSettings):
    """Settings of the unit and its training.

    Args:
        hidden: units of each modality
        dropout: before the last layer
    """

    epochs: int = 20
    optimiser: Literal["adam", "adamw"] = "adamw"
    weight_decay: float = 0.01
    hidden: int = 64
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("hidden", self.hidden)
        demand_share("dropout", self.dropout)


class _VectorBlocks:
    """Rows of several blocks of vectors."""

    lengths: Rows | None = None

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def batch(self, rows: Rows) -> Batch:
        """Return `features_k` of block k, float32, shape (n_rows, n_features)."""
        blocks = self._inputs.vectors.values()
        return {f"features_{k}": np.asarray(block[rows], dtype=np.float32) for k, block in enumerate(blocks)}


class Gated(NetworkEstimator):
    """A gated multimodal unit over blocks of vectors."""

    settings: GatedSettings

    def examples(self, inputs: Inputs) -> _VectorBlocks:
        """Return the rows.

        Args:
            inputs: the blocks that were fitted

        Raises:
            ValueError: if they are others
        """
        widths = _widths(inputs)
        if widths != self.shape["blocks"]:
            raise ValueError(f"expected blocks of {dict(self.shape['blocks'])} features, found {dict(widths)}")
        return _VectorBlocks(inputs)

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        return {"blocks": _widths(inputs)}

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.gated import GatedModule

        widths = [width for _, width in shape["blocks"]]
        return GatedModule(widths, n_outputs, hidden=self.settings.hidden, dropout=self.settings.dropout)


def _widths(inputs: Inputs) -> list[list[Any]]:
    # a single block is accepted: every recipe is also run on each of its modalities alone
    if not inputs.vectors or len(inputs.vectors) < len(inputs.names):
        raise InputError(
            f"gated takes blocks of vectors, found {', '.join(inputs.names) or 'none'}; as the last layer of fusion it "
            "is given an embedding per branch"
        )
    return [[name, int(block.shape[1])] for name, block in inputs.vectors.items()]


MODELS: tuple[Model, ...] = (
    network_model("gated", "A gated multimodal unit over vectors", Gated, GatedSettings, {"vector"}),
)
