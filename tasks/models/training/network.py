"""Base class of the estimators that train a PyTorch network. PyTorch and Lightning are imported when fitting starts."""

from __future__ import annotations

import json
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import distribution
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.features.base import torch_state
from tasks.models.base import array_files
from tasks.models.base.checks import classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Kind, Model, Scores, Task, TrainingPart
from tasks.models.training.batches import RowSource
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.training.checkpoint import Trained
    from tasks.models.training.run import EncodedRows


@dataclass(frozen=True)
class Target:
    """Meaning of a network's outputs.

    Args:
        task: classes, labels or values
        outputs: the classes, sorted; `value`; or the labels or several values, named "0", "1" …
        mean: of the value in the training part, or of each of several; the network learns standardised values
        scale: the standard deviation, likewise; 1 for a constant value
    """

    task: Task
    outputs: tuple[str, ...]
    mean: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0

    @classmethod
    def of(cls, target: NDArray[Any], task: Task | None = None) -> Target:
        """Derive it from the target of a training part.

        Args:
            target: classes, str, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,)
                or (n_rows, n_values)
            task: its kind; None: several columns are labels

        Raises:
            NotEnoughData: if there are fewer than two classes, or fewer than two rows
        """
        if target.ndim == 1 and target.dtype.kind in "OUST":
            return cls("classes", classes_of(target))
        if len(target) < 2:
            raise NotEnoughData(f"a network needs two rows in its training part, found {len(target)}")
        numbered = tuple(str(column) for column in range(target.shape[1])) if target.ndim == 2 else ("value",)
        if target.ndim == 2 and task != "values":
            return cls("labels", numbered)
        values = np.asarray(target, dtype=np.float64)
        if values.ndim == 2:
            mean, spread = (tuple(map(float, each)) for each in (values.mean(axis=0), values.std(axis=0)))
            return cls("values", numbered, mean, tuple(scale or 1.0 for scale in spread))
        return cls("values", numbered, float(values.mean()), float(values.std()) or 1.0)

    def encoded(self, target: NDArray[Any]) -> NDArray[Any]:
        """Return a target as the loss takes it.

        Args:
            target: as `of` takes it

        Returns:
            codes of the classes, -1 for classes not in the training part, int64, shape (n_rows,); or labels or
            standardised values, float32, shape (n_rows, n_outputs)
        """
        if self.task == "classes":
            codes = {name: code for code, name in enumerate(self.outputs)}
            return np.array([codes.get(str(name), -1) for name in target], dtype=np.int64)
        if self.task == "labels":
            return np.asarray(target, dtype=np.float32)
        columns = np.asarray(target, dtype=np.float64).reshape(len(target), len(self.outputs))
        return np.asarray((columns - np.asarray(self.mean)) / np.asarray(self.scale), dtype=np.float32)

    def scores(self, logits: NDArray[np.float64]) -> Scores:
        """Return scores: probabilities, or values in their own unit.

        Args:
            logits: a network's outputs, shape (n_rows, n_outputs)

        Returns:
            shape (n_rows, n_outputs)
        """
        from scipy.special import expit, softmax

        if self.task == "classes":
            return np.asarray(softmax(logits, axis=1), dtype=np.float64)
        if self.task == "labels":
            return np.asarray(expit(logits), dtype=np.float64)
        values: Scores = logits * np.asarray(self.scale) + np.asarray(self.mean)
        return values


class NetworkEstimator(Estimator):
    """Base class of networks; subclasses implement `examples`, `_measure` and `_build`.

    A training that was killed continues from its last complete epoch, with the same result.

    Args:
        settings: of the network and its training
        seed: of initial weights, the order of rows and dropout

    Attributes:
        n_parameters_: after `fit`: weights of the network, or of all members of an ensemble
        search_: after `fit`: what the finders tried: `batch_size` for each that fits, the last of which is used; then
            the curve of the learning-rate finder, `learning_rate` and `loss` per step; else empty
    """

    settings: TrainingSettings
    n_parameters_: int
    search_: list[dict[str, float]]

    @abstractmethod
    def examples(self, inputs: Inputs) -> RowSource:
        """Return rows in the form the network takes.

        Args:
            inputs: the blocks

        Raises:
            InputError: if the network cannot take these blocks
            ValueError: if they are not the blocks that were fitted
        """

    @abstractmethod
    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        """Measure the training part; return the network's shape, for `_build` and for JSON."""

    @abstractmethod
    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the untrained network.

        Args:
            shape: as `_measure` returned it
            n_outputs: outputs
            fitting: whether it will be trained, and pretrained weights are to be read; else all weights are set later
        """

    def _row_factors(self, target: NDArray[Any], task: Task) -> NDArray[np.float64]:
        """Return factors of the rows' weights, mean 1, shape (n_rows,)."""
        return np.ones(len(target))

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per trained network; with several, an ensemble's scores are averaged."""
        return (self.seed,)

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        with _install_hint():
            # a missing library is reported before any data is read
            from tasks.models.training import loop  # noqa: F401
            from tasks.models.training.run import EncodedRows

        target = part.target
        self.target = Target.of(target, part.task)
        if self.settings.monitor != "loss" and self.target.task == "values":
            raise ConfigError(f"monitor: {self.settings.monitor} is of classes and labels; for values use loss")
        self.shape = self._measure(part.inputs)
        weights = self._row_factors(target, self.target.task) * (1.0 if part.weights is None else part.weights)
        weights = (weights / weights.mean()).astype(np.float32)
        rows = EncodedRows(self.examples(part.inputs), self.target.encoded(target), weights)
        held_out = None
        if development is not None and len(development.inputs):
            encoded = self.target.encoded(development.target)
            ones = np.ones(len(encoded), dtype=np.float32)
            held_out = EncodedRows(self.examples(development.inputs), encoded, ones)
        trained = self._trained(rows, held_out, part.inputs, folder)
        self._set_networks([member.weights for member in trained], trained[0])

    def _trained(
        self, rows: EncodedRows, held_out: EncodedRows | None, inputs: Inputs, folder: Path | None
    ) -> list[Trained]:
        from tasks.models.training import loop
        from tasks.models.training.run import TrainingRun

        digests = _digests(inputs)
        folders = [folder / f"network-{number + 1}" if folder else None for number in range(len(self.seeds))]
        trained = []
        for member_folder, seed in zip(folders, self.seeds, strict=True):
            run = TrainingRun(
                settings=self.settings,
                seed=seed,
                task=self.target.task,
                build=lambda: self._build(self.shape, len(self.target.outputs), fitting=True),
                described={"shape": self.shape, "outputs": self.target.outputs, "inputs": digests},
            )
            trained.append(loop.train(run, rows, held_out, member_folder))
        # only now: an ensemble that is killed must not train its finished members again
        for member_folder in filter(None, folders):
            loop.forget(member_folder)
        return trained

    def _set_networks(self, weights: Iterable[dict[str, Any]], first: Trained) -> None:
        self.networks_ = []
        for member in weights:
            # initial weights are drawn and then replaced; the caller's random state must not change
            with torch_state.own_random_state():
                network = self._build(self.shape, len(self.target.outputs), fitting=False)
            network.load_state_dict(member)
            self.networks_.append(network.eval())
        self.n_parameters_ = sum(weight.numel() for network in self.networks_ for weight in network.parameters())
        self.outputs_, self.curves_ = self.target.outputs, first.curves
        self.search_, self.notes_ = first.search, first.notes

    def _scores(self, inputs: Inputs) -> Scores:
        from tasks.models.training import inference

        rows = self.examples(inputs)
        members = [self.target.scores(inference.logits(net, rows, self.settings)) for net in self.networks_]
        return np.asarray(np.mean(members, axis=0))

    def embeddings(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the inputs of the network's last linear layer, or what it marks; those of an ensemble side by side.

        Dropout is off and batch normalisation uses its running statistics, so other rows of the batch have no effect.

        Args:
            inputs: n_rows rows

        Returns:
            shape (n_rows, n_hidden of all members), in float32's precision

        Raises:
            ConfigError: if the network has no linear layer
        """
        from tasks.models.training import inference

        if not len(inputs):
            return np.empty((0, sum(inference.embedding_layer(network).in_features for network in self.networks_)))
        rows = self.examples(inputs)
        return np.concatenate([inference.embeddings(net, rows, self.settings) for net in self.networks_], axis=1)

    def files(self) -> dict[str, bytes]:
        """Return weights as safetensors, their description as JSON."""
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
        files = {array_files.CARD: array_files.to_json(card)}
        for number, network in enumerate(self.networks_):
            # the memory layout of weights changes the bytes
            files[_weights_file(number)] = save(
                {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
            )
        return files

    def _read(self, files: Mapping[str, bytes]) -> None:
        with _install_hint():
            from safetensors.torch import load

            from tasks.models.training import checkpoint

        card = json.loads(files[array_files.CARD])
        mean, scale = (tuple(card[key]) if isinstance(card[key], list) else card[key] for key in ("mean", "scale"))
        self.target = Target(card["task"], tuple(card["outputs"]), mean, scale)
        self.shape = card["shape"]
        weights: list[dict[str, Any]] = []
        while (name := _weights_file(len(weights))) in files:
            weights.append(load(files[name]))
        self._set_networks(weights, checkpoint.Trained({}, card["curves"], card["search"], card["notes"]))


def network_model(
    name: str, title: str, make: type[NetworkEstimator], settings: type, takes: Iterable[Kind], **others: Any
) -> Model:
    """Return the registry entry of a network: trained in epochs, for any kind of target.

    Args:
        name: in params.yaml
        title: one line for readers of a page
        make: its class
        settings: its settings class
        takes: the kinds of blocks it can use
        others: other fields of `Model`
    """
    fields = {"tasks": frozenset({"classes", "labels", "values"}), "in_epochs": True, **others}
    return Model(name, title, frozenset(takes), settings, make, **fields)


def _digests(inputs: Inputs) -> dict[str, Any]:
    """Return checksums of every block, which identify the features of a run.

    Of sequences only lengths and first steps are read: they may be larger than memory.
    """
    sums: dict[str, Any] = {name: zlib.crc32(block.tobytes()) for name, block in inputs.vectors.items()}
    for name, sequences in inputs.sequences.items():
        first_steps = sequences.steps[sequences.starts]
        sums[name] = [zlib.crc32(sequences.lengths.tobytes()), zlib.crc32(first_steps.tobytes())]
    return sums | {name: zlib.crc32("\0".join(map(str, texts)).encode()) for name, texts in inputs.texts.items()}


def _weights_file(number: int) -> str:
    return array_files.ARRAYS if not number else array_files.ARRAYS.replace(".", f"-{number + 1}.")


@contextmanager
def _install_hint() -> Iterator[None]:
    """Turn the error of a missing library into a message on how to install it."""
    try:
        yield
    except ImportError as error:
        raise InputError(f"networks need {error.name}: {distribution.how_to_install('deep')}") from None
