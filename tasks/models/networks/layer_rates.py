"""Discriminative learning rates of a pretrained encoder: lower layers learn less (Howard & Ruder 2018, ULMFiT)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn


def rated_groups(
    named: Iterable[tuple[str, nn.Parameter]],
    layer_of: Callable[[str], int | None],
    depth: int,
    rate: float,
    layer_decay: float,
) -> list[dict[str, Any]]:
    """Return an optimiser's parameter groups, the top layer first.

    Parameters below all layers (embeddings, convolutions) have the lowest rate. Biases and normalisation have no weight
    decay.

    Args:
        named: name and parameter
        layer_of: name → layer, from 0, the lowest; None: below all layers
        depth: number of layers
        rate: of the top layer
        layer_decay: rate of a layer over that of the layer above it
    """
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        layer = layer_of(name)
        below = depth if layer is None else depth - 1 - layer
        groups.setdefault((below, parameter.ndim > 1), []).append(parameter)
    rated = []
    for (below, decayed), parameters in sorted(groups.items(), key=lambda group: group[0]):
        without_decay = {} if decayed else {"weight_decay": 0.0}
        rated.append({"params": parameters, "lr": rate * layer_decay**below, **without_decay})
    return rated
