"""What a network says of rows. Needs PyTorch alone: Lightning takes seconds to import, and is for training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.core.errors import ConfigError
from tasks.models.training import batches
from tasks.models.training.batches import RowSource
from tasks.models.training.settings import TrainingSettings, device, threads


def logits(network: nn.Module, examples: RowSource, settings: TrainingSettings) -> NDArray[np.float64]:
    """Return a network's outputs, shape (n_rows, n_outputs), in float32's precision whatever the training's was."""
    return _told(network, examples, settings, lambda inputs: network(**inputs))


def embeddings(network: nn.Module, examples: RowSource, settings: TrainingSettings) -> NDArray[np.float64]:
    """Return what goes into a network's last linear layer, shape (n_rows, n_hidden): its outputs but for that layer.

    Raises:
        ConfigError: if there is no linear layer, or a row does not go through the last one exactly once, as one vector
    """
    taken: list[Tensor] = []

    def told(inputs: Mapping[str, Tensor]) -> Tensor:
        taken.clear()
        network(**inputs)
        if len(taken) != 1 or taken[0].ndim != 2:
            raise ConfigError(
                f"{type(network).__name__} has no embeddings: its last linear layer was given {len(taken)} inputs, of "
                f"shapes {[tuple(one.shape) for one in taken]}; expected one, of shape (n_rows, n_hidden)"
            )
        return taken[0]

    hook = last_linear(network).register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    try:
        return _told(network, examples, settings, told)
    finally:
        hook.remove()


def last_linear(network: nn.Module) -> nn.Linear:
    """Return the last linear layer in the order of a network's modules.

    Raises:
        ConfigError: if there is none
    """
    found = [one for one in network.modules() if isinstance(one, nn.Linear)]
    if not found:
        raise ConfigError(
            f"{type(network).__name__} has no linear layer, and so no embeddings; take a network that ends in one"
        )
    return found[-1]


def tensors(named: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return arrays as tensors, by the same names."""
    return {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in named.items()}


def _told(
    network: nn.Module, examples: RowSource, settings: TrainingSettings, tell: Callable[[Mapping[str, Tensor]], Tensor]
) -> NDArray[np.float64]:
    """Return what `tell` gives of each batch's named arguments, put back in place, shape (n_rows, …)."""
    where, found, rows = device(), [], batches.in_order(len(examples), settings.batch_size, examples.lengths)
    network.to(where).eval()
    with threads(settings.threads), torch.inference_mode():
        for some in rows:
            inputs = {name: one.to(where) for name, one in tensors(examples.batch(some)).items()}
            found.append(tell(inputs).float().cpu().numpy())
    network.cpu()
    placed = np.empty((len(examples), found[0].shape[1]))
    placed[np.concatenate(rows)] = np.concatenate(found)
    return placed
