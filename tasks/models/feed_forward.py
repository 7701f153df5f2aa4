"""The feed-forward network of the MELD notebook: dense 256 and 128 with ReLU, batch normalisation and dropout.

The notebook flattens AST's input, 1024 frames × 128 bands, and trains 33,588,739 of 33,589,507 parameters on it with
Adam's defaults, 10 epochs. Initial weights and batch normalisation follow PyTorch's defaults, not Keras's: with its
momentum of 0.99, running statistics would not settle within the few hundred steps of a small corpus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows
from tasks.models.base.checks import demand_share
from tasks.models.base.estimator import Inputs, Model
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class FeedForwardSettings(TrainingSettings):
    """Settings of the feed-forward network and its training.

    Args:
        hidden: outputs of each hidden layer; empty: a linear model
        dropout: after each hidden layer
        input_dropout: of the features
        batch_norm: after each hidden layer; needs batches of two rows or more
    """

    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.2
    input_dropout: float = 0.0
    batch_norm: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_share("dropout", self.dropout)
        demand_share("input_dropout", self.input_dropout)
        if not all(units > 0 for units in self.hidden):
            raise ValueError(f"hidden must be above 0, found {self.hidden}")
        if self.hidden and self.batch_norm and self.batch_size < 2:
            raise ValueError("batch_size must be 2 or more with batch_norm")


class _Flattened:
    """Vectors and flattened sequences of a fixed length, side by side, read on demand."""

    lengths: Rows | None = None

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        for name, sequences in inputs.sequences.items():
            if np.unique(sequences.lengths).size > 1:
                raise InputError(
                    f"feed-forward takes sequences of one length; those of {name} have {sequences.lengths.min()} to "
                    f"{sequences.lengths.max()} steps: use bilstm, or features of a fixed number of frames"
                )
        widths = [block.shape[1] for block in inputs.vectors.values()]
        widths += [int(block.lengths.max(initial=0)) * block.steps.shape[1] for block in inputs.sequences.values()]
        self.n_features = sum(widths)

    def __len__(self) -> int:
        return len(self._inputs)

    def batch(self, rows: Rows) -> Batch:
        """Return `features`, float32, shape (n_rows, n_features)."""
        blocks: list[NDArray[Any]] = [block[rows] for block in self._inputs.vectors.values()]
        for sequences in self._inputs.sequences.values():
            blocks.append(np.stack([sequences[int(row)].ravel() for row in rows]))
        return {"features": np.concatenate(blocks, axis=1, dtype=np.float32, casting="same_kind")}


class FeedForward(NetworkEstimator):
    """Dense layers over vectors, or over flattened sequences of one length."""

    settings: FeedForwardSettings

    def examples(self, inputs: Inputs) -> _Flattened:
        """Return rows as vectors.

        Args:
            inputs: vectors and sequences

        Raises:
            InputError: if a block has sequences of different lengths
            ValueError: if the number of features is not the model's
        """
        rows, n_features = _Flattened(inputs), self.shape["n_features"]
        if rows.n_features != n_features and len(inputs):
            raise ValueError(f"expected features of shape (n_rows, {n_features}), found {(len(rows), rows.n_features)}")
        return rows

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        return {"n_features": _Flattened(inputs).n_features}

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.feed_forward import FeedForwardModule

        settings = self.settings
        return FeedForwardModule(
            shape["n_features"],
            settings.hidden,
            n_outputs,
            dropout=settings.dropout,
            input_dropout=settings.input_dropout,
            batch_norm=settings.batch_norm,
        )


MODELS: tuple[Model, ...] = (
    network_model(
        "feed-forward",
        "Feed-forward network: dense 256 and 128, batch normalisation, dropout",
        FeedForward,
        FeedForwardSettings,
        {"vector", "sequence"},
    ),
)
