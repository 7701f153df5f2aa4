"""The interface of every model: blocks of features in, one score per output out. Arrays only, no pickles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows, Sequences

Kind = Literal["vector", "sequence", "text"]
Task = Literal["classes", "labels", "values"]
Scores = NDArray[np.float64]
Weights = NDArray[np.float64] | None


@dataclass(frozen=True)
class Inputs:
    """One or more blocks of features over the same rows.

    Args:
        vectors: name → features, shape (n_rows, n_features)
        sequences: name → sequences of n_rows rows
        texts: name → texts, object array of str, shape (n_rows,)
        units: the speaker, dialogue … that the protocol keeps on one side of a split, for splits inside the training
            part, shape (n_rows,)
    """

    units: NDArray[np.str_]
    vectors: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    sequences: Mapping[str, Sequences] = field(default_factory=dict)
    texts: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.units.size)

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks, in the order of the recipe within each kind."""
        return (*self.vectors, *self.sequences, *self.texts)

    def rows(self, rows: Rows) -> Inputs:
        """Return some of the rows.

        Args:
            rows: their positions, int64, in the order wanted; a position may occur more than once
        """
        return Inputs(
            self.units[rows],
            {name: block[rows] for name, block in self.vectors.items()},
            {name: block.rows(rows) for name, block in self.sequences.items()},
            {name: block[rows] for name, block in self.texts.items()},
        )

    def only(self, names: Sequence[str]) -> Inputs:
        """Return some of the blocks.

        Args:
            names: of the blocks
        """
        return Inputs(
            self.units,
            {name: block for name, block in self.vectors.items() if name in names},
            {name: block for name, block in self.sequences.items() if name in names},
            {name: block for name, block in self.texts.items() if name in names},
        )

    def matrix(self) -> NDArray[np.float64]:
        """Return all vectors side by side, shape (n_rows, n_features of all blocks); a single block is not copied."""
        blocks = [np.asarray(block, dtype=np.float64) for block in self.vectors.values()]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


@dataclass(frozen=True)
class TrainingPart:
    """Rows to fit on.

    Args:
        inputs: n_rows rows
        target: classes, str, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,) or
            (n_rows, n_values)
        weights: positive, shape (n_rows,), mean 1 unless labels are uncertain; None: all rows count alike
        task: kind of the target; None: several columns are labels
    """

    inputs: Inputs
    target: NDArray[Any]
    weights: Weights = None
    task: Task | None = None

    def rows(self, rows: Rows) -> TrainingPart:
        """Return some of the rows, with weights rescaled to the mean of all.

        Args:
            rows: their positions, int64
        """
        weights = self.weights
        if weights is not None:
            # class weights have a mean of exactly 1, but for rounding
            weights = weights[rows] / (weights[rows].mean() / round(weights.mean(), 9))
        return TrainingPart(self.inputs.rows(rows), self.target[rows], weights, self.task)

    def only(self, block: str) -> TrainingPart:
        """Return a single block of the rows.

        Args:
            block: its name
        """
        return TrainingPart(self.inputs.only([block]), self.target, self.weights, self.task)


@dataclass(frozen=True)
class Development:
    """Rows that are never trained on: for early stopping and for choosing between epochs."""

    inputs: Inputs
    target: NDArray[Any]


class Estimator(ABC):
    """Base class of every model; subclasses implement `_fit`, `_scores`, `files` and `_read`.

    Args:
        settings: an instance of the model's settings class
        seed: of all random numbers drawn in fitting

    Attributes:
        outputs_: after `fit`: the columns of `scores`: the classes, sorted; `value`; or the labels or several values,
            numbered
        curves_: after `fit`: one entry per epoch for models trained in epochs, such as `{"epoch": 1.0,
            "train_loss": …, "train_accuracy": …, "development_loss": …, "development_accuracy": …}`; else empty
        notes_: after `fit`: what did not go as the settings ask, one line each
    """

    outputs_: tuple[str, ...]

    def __init__(self, settings: Any, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed
        self.curves_: list[dict[str, float]] = []
        self.notes_: list[str] = []

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: Weights = None,
        development: Development | None = None,
        folder: Path | None = None,
        task: Task | None = None,
    ) -> Self:
        """Fit to the training part of a fold.

        Args:
            inputs: its rows
            target: classes, str, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,)
                or (n_rows, n_values)
            weights: of the rows, positive, shape (n_rows,), mean 1 unless labels are uncertain
            development: used by models trained in epochs
            folder: checkpoints and logs of models trained in epochs; None: neither
            task: kind of the target; None: several columns are labels

        Raises:
            ConfigError: if the settings do not fit the inputs or the target, or training diverges
            InputError: if the model cannot take these blocks, or a library is missing
            NotEnoughData: if there are fewer than two classes, or too few rows
        """
        self._fit(TrainingPart(inputs, target, weights, task), development, folder)
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output: the highest names the class; a label is set above 0.5.

        Args:
            inputs: n_rows rows of the blocks that were fitted

        Returns:
            shape (n_rows, n_outputs)

        Raises:
            ValueError: if the features are not those that were fitted
        """
        return self._scores(inputs) if len(inputs) else np.empty((0, len(self.outputs_)))

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Return the fitted model as files, by name (JSON, safetensors, UBJSON): same model, same bytes."""

    def to_onnx(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> bytes | None:
        """Return standardisation and model as ONNX, for use without undertone; None for models without such a form.

        Args:
            mean: subtracted from each feature, shape (n_features of all vectors,)
            scale: divides each centred feature, likewise
        """
        return None

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Restore a fitted model.

        Args:
            files: as `files` returned them
        """
        self._read(files)
        return self

    @abstractmethod
    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None: ...

    @abstractmethod
    def _scores(self, inputs: Inputs) -> Scores: ...

    @abstractmethod
    def _read(self, files: Mapping[str, bytes]) -> None: ...


@dataclass(frozen=True)
class Model:
    """A family of models, as `tasks.models.base.registry` lists it.

    Args:
        name: in params.yaml
        title: one line for readers of a page
        takes: the kinds of blocks it can use
        settings: a frozen dataclass whose fields have defaults: what params.yaml may set
        make: settings, seed → estimator
        tasks: the kinds of targets it can learn
        in_epochs: whether it is trained in epochs, and so is given development rows and a folder
        probabilities: whether its scores are probabilities, whose calibration can be plotted
        lacking: whether rows may lack some of the blocks
        builds_on: settings → names of the models it uses; their code is part of its cache key
    """

    name: str
    title: str
    takes: frozenset[Kind]
    settings: type
    make: Callable[[Any, int], Estimator]
    tasks: frozenset[Task] = frozenset({"classes"})
    in_epochs: bool = False
    probabilities: bool = True
    lacking: bool = False
    builds_on: Callable[[Any], tuple[str, ...]] | None = None

    def load(self, settings: Any, files: Mapping[str, bytes]) -> Estimator:
        """Return a fitted model.

        Args:
            settings: it was fitted with
            files: as its `files` returned them
        """
        return self.make(settings, 0).read(files)
