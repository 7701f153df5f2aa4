"""The training loop: Lightning's, with all that chance decides a function of the seed and the epoch.

Lightning runs the steps: devices, precision, accumulation, clipping, the learning-rate finder, loggers. What must be
the same after a kill is the house's own: the order of rows, the random state, the schedule and the choice of the best
epoch are functions of (seed, epoch) and of `State`, and Lightning's own checkpoints, which are pickles, are not used.
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
from tasks.models.training.run import BatchDataset, EncodedRows, TrainingRun, drawn, fresh_optimiser, losses, seed
from tasks.models.training.settings import TrainingSettings, device, threads

_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 25e4
_LOG = logging.getLogger("undertone.training")
_CHATTER = ("lightning.pytorch", "lightning.fabric", "lightning_utilities")


def train(run: TrainingRun, part: EncodedRows, held_out: EncodedRows | None, folder: Path | None) -> Trained:
    """Train a network, from the checkpoint in `folder` if there is one of this very run.

    The checkpoint stays when training is done: `forget` removes it.

    Args:
        run: what is trained
        part: the training part
        held_out: the development part
        folder: of checkpoint and logs

    Raises:
        ConfigError: if training diverges
        InputError: if the logger's library is missing
    """
    key = _key(run, part, held_out)
    # processes of several devices hand back what they trained through the checkpoint
    with _folder(folder, needed=run.settings.devices > 1) as kept, threads(run.settings.threads), _settled(), _quiet():
        state = checkpoint.read(kept, key) if kept else None
        network = drawn(run)
        if state is None:
            state = _sought(run, part)
        else:
            network.load_state_dict(state.weights)
        run = batch_size.sized(run, state.search)
        loop = Loop(network.train(), run, state, _steps(run.settings, part), (kept, key))
        if not loop.finished:
            _fit(loop, run, part, held_out, folder)
            state = (checkpoint.read(kept, key) if kept and run.settings.devices > 1 else None) or loop.state
    return Trained(state.best or state.weights, state.curves, state.search, state.notes)


def forget(folder: Path) -> None:
    """Remove what `train` has left for going on; logs stay."""
    checkpoint.forget(folder)


class Loop(LightningModule):
    """A network in training.

    Args:
        network: named arguments of a batch → outputs, shape (n_rows, n_outputs); may have `groups`, as
            `fresh_optimiser` asks for them
        run: what is trained
        state: where training stands
        n_steps: that the optimiser makes in an epoch
        kept: the checkpoint's folder and key
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
        self._first, self._done, self._in_all = state.epochs, state.steps, n_steps * run.settings.epochs
        self._kept = kept
        self._n_steps = n_steps
        self.learning_rate = run.settings.learning_rate if state.rate is None else state.rate
        self._seen: list[Tensor] = []
        self._held_out: list[tuple[Tensor, Tensor]] = []
        self._rate = 0.0

    @property
    def epoch(self) -> int:
        """The epoch, from 0, counting those before a kill."""
        return self._first + self.current_epoch

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        settings, curves = self.run.settings, self.state.curves
        waited = len(curves) - 1 - _best(curves, settings)
        patient = not settings.patience or waited < settings.patience or not _judged(curves, settings)
        return self.state.epochs >= settings.epochs or not patient

    def configure_optimizers(self) -> Any:
        """Return the optimiser as it stood, and its schedule, of which the state is the number of steps."""
        settings = self.run.settings
        optimiser = fresh_optimiser(self.network, settings, self.learning_rate)
        if self.state.optimiser:
            _restore(optimiser, self.state.optimiser)
        # not self.global_step: what was done before a kill counts
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: multiplier(settings, self._done + step, self._in_all)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Tell loggers where the run comes from."""
        # not before: a logger may have threads of its own, and processes of several devices have been forked by now
        if self.trainer.is_global_zero and self.trainer.loggers:
            run = self.run
            told = lineage.told(run.settings, run.seed, run.task, run.described, Path.cwd())
            for logger in self.trainer.loggers:
                logger.log_hyperparams(told)

    def on_train_epoch_start(self) -> None:
        """Forget the epoch before; tell the network which epoch begins, where it wants to know."""
        self._seen, self._held_out = [], []
        if begin := getattr(self.network, "begin_epoch", None):
            begin(self.epoch)

    def on_train_batch_start(self, batch: Any, number: int) -> None:
        """Draw an epoch's dropout from the seed and the epoch, wherever training started."""
        # not when the epoch starts: only after that, and not in the first, the loader draws a number for itself
        if number == 0:
            seed(self.run.seed, self.epoch + 1, self.global_rank)

    def training_step(self, batch: Mapping[str, Any], _: int) -> Tensor:
        """Return the mean weighted loss of a batch."""
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        found = self.network(**batch["inputs"]).float()
        each = losses(found, batch["target"], self.run.task, self.run.settings.label_smoothing) * batch["weights"]
        self._seen.append(torch.stack([each.detach().sum(), each.new_tensor(len(each))]))
        mean: Tensor = each.mean()
        return mean

    def validation_step(self, batch: Mapping[str, Any], _: int) -> None:
        """Collect the outputs of development rows."""
        self._held_out.append((self.network(**batch["inputs"]).float(), batch["target"]))

    def on_train_epoch_end(self) -> None:
        """Add to the curves, remember the best epoch, write a checkpoint, and stop where it is time."""
        total = self.trainer.strategy.reduce(torch.stack(self._seen).sum(dim=0), reduce_op="sum")
        loss = float(total[0] / total[1])
        if not math.isfinite(loss):
            raise ConfigError(
                f"training diverged: the loss became {loss} in epoch {self.epoch + 1}, at a learning rate of "
                f"{self.learning_rate:g}: set a lower learning_rate or a gradient_clip, or look for NaN in the features"
            )
        entry = {"epoch": float(self.epoch + 1), "train_loss": loss, "learning_rate": float(self._rate)}
        if self._held_out:
            found, target = (torch.cat(one) for one in zip(*self._held_out, strict=True))
            entry |= _development(found, target, self.run.task)
        self._advance(entry)
        told = ", ".join(f"{name} {one:.3g}" for name, one in entry.items() if name != "epoch")
        _LOG.info("epoch %d of %d: %s", self.epoch + 1, self.run.settings.epochs, told)
        if self.trainer.is_global_zero:
            folder, key = self._kept
            if folder:
                checkpoint.write(self.state, folder, key)
            for logger in self.trainer.loggers:
                logger.log_metrics({name: one for name, one in entry.items() if name != "epoch"}, self.epoch + 1)
                logger.save()
        self.trainer.should_stop = self.finished

    def _advance(self, entry: dict[str, float]) -> None:
        state, settings = self.state, self.run.settings
        before = len(state.curves) and _best(state.curves, settings)
        curves = [*state.curves, entry]
        best = {}
        if settings.restore_best and _judged(curves, settings) and _best(curves, settings) < len(curves) - 1:
            # the weights that were best so far: kept apart already, or those of the epoch before
            assert before == _best(curves, settings)
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


class _Trial(Loop):
    """A network on which learning rates are tried out: up to those at which it diverges."""

    def on_train_epoch_end(self) -> None:
        """Go on: the finder counts steps, not epochs."""


def multiplier(settings: TrainingSettings, step: int, n_steps: int) -> float:
    """Return the share of its highest learning rate at which a step, from 0, is made."""
    if settings.schedule == "constant":
        return 1.0
    warm = round(settings.warmup_share * n_steps)
    up, down = (step + 1) / (warm + 1), (n_steps - step) / max(1, n_steps - warm)
    if settings.schedule == "linear":
        return max(0.0, min(up, down))
    low, share = (_ONE_CYCLE_START, up) if step < warm else (_ONE_CYCLE_END, max(0.0, down))
    return low + (1 - low) * (1 - math.cos(math.pi * share)) / 2


class _Shuffled(Sampler[Rows]):
    """The batches of every epoch; Lightning says through `set_epoch` how many it has done."""

    def __init__(self, part: EncodedRows, run: TrainingRun, first: int) -> None:
        self._examples, self._run, self._first, self._epoch = part.examples, run, first, 0

    def set_epoch(self, epoch: int) -> None:
        """Take up an epoch, counted from where this process started."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Rows]:
        # a generator, so that the epoch is looked at when the first batch is asked for
        yield from self._batches()

    def __len__(self) -> int:
        return len(self._batches())

    def _batches(self) -> list[Rows]:
        found = batches.shuffled(
            len(self._examples),
            self._run.settings.batch_size,
            self._examples.lengths,
            self._run.seed,
            self._first + self._epoch,
        )
        return batches.share(found, *_rank())


class _Memory(CheckpointIO):
    """Checkpoints that never reach a disk, for the finder, which puts back what it has tried out."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self._kept[str(path)] = copy.deepcopy(checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        found: dict[str, Any] = copy.deepcopy(self._kept[str(path)])
        return found

    def remove_checkpoint(self, path: Any) -> None:
        self._kept.pop(str(path), None)


def _fit(loop: Loop, run: TrainingRun, part: EncodedRows, held_out: EncodedRows | None, folder: Path | None) -> None:
    known = _known(held_out)
    trainer = _trainer(
        run.settings,
        max_epochs=run.settings.epochs - loop.state.epochs,
        gradient_clip_val=run.settings.gradient_clip or None,
        accumulate_grad_batches=run.settings.accumulate,
        devices=run.settings.devices,
        # forked, not spawned: memory maps are shared, and the program is not started a second time
        strategy="ddp_fork" if run.settings.devices > 1 else "auto",
        logger=loggers.logger(run.settings, folder, loop.state.epochs),
        log_every_n_steps=1,
        limit_val_batches=1.0 if known else 0.0,
    )
    rows = _loader(part, _Shuffled(part, run, loop.state.epochs))
    # every process looks at the whole development part, so that all agree on when to stop
    order = batches.in_order(len(known.examples), run.settings.batch_size, known.examples.lengths) if known else []
    trainer.fit(loop, rows, _loader(known, order) if known else None)


def _sought(run: TrainingRun, part: EncodedRows) -> TrainingState:
    """Return a state with what the finders that are asked for have found: first the batch size, then the rate at it."""
    sizes, told = batch_size.sizes(run, part) if run.settings.find_batch_size else ([], [])
    run = batch_size.sized(run, sizes)
    state = _found(run, part) if run.settings.find_learning_rate else TrainingState({})
    return replace(state, search=[*sizes, *state.search], notes=[*told, *state.notes])


def _found(run: TrainingRun, part: EncodedRows) -> TrainingState:
    """Look for a learning rate on a network that is then thrown away; return it with the finder's curve."""
    trial = _Trial(drawn(run).train(), run, TrainingState({}), _steps(run.settings, part))
    trainer = _trainer(
        run.settings,
        max_epochs=-1,
        devices=1,
        logger=False,
        limit_val_batches=0.0,
        plugins=[_Memory()],
        gradient_clip_val=run.settings.gradient_clip or None,
        accumulate_grad_batches=run.settings.accumulate,
    )
    # the finder draws a progress bar, and has no switch for it
    with contextlib.redirect_stderr(io.StringIO()):
        tried = Tuner(trainer).lr_find(trial, _loader(part, _Shuffled(part, run, 0)), min_lr=1e-7, max_lr=1.0)
    assert tried is not None
    pairs = zip(tried.results["lr"], tried.results["loss"], strict=False)
    curve = [{"learning_rate": float(rate), "loss": float(loss)} for rate, loss in pairs if math.isfinite(loss)]
    rate = rate_finder.proposed(curve)
    told = f"the learning-rate finder saw no falling loss in {len(curve)} steps; learning_rate is as set"
    return TrainingState({}, rate=rate, search=curve, notes=[] if rate else [told])


def _trainer(settings: TrainingSettings, **options: Any) -> Trainer:
    return Trainer(
        accelerator="gpu" if device() == "cuda" else "cpu",
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # nothing is to be written there; should something be, it is not in the current folder
        default_root_dir=os.devnull,
        **options,
    )


def _loader(part: EncodedRows, order: Any) -> DataLoader[Any]:
    # pinned memory is copied to the GPU while the step before is computed; Lightning asks for that (non_blocking)
    pinned = device() == "cuda"
    return DataLoader(BatchDataset(part), batch_size=None, sampler=order, collate_fn=_as_it_is, pin_memory=pinned)


def _as_it_is(batch: Any) -> Any:
    return batch


def _known(held_out: EncodedRows | None) -> EncodedRows | None:
    """Return the development part, unless none of its classes is known from training."""
    if held_out is None or (held_out.target.ndim == 1 and not (held_out.target >= 0).any()):
        return None
    return held_out


def _development(found: Tensor, target: Tensor, task: Task) -> dict[str, float]:
    """Return the scores of the development part; classes that training did not have are errors, and have no loss."""
    known = target >= 0 if task == "classes" else torch.ones(len(target), dtype=torch.bool, device=target.device)
    entry = {"development_loss": float(losses(found[known], target[known], task).mean())}
    if task == "classes":
        expected, called = target.cpu().numpy().astype(str), found.argmax(dim=1).cpu().numpy().astype(str)
        names = sorted({*expected, *called, *map(str, range(found.shape[1]))})
        counts = scores.confusions(expected, called, np.zeros(len(expected), dtype=str), names)
        entry |= {f"development_{name}": float(scores.overall(counts)[name][0]) for name in ("accuracy", "macro_f1")}
    if task == "labels":
        there, said = target.cpu().numpy() > 0.5, found.cpu().numpy() > 0
        both, either = (there & said).sum(axis=0), there.sum(axis=0) + said.sum(axis=0)
        f1 = np.divide(2 * both, either, out=np.zeros(len(both)), where=either > 0)
        entry |= {"development_accuracy": float((there == said).mean()), "development_macro_f1": float(f1.mean())}
    return entry


def _judged(curves: Curve, settings: TrainingSettings) -> bool:
    return bool(curves) and f"development_{settings.monitor}" in curves[-1]


def _best(curves: Curve, settings: TrainingSettings) -> int:
    """Return the position of the best epoch, of equals the first; of the last without development rows."""
    if not _judged(curves, settings):
        return len(curves) - 1
    sign = 1 if settings.monitor == "loss" else -1
    found = [sign * one[f"development_{settings.monitor}"] for one in curves]
    # NaN is worse than anything
    return min(range(len(found)), key=lambda k: (math.isnan(found[k]), found[k], k))


def _flat(state: Mapping[int, Mapping[str, Tensor]]) -> Tensors:
    return {f"{number}.{name}": one for number, of in state.items() for name, one in of.items()}


def _restore(optimiser: torch.optim.Optimizer, flat: Tensors) -> None:
    state: dict[int, Tensors] = {}
    for name, one in flat.items():
        number, _, inner = name.partition(".")
        state.setdefault(int(number), {})[inner] = one
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _copied(weights: Mapping[str, Tensor]) -> Tensors:
    return {name: one.detach().cpu().clone() for name, one in weights.items()}


def _steps(settings: TrainingSettings, part: EncodedRows) -> int:
    """Return how many steps the optimiser makes in an epoch."""
    found = batches.shuffled(len(part.examples), settings.batch_size, None, 0, 0)
    return math.ceil(math.ceil(len(found) / settings.devices) / settings.accumulate)


def _rank() -> tuple[int, int]:
    """Return which process this is, and of how many."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _key(run: TrainingRun, part: EncodedRows, held_out: EncodedRows | None) -> str:
    """Return what tells this run from others; `described` stands for the features."""
    n_held_out = len(held_out.target) if held_out else 0
    told = [asdict(run.settings), run.seed, run.task, run.described, torch.__version__, n_held_out]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
    for one in (part, held_out):
        if one is not None:
            digest.update(one.target.tobytes() + one.weights.tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _folder(folder: Path | None, *, needed: bool) -> Iterator[Path | None]:
    if folder is not None or not needed:
        yield folder
        return
    with TemporaryDirectory(prefix="undertone-") as made:
        yield Path(made)


@contextlib.contextmanager
def _settled() -> Iterator[None]:
    """Keep to deterministic algorithms, and leave the random state as it was found."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    # cuBLAS gives the same sums each time only with a workspace of fixed size
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch_state.own_random_state(gpus=True):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let Lightning work without advice."""
    found = [(logger := logging.getLogger(name), logger.level) for name in _CHATTER]
    for logger, _ in found:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 calls what PyTorch 2.13 deprecates
            warnings.filterwarnings("ignore", r".*`isinstance\(treespec, LeafSpec\)` is deprecated")
            # there need not be a development part
            warnings.filterwarnings("ignore", r"You defined a `validation_step` but have no `val_dataloader`")
            # a batch is made faster than a worker process could send it
            warnings.filterwarnings("ignore", r".*does not have many workers")
            # the environment says that this GPU is not to be used
            warnings.filterwarnings("ignore", r"GPU available but not used")
            # PyTorch warns of operations that have no deterministic way on a GPU; there, seeds promise less
            warnings.filterwarnings("ignore", r".*deterministic")
            yield
    finally:
        for logger, level in found:
            logger.setLevel(level)
