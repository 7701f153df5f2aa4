"""Training as it stands after an epoch, kept so that a run that was killed can go on.

One safetensors file: numbers, and JSON in its header. Reading it executes nothing, unlike Lightning's own checkpoints,
which are pickles; so a checkpoint need not be trusted, and one that is cut off or damaged is as good as none.
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

_FILE, _PART = "checkpoint.safetensors", "checkpoint.part"


@dataclass
class TrainingState:
    """Training between two epochs.

    Args:
        weights: of the network
        optimiser: its state, by `PARAMETER.NAME`
        best: the weights of the best epoch; empty: there is none, or it is the last
        epochs: how many are done
        steps: how many the optimiser has made
        curves: one entry per epoch
        rate: the learning rate that the finder proposed; None: not looked for, or none found
        search: what the finders tried: sizes of a batch, then learning rates with their losses
        notes: what had to give way
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
    """What training left: the weights that are used, and its curves."""

    weights: Tensors
    curves: Curve
    search: Curve = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_TENSORS = ("weights", "optimiser", "best")
_PLAIN = ("epochs", "steps", "curves", "rate", "search", "notes")


def write(state: TrainingState, folder: Path, run: str) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        state: of the training
        folder: where; made if need be
        run: what the checkpoint belongs to
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().contiguous()
        for part in _TENSORS
        for name, tensor in getattr(state, part).items()
    }
    plain = json.dumps({name: getattr(state, name) for name in _PLAIN})
    header = {"run": run, "state": plain, "sum": str(_sum(tensors, plain))}
    save_file(tensors, folder / _PART, metadata=header)
    (folder / _PART).replace(folder / _FILE)


def read(folder: Path, run: str) -> TrainingState | None:
    """Return the checkpoint of a run, or None if there is none, or it is another run's, or damaged."""
    try:
        with safe_open(folder / _FILE, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        plain = json.loads(header["state"])
        whole = header["sum"] == str(_sum(tensors, header["state"]))
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    if not whole or header["run"] != run:
        return None
    parts: dict[str, Any] = {part: _of(part, tensors) for part in _TENSORS}
    return TrainingState(**parts, **{name: plain[name] for name in _PLAIN})


def forget(folder: Path) -> None:
    """Remove a checkpoint, and its folder if nothing else is in it."""
    for name in (_FILE, _PART):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _of(part: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def _sum(tensors: Mapping[str, Tensor], plain: str) -> int:
    """Return a checksum: safetensors notices a file that was cut off, but not a bit that fell over."""
    found = zlib.crc32(plain.encode())
    for name in sorted(tensors):
        found = zlib.crc32(name.encode(), found)
        # a 0-dimensional array has no bytes to be seen as
        found = zlib.crc32(tensors[name].numpy().reshape(-1).view("uint8").data, found)
    return found
