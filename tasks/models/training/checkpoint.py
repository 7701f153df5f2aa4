"""Checkpoint after each epoch, from which a killed training continues.

One safetensors file: tensors, and JSON in its header. Unlike Lightning's own checkpoints, which are pickles, reading it
executes nothing. A truncated or damaged checkpoint is ignored.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]
Curve = list[dict[str, float]]

_FILE, _PARTIAL = "checkpoint.safetensors", "checkpoint.part"


@dataclass
class TrainingState:
    """Training between two epochs.

    Args:
        weights: of the network
        optimiser: its state, by `PARAMETER.NAME`
        best: the weights of the best epoch; empty if there is none, or it is the last
        epochs: completed
        steps: of the optimiser so far
        curves: one entry per epoch
        rate: the learning rate that the finder proposed; None if there was no search, or it failed
        search: what the finders tried: batch sizes, then learning rates with their losses
        notes: what did not go as the settings ask
    """

    weights: Tensors
    optimiser: Tensors = field(default_factory=dict)
    best: Tensors = field(default_factory=dict)
    epochs: int = 0
    steps: int = 0
    curves: Curve = field(default_factory=list)
    rate: float | None = None
    search: Curve = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """Result of training: final weights, curves, search and notes, as in `TrainingState`."""

    weights: Tensors
    curves: Curve
    search: Curve = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_TENSORS = ("weights", "optimiser", "best")
_PLAIN = ("epochs", "steps", "curves", "rate", "search", "notes")


def write(state: TrainingState, folder: Path, run: str) -> None:
    """Write a checkpoint atomically.

    Args:
        state: of the training
        folder: where; created if need be
        run: key of the run it belongs to
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{group}.{name}": tensor.detach().cpu().contiguous()
        for group in _TENSORS
        for name, tensor in getattr(state, group).items()
    }
    plain = json.dumps({name: getattr(state, name) for name in _PLAIN})
    header = {"run": run, "state": plain, "sum": str(_checksum(tensors, plain))}
    save_file(tensors, folder / _PARTIAL, metadata=header)
    (folder / _PARTIAL).replace(folder / _FILE)


def read(folder: Path, run: str) -> TrainingState | None:
    """Return the checkpoint of a run; None if there is none, or it is damaged or another run's.

    Args:
        folder: of the checkpoint
        run: key of the run
    """
    try:
        with safe_open(folder / _FILE, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        plain = json.loads(header["state"])
        intact = header["sum"] == str(_checksum(tensors, header["state"]))
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    if not intact or header["run"] != run:
        return None
    groups: dict[str, Any] = {group: _of_group(group, tensors) for group in _TENSORS}
    return TrainingState(**groups, **{name: plain[name] for name in _PLAIN})


def forget(folder: Path) -> None:
    """Remove a checkpoint, and its folder if that is then empty.

    Args:
        folder: of the checkpoint
    """
    for name in (_FILE, _PARTIAL):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _of_group(group: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {name.removeprefix(f"{group}."): tensor for name, tensor in tensors.items() if name.startswith(f"{group}.")}


def _checksum(tensors: Mapping[str, Tensor], plain: str) -> int:
    """Return a CRC: safetensors detects a truncated file, but not a flipped bit."""
    checksum = zlib.crc32(plain.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        # reshaped, because a 0-dimensional array has no byte view
        checksum = zlib.crc32(tensors[name].numpy().reshape(-1).view("uint8").data, checksum)
    return checksum
