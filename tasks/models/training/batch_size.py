"""Batch-size finder: the largest power of two of which a training step fits into memory."""

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
from tasks.models.training.run import BatchDataset, EncodedRows, TrainingRun, fresh_optimiser, losses, untrained
from tasks.models.training.settings import device

_LARGEST_BATCH = 4096
_GPU_SHARE, _CPU_SHARE = 0.9, 0.5
"""Shares of the GPU's memory, and of the machine's available memory, that a trial step may take."""
_PROBES = 2, 4
"""Rows of the steps from which memory is extrapolated on the CPU; batch normalisation needs two."""


def resized(run: TrainingRun, search: Curve) -> TrainingRun:
    """Return a run with the batch size that was chosen, if there was a search.

    Args:
        run: the training run
        search: as `sizes` returned it
    """
    chosen = [int(entry["batch_size"]) for entry in search if "batch_size" in entry]
    return replace(run, settings=replace(run.settings, batch_size=chosen[-1])) if chosen else run


def sizes(run: TrainingRun, rows: EncodedRows) -> tuple[Curve, list[str]]:
    """Find the batch sizes of which a step fits into memory.

    Lightning's `Tuner.scale_batch_size` does not serve: it relies on an error that only GPUs raise (on a CPU the system
    kills the process), and tries three batches, which in batches sorted by length are seldom the longest.

    Args:
        run: the training run
        rows: the training part

    Returns:
        the sizes, rising, as `batch_size` of an entry each; and a note
    """
    asked, most = run.settings.batch_size, min(len(rows.examples), _LARGEST_BATCH)
    powers = [size for k in range(_LARGEST_BATCH.bit_length()) if asked <= (size := 2**k) <= most]
    fits = _fits_gpu(run, rows) if device() == "cuda" else _fits_cpu(run, rows)
    fitting = list(itertools.takewhile(fits, powers))
    if not fitting:
        why = f"{powers[0]} rows do not fit into memory" if powers else f"there is no power of two up to {most} rows"
        return [], [f"the batch-size finder kept batch_size {asked}: {why}"]
    over = powers[len(fitting) : len(fitting) + 1]
    reason = f"{over[0]} do not fit into memory" if over else f"{most} are the most that were asked for"
    note = f"the batch-size finder chose {fitting[-1]} rows ({reason} on {device()}); batch_size was {asked}"
    return [{"batch_size": float(size)} for size in fitting], [note]


def _fits_gpu(run: TrainingRun, rows: EncodedRows) -> Callable[[int], bool]:
    """Return a test whether a whole step of the longest rows fits into the GPU's memory, by trying it."""
    order = longest(rows)

    def fits(size: int) -> bool:
        network = untrained(run).to("cuda").train()
        torch.cuda.set_per_process_memory_fraction(_GPU_SHARE)
        try:
            step = fresh_optimiser(network, run.settings, run.settings.learning_rate)
            torch.autograd.backward(_loss(network, run, rows, order[:size], "cuda"))
            step.step()
        except RuntimeError as error:
            # not torch.OutOfMemoryError: some CUDA libraries have their own errors for too little memory
            if not is_oom_error(error):
                raise
            return False
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            network.cpu()
            torch.cuda.empty_cache()
        return True

    return fits


def _fits_cpu(run: TrainingRun, rows: EncodedRows) -> Callable[[int], bool]:
    """Return a test whether a step would stay below a share of the available memory.

    A step's memory is linear in its rows, so it is extrapolated from two small steps of the longest row. The bytes are
    counted, not measured: they are the same each time, and an upper bound (1.4 times the growth of the process for
    dense layers, 3.5 times for an LSTM).
    """
    import psutil

    network, row = untrained(run).train(), longest(rows)[:1]
    (few, less), (many, more) = ((n, held(network, run, rows, np.repeat(row, n))) for n in _PROBES)
    per_row = (more - less) / (many - few)
    available = psutil.virtual_memory().available
    return lambda size: less + per_row * (size - few) <= _CPU_SHARE * available


def held(network: nn.Module, run: TrainingRun, rows: EncodedRows, positions: Rows) -> int:
    """Return the bytes a step holds: the tensors saved for the backward pass, twice, as gradients are as large.

    Args:
        network: in training mode
        run: the training run
        rows: the training part
        positions: rows of the step
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        # detached: a layer's output refers to the layer, which would be a reference cycle
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # the loss keeps all tensors alive until they are counted: freed memory would be reused, and counted again
        loss = _loss(network, run, rows, positions, "cpu")
    del loss
    return 2 * sum(kept.values())


def _loss(network: nn.Module, run: TrainingRun, rows: EncodedRows, positions: Rows, where: str) -> Tensor:
    batch = BatchDataset(rows)[positions]
    inputs = {name: tensor.to(where) for name, tensor in batch["inputs"].items()}
    with torch.autocast(where, dtype=torch.bfloat16, enabled=run.settings.precision == "bf16"):
        outputs = network(**inputs)
    mean: Tensor = losses(outputs.float(), batch["target"].to(where), run.task).mean()
    return mean


def longest(rows: EncodedRows) -> Rows:
    """Return the positions of the rows, longest first.

    Args:
        rows: the training part
    """
    lengths = rows.examples.lengths
    return np.arange(len(rows.examples)) if lengths is None else np.argsort(-lengths, kind="stable")
