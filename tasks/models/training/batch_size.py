"""The batch size that is found on request: the largest power of two of which a step fits into memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from lightning.pytorch.utilities.memory import is_oom_error
from torch import Tensor, nn

from tasks.features.base.sequences import Rows
from tasks.models.training.checkpoint import Curve
from tasks.models.training.run import BatchDataset, EncodedRows, TrainingRun, drawn, fresh_optimiser, losses
from tasks.models.training.settings import device

_LARGEST_BATCH = 4096
_GPU_SHARE, _CPU_SHARE = 0.9, 0.5
"""Of the GPU's memory, and of the memory that is available on the machine: what a step may take when it is tried."""
_PROBES = 2, 4
"""Rows of the steps by which a larger step's memory is told on the CPU; batch normalisation needs two."""


def sized(run: TrainingRun, search: Curve) -> TrainingRun:
    """Return a run with the batch size that was found, if one was looked for and found."""
    sizes = [int(one["batch_size"]) for one in search if "batch_size" in one]
    return replace(run, settings=replace(run.settings, batch_size=sizes[-1])) if sizes else run


def sizes(run: TrainingRun, part: EncodedRows) -> tuple[Curve, list[str]]:
    """Return the batch sizes of which a step fits into memory, rising, and a note of what was found.

    Not by Lightning's `Tuner.scale_batch_size`: it learns that a size does not fit from an error that only GPUs give
    (on a CPU the system ends the process), and tries three of the batches there are, which, where rows of similar
    length stand together, are seldom those of the longest rows.
    """
    asked, most = run.settings.batch_size, min(len(part.examples), _LARGEST_BATCH)
    powers = [size for k in range(_LARGEST_BATCH.bit_length()) if asked <= (size := 2**k) <= most]
    fits = _fits_gpu(run, part) if device() == "cuda" else _fits_cpu(run, part)
    found = list(itertools.takewhile(fits, powers))
    if not found:
        why = f"{powers[0]} rows do not fit into memory" if powers else f"there is no power of two up to {most} rows"
        return [], [f"the batch-size finder kept batch_size {asked}: {why}"]
    over = powers[len(found) : len(found) + 1]
    told = f"{over[0]} do not fit into memory" if over else f"{most} are the most that were asked for"
    note = f"the batch-size finder chose {found[-1]} rows ({told} on {device()}); batch_size was {asked}"
    return [{"batch_size": float(size)} for size in found], [note]


def _fits_gpu(run: TrainingRun, part: EncodedRows) -> Callable[[int], bool]:
    """Return what tells, by trying, whether a whole step of the longest rows fits into the GPU's memory."""
    order = longest(part)

    def fits(size: int) -> bool:
        network = drawn(run).to("cuda").train()
        torch.cuda.set_per_process_memory_fraction(_GPU_SHARE)
        try:
            step = fresh_optimiser(network, run.settings, run.settings.learning_rate)
            torch.autograd.backward(_forward(network, run, part, order[:size], "cuda"))
            step.step()
        except RuntimeError as error:
            # some of CUDA's libraries have errors of their own for too little memory
            if not is_oom_error(error):
                raise
            return False
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            network.cpu()
            torch.cuda.empty_cache()
        return True

    return fits


def _fits_cpu(run: TrainingRun, part: EncodedRows) -> Callable[[int], bool]:
    """Return what tells whether a step would stay below a share of the memory that is available.

    What a step holds grows with its rows along a straight line, which is drawn through two small steps of the longest
    row: a number of bytes that is the same each time, unlike the process's own memory, and on the safe side: of dense
    layers 1.4 times, of an LSTM 3.5 times what a process was seen to grow by.
    """
    import psutil

    network, row = drawn(run).train(), longest(part)[:1]
    (few, less), (many, more) = ((n, held(network, run, part, np.repeat(row, n))) for n in _PROBES)
    each = (more - less) / (many - few)
    available = psutil.virtual_memory().available
    return lambda size: less + each * (size - few) <= _CPU_SHARE * available


def held(network: nn.Module, run: TrainingRun, part: EncodedRows, rows: Rows) -> int:
    """Return how many bytes a step holds: what it keeps for going backward, twice, since gradients are as large."""
    kept: dict[int, int] = {}

    def keep(one: Tensor) -> Tensor:
        storage = one.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        # not itself: what a layer gave out would hold the layer that holds it
        return one.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        # held until all is counted: freed memory would be given out, and counted, again
        loss = _forward(network, run, part, rows, "cpu")
    del loss
    return 2 * sum(kept.values())


def _forward(network: nn.Module, run: TrainingRun, part: EncodedRows, rows: Rows, where: str) -> Tensor:
    batch = BatchDataset(part)[rows]
    inputs = {name: one.to(where) for name, one in batch["inputs"].items()}
    with torch.autocast(where, dtype=torch.bfloat16, enabled=run.settings.precision == "bf16"):
        found = network(**inputs)
    mean: Tensor = losses(found.float(), batch["target"].to(where), run.task).mean()
    return mean


def longest(part: EncodedRows) -> Rows:
    """Return the rows, the longest first."""
    lengths = part.examples.lengths
    return np.arange(len(part.examples)) if lengths is None else np.argsort(-lengths, kind="stable")
