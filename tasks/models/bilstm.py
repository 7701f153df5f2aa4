"""The BiLSTM of the MELD notebook: bidirectional LSTM 256, LSTM 128, batch normalisation, dropout 0.2, Adam 1e-4.

The notebook runs it over BERT's token states. Here padding has no effect on states, batch normalisation or pooling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.checks import demand_share
from tasks.models.base.estimator import Inputs, Model
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BiLstmSettings(TrainingSettings):
    """Settings of the BiLSTM and its training.

    Args:
        learning_rate: as in the notebook
        hidden: units of each layer, per direction; the first layer is bidirectional
        bidirectional: whether the layers after the first are bidirectional too
        pooling: of the last layer: `last` state, `mean` over steps, or `attention`: a mean by learned weights
        dropout: after each layer
    """

    learning_rate: float = 1e-4
    hidden: tuple[int, ...] = (256, 128)
    bidirectional: bool = False
    pooling: Literal["last", "mean", "attention"] = "last"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_share("dropout", self.dropout)
        if not self.hidden or not all(units > 0 for units in self.hidden):
            raise ValueError(f"hidden must have a layer, and layers units, found {self.hidden}")
        if self.batch_size < 2:
            raise ValueError("batch_size must be 2 or more: there is batch normalisation")


class _SequenceRows:
    """Sequences, read on demand."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences
        self.lengths: Rows | None = sequences.lengths

    def __len__(self) -> int:
        return len(self._sequences)

    def batch(self, rows: Rows) -> Batch:
        """Return `steps`, float32, shape (n_rows, n_longest, n_features), and `lengths`, shape (n_rows,)."""
        steps = batches.padded([self._sequences[int(row)] for row in rows], 0.0, np.float32)
        return {"steps": steps, "lengths": np.asarray(self._sequences.lengths[rows], dtype=np.int64)}


class BiLstm(NetworkEstimator):
    """LSTM layers over one block of sequences."""

    settings: BiLstmSettings

    def examples(self, inputs: Inputs) -> _SequenceRows:
        """Return the rows.

        Args:
            inputs: a single block of sequences

        Raises:
            InputError: if there is not exactly one block of sequences
            ValueError: if the number of features is not the model's
        """
        block, n_features = _single_block(inputs), self.shape["n_features"]
        if block.steps.shape[1] != n_features:
            raise ValueError(f"expected steps of {n_features} features, found {block.steps.shape[1]}")
        return _SequenceRows(block)

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        return {"n_features": int(_single_block(inputs).steps.shape[1])}

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.lstm import LstmModule

        settings = self.settings
        return LstmModule(
            shape["n_features"],
            settings.hidden,
            n_outputs,
            both_ways=settings.bidirectional,
            pooling=settings.pooling,
            dropout=settings.dropout,
        )


def _single_block(inputs: Inputs) -> Sequences:
    if len(inputs.sequences) != 1 or len(inputs.names) != 1:
        raise InputError(f"bilstm takes one block of sequences, found {', '.join(inputs.names) or 'none'}")
    return next(iter(inputs.sequences.values()))


MODELS: tuple[Model, ...] = (
    network_model(
        "bilstm",
        "Bidirectional LSTM over token or frame states, then LSTM, batch normalisation, dropout",
        BiLstm,
        BiLstmSettings,
        {"sequence"},
    ),
)
