"""One network to be trained: its rows, its first weights, its loss and its optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from tasks.features.base.sequences import Rows
from tasks.models.base.estimator import Task
from tasks.models.training.batches import RowSource
from tasks.models.training.inference import tensors
from tasks.models.training.settings import TrainingSettings

_FIRST_WEIGHTS = 0
"""Stands where epoch + 1 stands in the seeds of the random state."""


@dataclass(frozen=True)
class EncodedRows:
    """Rows with what is to be learned of them.

    Args:
        examples: the rows
        target: as `Target.encoded` returns it
        weights: of the rows, float32, shape (n_rows,)
    """

    examples: RowSource
    target: NDArray[Any]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class TrainingRun:
    """One network to be trained.

    Args:
        settings: of its training
        seed: of everything that chance decides
        task: what its outputs are
        build: makes the network, by PyTorch's random state
        described: what else makes it this run and no other, for JSON
    """

    settings: TrainingSettings
    seed: int
    task: Task
    build: Callable[[], nn.Module]
    described: Mapping[str, Any]


def losses(found: Tensor, target: Tensor, task: Task, smoothing: float = 0.0) -> Tensor:
    """Return each row's loss, shape (n_rows,).

    Args:
        found: outputs, shape (n_rows, n_outputs)
        target: as `Target.encoded` returns it
        task: cross-entropy for classes, binary cross-entropy for labels, squared error for values
        smoothing: share of certainty that is spread over all classes, or over both values of a label
    """
    if task == "classes":
        return functional.cross_entropy(found, target, reduction="none", label_smoothing=smoothing)
    if task == "labels":
        softened = target * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(found, softened, reduction="none").mean(dim=1)
    return functional.mse_loss(found, target, reduction="none").mean(dim=1)


def fresh_optimiser(network: nn.Module, settings: TrainingSettings, rate: float) -> torch.optim.Optimizer:
    """Return an optimiser of all of a network's parameters that has made no step yet.

    Args:
        network: may have `groups`: rate → parameters with learning rates of their own, of which the first has the rate
        settings: which optimiser
        rate: the learning rate
    """
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(
        groups(network, rate),
        lr=rate,
        weight_decay=settings.weight_decay,
        # one pass over the weights instead of ten
        fused=True,
    )


def drawn(run: TrainingRun) -> nn.Module:
    """Return a run's network before it is trained."""
    seed(run.seed, _FIRST_WEIGHTS)
    return run.build()


def seed(*numbers: int) -> None:
    """Set PyTorch's random state by some numbers."""
    mixed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(mixed) >> 1)


class BatchDataset(Dataset[Any]):
    """A part of the data, whose items are whole batches."""

    def __init__(self, part: EncodedRows) -> None:
        self.part = part

    def __getitem__(self, rows: Rows) -> dict[str, Any]:
        target, weights = self.part.target[rows], self.part.weights[rows]
        rest = tensors({"target": target, "weights": weights})
        return {"inputs": tensors(self.part.examples.batch(rows)), **rest}


def groups(network: nn.Module, rate: float) -> Any:
    """Return parameters with learning rates of their own, where the network has them; the first has the one set."""
    own = getattr(network, "groups", None)
    return own(rate) if own else [{"params": list(network.parameters()), "lr": rate}]
