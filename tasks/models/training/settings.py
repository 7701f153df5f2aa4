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
"""Environment variable: `cpu`, `cuda`, or unset: cuda if there is a device."""


@dataclass(frozen=True)
class Cycle:
    """A part of the training with a schedule of its own.

    Args:
        start: its first step
        end: the step after its last
        height: its highest learning rate over `learning_rate`
    """

    start: int
    end: int
    height: float = 1.0


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of training.

    Args:
        epochs: passes over all rows, at most
        batch_size: rows per step; a single row left over joins the previous batch, unless all are single
        learning_rate: the highest of the schedule
        weight_decay: of the optimiser: L2 penalty for `adam`, decoupled for `adamw` (Loshchilov & Hutter 2019)
        optimiser: `adam` or `adamw`
        schedule: of the learning rate over all steps: `constant`; `linear`: up, then down to 0; `one-cycle`: up from a
            25th and down to nearly 0, along cosines (Smith & Topin 2018; momentum stays constant)
        warmup_share: share of the steps in which `linear` and `one-cycle` rise
        find_learning_rate: replace `learning_rate` by the result of Lightning's range test (Smith 2017); needs some 100
            steps
        find_batch_size: replace `batch_size` by the largest power of two from it up, at most 4,096 and at most the
            training part, of which a step fits into memory; the learning rate is kept, or is found afterwards. The only
            setting by which the machine affects a result, so a note states the size
        patience: epochs without a better development score after which training stops; 0: never
        monitor: the development score for `patience` and `restore_best`
        restore_best: keep the weights of the epoch that was best on the development part, instead of the last
        gradient_clip: largest norm of the gradient; 0: no limit
        precision: `bf16`: bfloat16 where it is safe, by autocast
        devices: processes, one per device; each takes its share of the batches
        accumulate: batches whose gradients make one step
        threads: PyTorch's CPU threads; a setting, because they change the last bits of sums
        label_smoothing: share of a class's, or a label's, certainty that is spread over the others
        logger: where curves, settings and provenance (`tasks.models.training.lineage`) are also written: `csv` and
            `tensorboard` into `logs/` of the training folder; `wandb`, also offline (`WANDB_MODE=offline`); `mlflow` to
            `MLFLOW_TRACKING_URI` or a database in the training folder
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

    def cycle(self, step: int, n_steps: int) -> Cycle:
        """Return the schedule that a step belongs to: here one over all steps.

        Args:
            step: from 0
            n_steps: in all epochs
        """
        return Cycle(0, n_steps)


@dataclass(frozen=True)
class FineTuningSettings(TrainingSettings):
    """Settings that all fine-tuned encoders share.

    Args:
        learning_rate: of the encoder's top layer
        layer_decay: learning rate of a layer over that of the layer above it
        head_learning_rate: of the new layers on top
        dropout: before each new layer
    """

    weight_decay: float = 0.01
    optimiser: Literal["adam", "adamw"] = "adamw"
    schedule: Literal["constant", "linear", "one-cycle"] = "linear"
    gradient_clip: float = 1.0
    layer_decay: float = 1.0
    head_learning_rate: float = 1e-3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layer_decay", "head_learning_rate"):
            above_zero(name, getattr(self, name))
        if self.layer_decay > 1:
            raise ValueError(f"layer_decay must be at most 1, found {self.layer_decay}")
        demand_share("dropout", self.dropout)


def device() -> Literal["cpu", "cuda"]:
    """Return the device to compute on, by the environment variable and the hardware.

    Raises:
        ConfigError: if the variable asks for a device that does not exist
    """
    import torch

    asked, available = os.environ.get(DEVICE, ""), torch.cuda.is_available()
    if asked not in ("", "cpu", "cuda"):
        raise ConfigError(f"{DEVICE} is {asked!r}; it may be cpu or cuda, or not be set")
    if asked == "cuda" and not available:
        raise ConfigError(f"{DEVICE} is cuda, and PyTorch finds no CUDA device here; unset it, or set it to cpu")
    return "cuda" if available and asked != "cpu" else "cpu"


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Set PyTorch's CPU threads for a while; other threads of this process that would change them wait.

    Args:
        number: CPU threads
    """
    import torch

    with torch_state.exclusive():
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)
