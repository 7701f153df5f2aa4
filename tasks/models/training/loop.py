"""The training loop: Lightning's, with everything random determined by the seed and the epoch.

Lightning runs the steps: devices, precision, accumulation, clipping, the learning-rate finder, loggers. Everything that
must be the same after a kill is implemented here: the order of rows, the random state, the schedule and the choice of
the best epoch are functions of (seed, epoch) and of `TrainingState`. Lightning's checkpoints are pickles, and unused.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins.io import CheckpointIO
from lightning.pytorch.tuner.tuning import Tuner
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from tasks.core.errors import ConfigError
from tasks.evaluation import scores
from tasks.features.base import torch_state
from tasks.features.base.sequences import Rows
from tasks.models.base.estimator import Task
from tasks.models.training import batch_size, batches, checkpoint, lineage, loggers, rate_finder
from tasks.models.training.checkpoint import Curve, Tensors, Trained, TrainingState
from tasks.models.training.run import BatchDataset, EncodedRows, TrainingRun, fresh_optimiser, losses, seed, untrained
from tasks.models.training.settings import TrainingSettings, device, threads

_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 25e4
_LOG = logging.getLogger("undertone.training")
_VERBOSE_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning_utilities")


def train(run: TrainingRun, rows: EncodedRows, held_out: EncodedRows | None, folder: Path | None) -> Trained:
    """Train a network, from the checkpoint in `folder` if there is one of this run.

    The checkpoint stays afterwards: `forget` removes it.

    Args:
        run: the training run
        rows: the training part
        held_out: the development part
        folder: of checkpoint and logs

    Raises:
        ConfigError: if training diverges
        InputError: if the logger's library is missing
    """
    key = _key(run, rows, held_out)
    # processes of several devices return what they trained through the checkpoint
    with (
        _checkpoint_folder(folder, needed=run.settings.devices > 1) as kept,
        threads(run.settings.threads),
        _deterministic(),
        _quiet(),
    ):
        state = checkpoint.read(kept, key) if kept else None
        network = untrained(run)
        if state is None:
            state = _after_finders(run, rows)
        else:
            network.load_state_dict(state.weights)
        run = batch_size.resized(run, state.search)
        loop = _Loop(network.train(), run, state, _steps_per_epoch(run.settings, rows), (kept, key))
        if not loop.finished:
            _fit(loop, run, rows, held_out, folder)
            state = (checkpoint.read(kept, key) if kept and run.settings.devices > 1 else None) or loop.state
    return Trained(state.best or state.weights, state.curves, state.search, state.notes)


def forget(folder: Path) -> None:
    """Remove the checkpoint of `train`; logs stay.

    Args:
        folder: of the training
    """
    checkpoint.forget(folder)


class _Loop(LightningModule):
    """A network in training.

    Args:
        network: named arguments of a batch → outputs, shape (n_rows, n_outputs); may have `groups`, as in
            `fresh_optimiser`, and `begin_epoch`, which is given the epoch, from 0
        run: the training run
        state: to continue from
        n_steps: of the optimiser per epoch
        kept: folder and key of the checkpoint
    """

    def __init__(
        self,
        network: nn.Module,
        run: TrainingRun,
        state: TrainingState,
        n_steps: int,
        kept: tuple[Path | None, str] = (None, ""),
    ) -> None:
        super().__init__()
        self.network, self.run, self.state = network, run, state
        self._first_epoch, self._first_step = state.epochs, state.steps
        self._n_steps, self._total_steps = n_steps, n_steps * run.settings.epochs
        self._kept = kept
        self.learning_rate = run.settings.learning_rate if state.rate is None else state.rate
        self._sums: list[Tensor] = []
        self._held_out: list[tuple[Tensor, Tensor]] = []
        self._rate = 0.0

    @property
    def epoch(self) -> int:
        """The epoch, from 0, counting those before a kill."""
        return self._first_epoch + self.current_epoch

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        settings, curves = self.run.settings, self.state.curves
        waited = len(curves) - 1 - _best(curves, settings)
        patient = not settings.patience or waited < settings.patience or not _monitored(curves, settings)
        return self.state.epochs >= settings.epochs or not patient

    def configure_optimizers(self) -> Any:
        """Return the optimiser in its saved state, and its schedule, whose only state is the number of steps."""
        settings = self.run.settings
        optimiser = fresh_optimiser(self.network, settings, self.learning_rate)
        if self.state.optimiser:
            _restore(optimiser, self.state.optimiser)
        # not self.global_step: steps before a kill count too
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: multiplier(settings, self._first_step + step, self._total_steps)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Log the provenance of the run."""
        # not earlier: a logger may start threads, and processes of several devices are forked before this point
        if self.trainer.is_global_zero and self.trainer.loggers:
            run = self.run
            parameters = lineage.hyper_parameters(run.settings, run.seed, run.task, run.described, Path.cwd())
            for logger in self.trainer.loggers:
                logger.log_hyperparams(parameters)

    def on_train_epoch_start(self) -> None:
        """Reset what is collected per epoch; pass the epoch to the network, if it has `begin_epoch`."""
        self._sums, self._held_out = [], []
        if begin := getattr(self.network, "begin_epoch", None):
            begin(self.epoch)

    def on_train_batch_start(self, batch: Any, number: int) -> None:
        """Seed the dropout of an epoch by seed and epoch, wherever training started."""
        # not in on_train_epoch_start: after that, except in the first epoch, the loader draws a random number
        if number == 0:
            seed(self.run.seed, self.epoch + 1, self.global_rank)

    def training_step(self, batch: Mapping[str, Any], _: int) -> Tensor:
        """Return the mean weighted loss of a batch; add up the losses and the accuracies of its rows.

        As the loss, the training accuracy is that of the epoch in progress: with dropout and augmentation, before each
        step. It is not weighted.
        """
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        outputs = self.network(**batch["inputs"]).float()
        by_row = losses(outputs, batch["target"], self.run.task, self.run.settings.label_smoothing) * batch["weights"]
        correct = _correct(outputs.detach(), batch["target"], self.run.task)
        self._sums.append(torch.stack([by_row.detach().sum(), correct.sum(), by_row.new_tensor(len(by_row))]))
        mean: Tensor = by_row.mean()
        return mean

    def validation_step(self, batch: Mapping[str, Any], _: int) -> None:
        """Collect the outputs of development rows."""
        self._held_out.append((self.network(**batch["inputs"]).float(), batch["target"]))

    def on_train_epoch_end(self) -> None:
        """Extend the curves, keep the best epoch, write a checkpoint, and stop if training is finished."""
        total = self.trainer.strategy.reduce(torch.stack(self._sums).sum(dim=0), reduce_op="sum")
        loss = float(total[0] / total[2])
        if not math.isfinite(loss):
            raise ConfigError(
                f"training diverged: the loss became {loss} in epoch {self.epoch + 1}, at a learning rate of "
                f"{self.learning_rate:g}: set a lower learning_rate or a gradient_clip, or look for NaN in the features"
            )
        entry = {"epoch": float(self.epoch + 1), "train_loss": loss, "learning_rate": float(self._rate)}
        if self.run.task != "values":
            entry["train_accuracy"] = float(total[1] / total[2])
        if self._held_out:
            outputs, target = (torch.cat(tensors) for tensors in zip(*self._held_out, strict=True))
            entry |= _development_scores(outputs, target, self.run.task)
        self._advance(entry)
        values = {name: value for name, value in entry.items() if name != "epoch"}
        text = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
        _LOG.info("epoch %d of %d: %s", self.epoch + 1, self.run.settings.epochs, text)
        if self.trainer.is_global_zero:
            folder, key = self._kept
            if folder:
                checkpoint.write(self.state, folder, key)
            for logger in self.trainer.loggers:
                logger.log_metrics(values, self.epoch + 1)
                logger.save()
        self.trainer.should_stop = self.finished

    def _advance(self, entry: dict[str, float]) -> None:
        state, settings = self.state, self.run.settings
        best_before = len(state.curves) and _best(state.curves, settings)
        curves = [*state.curves, entry]
        best = {}
        if settings.restore_best and _monitored(curves, settings) and _best(curves, settings) < len(curves) - 1:
            # the best weights are in `best` already, or are those of the previous epoch
            assert best_before == _best(curves, settings)
            best = state.best or state.weights
        self.state = TrainingState(
            weights=_copied(self.network.state_dict()),
            optimiser=_flat(self.trainer.optimizers[0].state_dict()["state"]),
            best=best,
            epochs=self.epoch + 1,
            steps=self._n_steps * (self.epoch + 1),
            curves=curves,
            rate=state.rate,
            search=state.search,
            notes=state.notes,
        )


class _TrialLoop(_Loop):
    """A loop for the learning-rate finder, which may diverge."""

    def on_train_epoch_end(self) -> None:
        """Do nothing: the finder counts steps, not epochs."""


def multiplier(settings: TrainingSettings, step: int, n_steps: int) -> float:
    """Return the learning rate of a step over `learning_rate`.

    Args:
        settings: schedule and warm-up
        step: from 0
        n_steps: in all epochs
    """
    cycle = settings.cycle(step, n_steps)
    return cycle.height * _share(settings, step - cycle.start, cycle.end - cycle.start)


def _share(settings: TrainingSettings, step: int, n_steps: int) -> float:
    """Return the learning rate of a step as a share of the highest of its schedule."""
    if settings.schedule == "constant":
        return 1.0
    warm = round(settings.warmup_share * n_steps)
    up, down = (step + 1) / (warm + 1), (n_steps - step) / max(1, n_steps - warm)
    if settings.schedule == "linear":
        return max(0.0, min(up, down))
    low, share = (_ONE_CYCLE_START, up) if step < warm else (_ONE_CYCLE_END, max(0.0, down))
    return low + (1 - low) * (1 - math.cos(math.pi * share)) / 2


class _Shuffled(Sampler[Rows]):
    """The batches of every epoch; Lightning reports the epochs done by `set_epoch`."""

    def __init__(self, rows: EncodedRows, run: TrainingRun, first_epoch: int) -> None:
        self._examples, self._run, self._first_epoch, self._epoch = rows.examples, run, first_epoch, 0

    def set_epoch(self, epoch: int) -> None:
        """Start an epoch, counted from where this process started."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Rows]:
        # a generator, so that the epoch is read when the first batch is requested
        yield from self._batches()

    def __len__(self) -> int:
        return len(self._batches())

    def _batches(self) -> list[Rows]:
        size, epoch = self._run.settings.batch_size, self._first_epoch + self._epoch
        examples, documents = self._examples, batches.documents_of(self._examples)
        order = batches.shuffled(len(examples), size, examples.lengths, self._run.seed, epoch, documents=documents)
        return batches.share(order, *_rank())


class _InMemoryCheckpoints(CheckpointIO):
    """Checkpoints in memory, for the finder, which restores the weights it started from."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self._kept[str(path)] = copy.deepcopy(checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        stored: dict[str, Any] = copy.deepcopy(self._kept[str(path)])
        return stored

    def remove_checkpoint(self, path: Any) -> None:
        self._kept.pop(str(path), None)


def _fit(loop: _Loop, run: TrainingRun, rows: EncodedRows, held_out: EncodedRows | None, folder: Path | None) -> None:
    held_out = _usable(held_out)
    trainer = _trainer(
        run.settings,
        max_epochs=run.settings.epochs - loop.state.epochs,
        devices=run.settings.devices,
        # forked, not spawned: memory maps are shared, and the program is not started again
        strategy="ddp_fork" if run.settings.devices > 1 else "auto",
        logger=loggers.logger(run.settings, folder, loop.state.epochs),
        log_every_n_steps=1,
        limit_val_batches=1.0 if held_out else 0.0,
    )
    training = _loader(rows, _Shuffled(rows, run, loop.state.epochs))
    # every process sees the whole development part, so that all agree on when to stop
    order = []
    if held_out:
        examples, documents = held_out.examples, batches.documents_of(held_out.examples)
        order = batches.in_order(len(examples), run.settings.batch_size, examples.lengths, documents)
    trainer.fit(loop, training, _loader(held_out, order) if held_out else None)


def _after_finders(run: TrainingRun, rows: EncodedRows) -> TrainingState:
    """Return the initial state, with the results of the finders: the batch size first, then the rate for it."""
    sizes, notes = batch_size.sizes(run, rows) if run.settings.find_batch_size else ([], [])
    run = batch_size.resized(run, sizes)
    state = _find_rate(run, rows) if run.settings.find_learning_rate else TrainingState({})
    return replace(state, search=[*sizes, *state.search], notes=[*notes, *state.notes])


def _find_rate(run: TrainingRun, rows: EncodedRows) -> TrainingState:
    """Search a learning rate with a network that is then discarded; return rate and curve."""
    trial = _TrialLoop(untrained(run).train(), run, TrainingState({}), _steps_per_epoch(run.settings, rows))
    trainer = _trainer(
        run.settings, max_epochs=-1, devices=1, logger=False, limit_val_batches=0.0, plugins=[_InMemoryCheckpoints()]
    )
    # the finder draws a progress bar that cannot be switched off
    with contextlib.redirect_stderr(io.StringIO()):
        tried = Tuner(trainer).lr_find(trial, _loader(rows, _Shuffled(rows, run, 0)), min_lr=1e-7, max_lr=1.0)
    assert tried is not None
    pairs = zip(tried.results["lr"], tried.results["loss"], strict=False)
    curve = [{"learning_rate": float(rate), "loss": float(loss)} for rate, loss in pairs if math.isfinite(loss)]
    rate = rate_finder.proposed(curve)
    note = f"the learning-rate finder saw no falling loss in {len(curve)} steps; learning_rate is as set"
    return TrainingState({}, rate=rate, search=curve, notes=[] if rate else [note])


def _trainer(settings: TrainingSettings, **options: Any) -> Trainer:
    return Trainer(
        accelerator="gpu" if device() == "cuda" else "cpu",
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        gradient_clip_val=settings.gradient_clip or None,
        accumulate_grad_batches=settings.accumulate,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # nothing should be written there; if anything is, then not into the current folder
        default_root_dir=os.devnull,
        **options,
    )


def _loader(rows: EncodedRows, order: Any) -> DataLoader[Any]:
    # pinned memory is copied to the GPU during the previous step; Lightning requests that (non_blocking)
    pinned = device() == "cuda"
    return DataLoader(BatchDataset(rows), batch_size=None, sampler=order, collate_fn=_identity, pin_memory=pinned)


def _identity(batch: Any) -> Any:
    return batch


def _usable(held_out: EncodedRows | None) -> EncodedRows | None:
    """Return the development part, unless it has none of the training classes."""
    if held_out is None or (held_out.target.ndim == 1 and not (held_out.target >= 0).any()):
        return None
    return held_out


def _correct(outputs: Tensor, target: Tensor, task: Task) -> Tensor:
    """Return each row's accuracy, shape (n_rows,): 0 or 1 for classes, the share of correct labels; 0 for values."""
    if task == "classes":
        return (outputs.argmax(dim=1) == target).float()
    if task == "labels":
        return ((outputs > 0) == (target > 0.5)).float().mean(dim=1)
    return outputs.new_zeros(len(outputs))


def _development_scores(outputs: Tensor, target: Tensor, task: Task) -> dict[str, float]:
    """Return scores of the development part; classes not in training count as errors, and have no loss."""
    trained = target >= 0 if task == "classes" else torch.ones(len(target), dtype=torch.bool, device=target.device)
    entry = {"development_loss": float(losses(outputs[trained], target[trained], task).mean())}
    if task == "classes":
        expected, predicted = target.cpu().numpy().astype(str), outputs.argmax(dim=1).cpu().numpy().astype(str)
        names = sorted({*expected, *predicted, *map(str, range(outputs.shape[1]))})
        counts = scores.confusions(expected, predicted, np.zeros(len(expected), dtype=str), names)
        entry |= {f"development_{name}": float(scores.overall(counts)[name][0]) for name in ("accuracy", "macro_f1")}
    if task == "labels":
        positive, predicted = target.cpu().numpy() > 0.5, outputs.cpu().numpy() > 0
        both, either = (positive & predicted).sum(axis=0), positive.sum(axis=0) + predicted.sum(axis=0)
        f1 = np.divide(2 * both, either, out=np.zeros(len(both)), where=either > 0)
        accuracy = float((positive == predicted).mean())
        entry |= {"development_accuracy": accuracy, "development_macro_f1": float(f1.mean())}
    return entry


def _monitored(curves: Curve, settings: TrainingSettings) -> bool:
    """Return whether there is a development score to choose by."""
    return bool(curves) and f"development_{settings.monitor}" in curves[-1]


def _best(curves: Curve, settings: TrainingSettings) -> int:
    """Return the position of the best epoch, the first of equals; of the last without development rows."""
    if not _monitored(curves, settings):
        return len(curves) - 1
    sign = 1 if settings.monitor == "loss" else -1
    costs = [sign * entry[f"development_{settings.monitor}"] for entry in curves]
    # NaN compares as worse than any number
    return min(range(len(costs)), key=lambda k: (math.isnan(costs[k]), costs[k], k))


def _flat(state: Mapping[int, Mapping[str, Tensor]]) -> Tensors:
    return {f"{number}.{name}": tensor for number, own in state.items() for name, tensor in own.items()}


def _restore(optimiser: torch.optim.Optimizer, flat: Tensors) -> None:
    state: dict[int, Tensors] = {}
    for name, tensor in flat.items():
        number, _, inner = name.partition(".")
        state.setdefault(int(number), {})[inner] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _copied(weights: Mapping[str, Tensor]) -> Tensors:
    return {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}


def _steps_per_epoch(settings: TrainingSettings, rows: EncodedRows) -> int:
    documents = batches.documents_of(rows.examples)
    n_batches = len(batches.shuffled(len(rows.examples), settings.batch_size, None, 0, 0, documents=documents))
    return math.ceil(math.ceil(n_batches / settings.devices) / settings.accumulate)


def _rank() -> tuple[int, int]:
    """Return this process's number, and the number of processes."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _key(run: TrainingRun, rows: EncodedRows, held_out: EncodedRows | None) -> str:
    """Return a digest that identifies this run; features enter by their checksums in `described`."""
    n_held_out = len(held_out.target) if held_out else 0
    facts = [asdict(run.settings), run.seed, run.task, run.described, torch.__version__, n_held_out]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for part in (rows, held_out):
        if part is not None:
            digest.update(part.target.tobytes() + part.weights.tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _checkpoint_folder(folder: Path | None, *, needed: bool) -> Iterator[Path | None]:
    if folder is not None or not needed:
        yield folder
        return
    with TemporaryDirectory(prefix="undertone-") as made:
        yield Path(made)


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Use deterministic algorithms, and restore the random state afterwards."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    # cuBLAS is deterministic only with a workspace of fixed size
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch_state.own_random_state(gpus=True):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice."""
    levels = [(logger := logging.getLogger(name), logger.level) for name in _VERBOSE_LOGGERS]
    for logger, _ in levels:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 calls what PyTorch 2.13 deprecates
            warnings.filterwarnings("ignore", r".*`isinstance\(treespec, LeafSpec\)` is deprecated")
            # the development part is optional
            warnings.filterwarnings("ignore", r"You defined a `validation_step` but have no `val_dataloader`")
            # making a batch is faster than sending it from a worker process
            warnings.filterwarnings("ignore", r".*does not have many workers")
            # UNDERTONE_DEVICE=cpu
            warnings.filterwarnings("ignore", r"GPU available but not used")
            # some operations have no deterministic algorithm on a GPU; there, seeds guarantee less
            warnings.filterwarnings("ignore", r".*deterministic")
            yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)
