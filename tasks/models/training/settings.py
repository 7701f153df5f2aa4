"""Training settings of every network; device and CPU threads of PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tasks.core.errors import ConfigError
from tasks.features.base import torch_state
from tasks.models.base.checks import above_zero, demand_share

DEVICE = "UNDERTONE_DEVICE"
"""Environment variable: `cpu`, `cuda`, or nothing: cuda where there is one."""


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Args:
        epochs: times that every row is seen, at most
        batch_size: rows per step; a last row that would stand alone joins the batch before it
        learning_rate: at its highest
        weight_decay: of the optimiser: as a penalty for `adam`, decoupled for `adamw` (Loshchilov & Hutter 2019)
        optimiser: `adam` or `adamw`
        schedule: of the learning rate over all steps: `constant`; `linear`: up, then down to 0; `one-cycle`: up from a
            25th and down to next to nothing, along cosines (Smith & Topin 2018; the momentum stays as it is)
        warmup_share: share of the steps in which `linear` and `one-cycle` go up
        find_learning_rate: look for the learning rate first, by Lightning's range test (Smith 2017); needs some 100
            steps, and takes the place of `learning_rate`
        find_batch_size: look for the batch size first: the largest power of two from `batch_size` up, at most 4,096 and
            at most the training part, of which a step fits into memory; takes the place of `batch_size`, while the
            learning rate stays as it is set, or is then looked for. It is the one setting by which the machine decides
            on a result, and so a note says what was found
        patience: epochs without a better development score after which training stops; 0: never
        monitor: the development score that `patience` and `restore_best` go by
        restore_best: keep the weights of the epoch that was best on the development part, instead of the last
        gradient_clip: largest norm of the gradient; 0: any
        precision: `bf16`: bfloat16 where it is safe, by autocast
        devices: processes, one per device; each takes its share of the batches
        accumulate: batches whose gradients make one step
        threads: PyTorch's threads on the CPU: a setting, because sums come out differently in their last bits
        label_smoothing: share of a class's, or a label's, certainty that is spread over the others
        logger: where curves are written besides, with the settings and what they were trained from (see
            `tasks.models.training.lineage`): `csv` and `tensorboard` into `logs/` of the training folder; `wandb`, also
            offline (`WANDB_MODE=offline`); `mlflow`, to `MLFLOW_TRACKING_URI` or a database in the training folder
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    optimiser: Literal["adam", "adamw"] = "adam"
    schedule: Literal["constant", "linear", "one-cycle"] = "constant"
    warmup_share: float = 0.1
    find_learning_rate: bool = False
    find_batch_size: bool = False
    patience: int = 0
    monitor: Literal["loss", "accuracy", "macro_f1"] = "loss"
    restore_best: bool = True
    gradient_clip: float = 0.0
    precision: Literal["32", "bf16"] = "32"
    devices: int = 1
    accumulate: int = 1
    threads: int = 1
    label_smoothing: float = 0.0
    logger: Literal["none", "csv", "tensorboard", "wandb", "mlflow"] = "none"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "devices", "accumulate", "threads"):
            above_zero(name, getattr(self, name))
        for name in ("weight_decay", "patience", "gradient_clip"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}")
        for name in ("warmup_share", "label_smoothing"):
            demand_share(name, getattr(self, name))
        if self.find_batch_size and self.devices > 1:
            raise ValueError(
                f"find_batch_size is for one device, found devices {self.devices}; set batch_size yourself"
            )


def device() -> Literal["cpu", "cuda"]:
    """Return what to compute on, by the environment and by what there is.

    Raises:
        ConfigError: if the environment asks for what is not there
    """
    import torch

    asked, there = os.environ.get(DEVICE, ""), torch.cuda.is_available()
    if asked not in ("", "cpu", "cuda"):
        raise ConfigError(f"{DEVICE} is {asked!r}; it may be cpu or cuda, or not be set")
    if asked == "cuda" and not there:
        raise ConfigError(f"{DEVICE} is cuda, and PyTorch finds no CUDA device here; unset it, or set it to cpu")
    return "cuda" if there and asked != "cpu" else "cpu"


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let PyTorch use so many threads of the CPU, and no other thread of this process change that meanwhile."""
    import torch

    with torch_state.exclusive():
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)
