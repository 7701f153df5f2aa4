"""A training run: the rows, initial weights, loss and optimiser of one network."""

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

_INITIAL_WEIGHTS = 0
"""Takes the place of epoch + 1 in the random seed."""


@dataclass(frozen=True)
class EncodedRows:
    """Rows with their target and weights.

    Args:
        examples: the rows
        target: as `Target.encoded` returns it
        weights: float32, shape (n_rows,)
    """

    examples: RowSource
    target: NDArray[Any]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class TrainingRun:
    """A network to be trained.

    Args:
        settings: of its training
        seed: of all random numbers
        task: what its outputs are
        build: makes the network, by PyTorch's random state
        described: whatever else identifies the run, for JSON
    """

    settings: TrainingSettings
    seed: int
    task: Task
    build: Callable[[], nn.Module]
    described: Mapping[str, Any]


def losses(outputs: Tensor, target: Tensor, task: Task, smoothing: float = 0.0) -> Tensor:
    """Return each row's loss, shape (n_rows,).

    Args:
        outputs: of the network, shape (n_rows, n_outputs)
        target: as `Target.encoded` returns it
        task: cross-entropy for classes, binary cross-entropy for labels, squared error for values
        smoothing: share of certainty that is spread over all classes, or over both values of a label
    """
    if task == "classes":
        return functional.cross_entropy(outputs, target, reduction="none", label_smoothing=smoothing)
    if task == "labels":
        softened = target * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(outputs, softened, reduction="none").mean(dim=1)
    return functional.mse_loss(outputs, target, reduction="none").mean(dim=1)


def fresh_optimiser(network: nn.Module, settings: TrainingSettings, rate: float) -> torch.optim.Optimizer:
    """Return a new optimiser of all parameters of a network.

    Args:
        network: may have `groups`: rate → parameter groups with their own learning rates, the first with `rate`
        settings: which optimiser
        rate: the learning rate
    """
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    # fused: one pass over the weights instead of ten; Lightning does not clip gradients for it under autocast
    fused = settings.precision == "32" or not settings.gradient_clip
    return kind(groups(network, rate), lr=rate, weight_decay=settings.weight_decay, fused=fused)


def untrained(run: TrainingRun) -> nn.Module:
    """Return a run's network with its initial weights.

    Args:
        run: the training run
    """
    seed(run.seed, _INITIAL_WEIGHTS)
    return run.build()


def seed(*numbers: int) -> None:
    """Set PyTorch's random state.

    Args:
        numbers: mixed into one seed
    """
    mixed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(mixed) >> 1)


class BatchDataset(Dataset[Any]):
    """Dataset whose items are whole batches.

    Args:
        rows: what the batches are made of
    """

    def __init__(self, rows: EncodedRows) -> None:
        self.rows = rows

    def __getitem__(self, rows: Rows) -> dict[str, Any]:
        target = tensors({"target": self.rows.target[rows], "weights": self.rows.weights[rows]})
        return {"inputs": tensors(self.rows.examples.batch(rows)), **target}


def groups(network: nn.Module, rate: float) -> Any:
    """Return parameter groups: the network's own, if it has a method `groups`; else a single one.

    Args:
        network: the network
        rate: learning rate of the first group
    """
    own = getattr(network, "groups", None)
    return own(rate) if own else [{"params": list(network.parameters()), "lr": rate}]
