"""What a network says of rows. Needs PyTorch alone: Lightning takes seconds to import, and is for training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.models import batches
from tasks.models.batches import Examples
from tasks.models.training import Training, device, threads


def logits(network: nn.Module, examples: Examples, settings: Training) -> NDArray[np.float64]:
    """Return a network's outputs, shape (n_rows, n_outputs), in float32's precision whatever the training's was."""
    where, found, rows = device(), [], batches.in_order(len(examples), settings.batch_size, examples.lengths)
    network.to(where).eval()
    with threads(settings.threads), torch.inference_mode():
        for some in rows:
            inputs = {name: one.to(where) for name, one in tensors(examples.batch(some)).items()}
            found.append(network(**inputs).float().cpu().numpy())
    network.cpu()
    placed = np.empty((len(examples), found[0].shape[1]))
    placed[np.concatenate(rows)] = np.concatenate(found)
    return placed


def tensors(named: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return arrays as tensors, by the same names."""
    return {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in named.items()}
