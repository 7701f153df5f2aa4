"""Training networks: what can be set, and what all networks of the house share as estimators.

The loop itself is Lightning's, and stands in `tasks.models.training.loop`, which is imported when something is fitted.
"""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.features.base import torch_state
from tasks.models.base import array_files
from tasks.models.base.checks import classes_of
from tasks.models.base.estimator import Development, Inputs, Scores, Task
from tasks.models.training.batches import RowSource
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.training.checkpoint import Trained


@dataclass(frozen=True)
class Target:
    """What a network's outputs stand for.

    Args:
        task: classes, labels or values
        outputs: the classes, sorted; the labels, called "0", "1" …; or `value`
        mean: of the values in the training part; the network learns them standardised
        scale: their standard deviation
    """

    task: Task
    outputs: tuple[str, ...]
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, target: NDArray[Any]) -> Target:
        """Return what a training part's target stands for.

        Args:
            target: classes, str, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,)

        Raises:
            NotEnoughData: if there are fewer than two classes, or fewer than two rows
        """
        if target.ndim == 1 and target.dtype.kind in "OUST":
            return cls("classes", classes_of(target))
        if len(target) < 2:
            raise NotEnoughData(f"a network needs two rows in its training part, found {len(target)}")
        if target.ndim == 2:
            return cls("labels", tuple(str(label) for label in range(target.shape[1])))
        values = np.asarray(target, dtype=np.float64)
        return cls("values", ("value",), float(values.mean()), float(values.std()) or 1.0)

    def encoded(self, target: NDArray[Any]) -> NDArray[Any]:
        """Return a target as the loss takes it.

        Returns:
            codes of the classes, -1 where training had no such class, int64, shape (n_rows,); or labels or standardised
            values, float32, shape (n_rows, n_outputs)
        """
        if self.task == "classes":
            codes = {name: code for code, name in enumerate(self.outputs)}
            return np.array([codes.get(str(one), -1) for one in target], dtype=np.int64)
        if self.task == "labels":
            return np.asarray(target, dtype=np.float32)
        return ((np.asarray(target, dtype=np.float64) - self.mean) / self.scale).astype(np.float32)[:, None]

    def scores(self, logits: NDArray[np.float64]) -> Scores:
        """Return scores of a network's outputs, both of shape (n_rows, n_outputs)."""
        from scipy.special import expit, softmax

        if self.task == "classes":
            return np.asarray(softmax(logits, axis=1), dtype=np.float64)
        if self.task == "labels":
            return np.asarray(expit(logits), dtype=np.float64)
        return logits * self.scale + self.mean


class NetworkEstimator(ABC):
    """What all networks share as estimators: training in a folder, scores, files.

    Args:
        settings: of the network and its training
        seed: of its first weights, the order of rows and dropout

    Attributes:
        n_parameters_: weights of the network; of an ensemble, of all members
        notes_: what had to give way in fitting, one line each
        search_: what the finders tried: `batch_size` for each that fits, the last of which is used; then the curve of
            the learning-rate finder, `learning_rate` and `loss` per step; else empty
    """

    settings: TrainingSettings
    outputs_: tuple[str, ...]
    n_parameters_: int
    curves_: list[dict[str, float]]
    notes_: list[str]
    search_: list[dict[str, float]]

    def __init__(self, settings: Any, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed

    @abstractmethod
    def examples(self, inputs: Inputs) -> RowSource:
        """Return rows as the network takes them.

        Raises:
            InputError: if these blocks are not what the network takes
        """

    @abstractmethod
    def start(self, inputs: Inputs) -> dict[str, Any]:
        """Look at the training part; return the network's shape, for `build` and for JSON."""

    @abstractmethod
    def build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network before it is trained: its weights drawn from PyTorch's generator, or pretrained.

        Args:
            shape: as `start` returned it
            n_outputs: outputs
            fitting: whether it is going to be trained; else weights are set afterwards
        """

    def weigh(self, target: NDArray[Any], task: Task) -> NDArray[np.float64]:
        """Return a factor for the weight of each row, of mean 1, shape (n_rows,); 1 unless a network knows better."""
        return np.ones(len(target))

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per network that is trained: several are an ensemble, whose probabilities are averaged."""
        return (self.seed,)

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: NDArray[np.float64] | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Train; a run that was killed goes on from its last whole epoch, with the same result.

        Args:
            inputs: the training part
            target: classes, str, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,)
            weights: of the rows, positive, mean 1; shape (n_rows,)
            development: for curves, and for choosing between epochs
            folder: holds a checkpoint while training lasts, and logs; None: neither

        Raises:
            ConfigError: if the settings cannot work for this target, or training diverges
            InputError: if the inputs are not what the network takes, or a library is missing
            NotEnoughData: if there are fewer than two classes, or fewer than two rows
        """
        with _needed():
            from tasks.models.training import loop  # noqa: F401  (what is missing is told before anything is read)
            from tasks.models.training.run import EncodedRows

        self.target = Target.of(target)
        if self.settings.monitor != "loss" and self.target.task == "values":
            raise ConfigError(f"monitor: {self.settings.monitor} is of classes and labels; for values use loss")
        self.shape = self.start(inputs)
        both = self.weigh(target, self.target.task) * (1.0 if weights is None else weights)
        rows = EncodedRows(self.examples(inputs), self.target.encoded(target), (both / both.mean()).astype(np.float32))
        held_out = None
        if development is not None and len(development.inputs):
            encoded = self.target.encoded(development.target)
            held_out = EncodedRows(self.examples(development.inputs), encoded, np.ones(len(encoded), dtype=np.float32))
        trained = self._trained(rows, held_out, inputs, folder)
        return self._keep([one.weights for one in trained], trained[0])

    def _trained(self, rows: Any, held_out: Any, inputs: Inputs, folder: Path | None) -> list[Trained]:
        from tasks.models.training import loop
        from tasks.models.training.run import TrainingRun

        described = _described(inputs)
        kept = [folder / f"network-{number + 1}" if folder else None for number in range(len(self.seeds))]
        trained = []
        for number, seed in enumerate(self.seeds):
            run = TrainingRun(
                settings=self.settings,
                seed=seed,
                task=self.target.task,
                build=lambda: self.build(self.shape, len(self.target.outputs), fitting=True),
                described={"shape": self.shape, "outputs": self.target.outputs, "inputs": described},
            )
            trained.append(loop.train(run, rows, held_out, kept[number]))
        # only now: an ensemble that is killed must not train its finished members again
        for one in filter(None, kept):
            loop.forget(one)
        return trained

    def _keep(self, weights: list[dict[str, Any]], first: Trained) -> Self:
        self.networks_ = []
        for one in weights:
            # first weights are drawn only to be replaced: whoever calls keeps a random state of their own
            with torch_state.own_random_state():
                network = self.build(self.shape, len(self.target.outputs), fitting=False)
            network.load_state_dict(one)
            self.networks_.append(network.eval())
        self.n_parameters_ = sum(one.numel() for network in self.networks_ for one in network.parameters())
        self.outputs_, self.curves_ = self.target.outputs, first.curves
        self.search_, self.notes_ = first.search, first.notes
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs); an ensemble's are averaged."""
        if not len(inputs):
            return np.empty((0, len(self.outputs_)))
        from tasks.models.training import inference

        examples = self.examples(inputs)
        found = [self.target.scores(inference.logits(one, examples, self.settings)) for one in self.networks_]
        return np.asarray(np.mean(found, axis=0))

    def embeddings(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return what goes into the network's last linear layer; an ensemble's side by side.

        Rows are batched as for `scores`, and dropout and batch normalisation stand still: who else is in a batch
        changes a row's embedding no more than its scores.

        Returns:
            shape (n_rows, n_hidden of all members), in float32's precision

        Raises:
            ConfigError: if the network has no linear layer
        """
        from tasks.models.training import inference

        if not len(inputs):
            return np.empty((0, sum(inference.last_linear(one).in_features for one in self.networks_)))
        examples = self.examples(inputs)
        found = [inference.embeddings(one, examples, self.settings) for one in self.networks_]
        return np.concatenate(found, axis=1)

    def files(self) -> dict[str, bytes]:
        """Return weights as safetensors, what describes them as JSON."""
        from safetensors.torch import save

        target = self.target
        card = {
            "task": target.task,
            "outputs": target.outputs,
            "mean": target.mean,
            "scale": target.scale,
            "shape": self.shape,
            "curves": self.curves_,
            "search": self.search_,
            "notes": self.notes_,
        }
        found = {array_files.CARD: array_files.to_json(card)}
        for number, network in enumerate(self.networks_):
            # another memory layout of the same weights would be other bytes
            whole = {name: one.contiguous() for name, one in network.state_dict().items()}
            found[_named(number)] = save(whole)
        return found

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        with _needed():
            from safetensors.torch import load

            from tasks.models.training import checkpoint

        card = json.loads(files[array_files.CARD])
        self.target = Target(card["task"], tuple(card["outputs"]), card["mean"], card["scale"])
        self.shape = card["shape"]
        weights: list[dict[str, Any]] = []
        while (name := _named(len(weights))) in files:
            weights.append(load(files[name]))
        return self._keep(weights, checkpoint.Trained({}, card["curves"], card["search"], card["notes"]))


def _described(inputs: Inputs) -> dict[str, Any]:
    """Return what tells these features from others: sums over blocks and texts; of sequences, lengths and first steps.

    Sequences are not read through: they may be larger than memory, and the folder is the fit's own anyhow.
    """
    found: dict[str, Any] = {name: zlib.crc32(one.tobytes()) for name, one in inputs.vectors.items()}
    for name, block in inputs.sequences.items():
        found[name] = [zlib.crc32(block.lengths.tobytes()), zlib.crc32(block.steps[block.starts].tobytes())]
    return found | {name: zlib.crc32("\0".join(map(str, one)).encode()) for name, one in inputs.texts.items()}


def _named(number: int) -> str:
    """Return the file of one network's weights."""
    return array_files.ARRAYS if not number else array_files.ARRAYS.replace(".", f"-{number + 1}.")


@contextmanager
def _needed() -> Iterator[None]:
    """Tell how to get a library that is imported inside and is not installed."""
    try:
        yield
    except ImportError as error:
        raise InputError(f"networks need {error.name}: pip install 'undertone[deep]'") from None
