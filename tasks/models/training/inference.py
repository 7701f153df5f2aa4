"""Outputs and embeddings of a network. Imports PyTorch only: Lightning takes seconds to import, and is for training."""

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


class EmbeddingTap(nn.Identity):
    """Marks its input as a network's embedding, where that is not the input of its last linear layer.

    Args:
        in_features: size of the embedding
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.in_features = in_features


def logits(network: nn.Module, examples: RowSource, settings: TrainingSettings) -> NDArray[np.float64]:
    """Return a network's outputs, computed in float32 whatever the precision of training.

    Args:
        network: named arguments of a batch → outputs
        examples: n_rows rows
        settings: batch size and threads

    Returns:
        shape (n_rows, n_outputs)
    """
    return _run(network, examples, settings, lambda inputs: network(**inputs))


def embeddings(network: nn.Module, examples: RowSource, settings: TrainingSettings) -> NDArray[np.float64]:
    """Return a network's embeddings: what its `EmbeddingTap` is given, or else its last linear layer.

    Args:
        network: named arguments of a batch → outputs
        examples: n_rows rows
        settings: batch size and threads

    Returns:
        shape (n_rows, n_hidden)

    Raises:
        ConfigError: if there is neither, or it is not called exactly once, with a vector per row
    """
    taken: list[Tensor] = []

    def run(inputs: Mapping[str, Tensor]) -> Tensor:
        taken.clear()
        network(**inputs)
        if len(taken) != 1 or taken[0].ndim != 2:
            raise ConfigError(
                f"{type(network).__name__} has no embeddings: its last layer was given {len(taken)} inputs, of "
                f"shapes {[tuple(tensor.shape) for tensor in taken]}; expected one, of shape (n_rows, n_hidden)"
            )
        return taken[0]

    hook = embedding_layer(network).register_forward_pre_hook(lambda _, arguments: taken.append(arguments[0]))
    try:
        return _run(network, examples, settings, run)
    finally:
        hook.remove()


def embedding_layer(network: nn.Module) -> nn.Linear | EmbeddingTap:
    """Return the layer whose inputs are embeddings: an `EmbeddingTap`, or else the last linear layer of all modules.

    Args:
        network: the network

    Raises:
        ConfigError: if there is neither
    """
    modules = list(network.modules())
    layers: list[nn.Linear | EmbeddingTap] = [module for module in modules if isinstance(module, EmbeddingTap)]
    layers = layers or [module for module in modules if isinstance(module, nn.Linear)]
    if not layers:
        raise ConfigError(
            f"{type(network).__name__} has no linear layer, and so no embeddings; take a network that ends in one"
        )
    return layers[-1]


def tensors(named: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return arrays as tensors.

    Args:
        named: name → array
    """
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in named.items()}


def _run(
    network: nn.Module,
    examples: RowSource,
    settings: TrainingSettings,
    function: Callable[[Mapping[str, Tensor]], Tensor],
) -> NDArray[np.float64]:
    """Return `function` of each batch's named arguments, in the order of the rows, shape (n_rows, …)."""
    where, results = device(), []
    rows = batches.in_order(len(examples), settings.batch_size, examples.lengths, batches.documents_of(examples))
    network.to(where).eval()
    with threads(settings.threads), torch.inference_mode():
        for batch_rows in rows:
            inputs = {name: tensor.to(where) for name, tensor in tensors(examples.batch(batch_rows)).items()}
            results.append(function(inputs).float().cpu().numpy())
    network.cpu()
    ordered = np.empty((len(examples), results[0].shape[1]))
    # batches are sorted by length
    ordered[np.concatenate(rows)] = np.concatenate(results)
    return ordered
