"""What a model is: blocks of features in, one score per class out; arrays only, and nothing pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows, Sequences

Kind = Literal["vector", "sequence", "text"]
Task = Literal["classes", "labels", "values"]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """What a model is given: one or more blocks of features over the same rows.

    Args:
        vectors: name → features, shape (n_rows, n_features)
        sequences: name → sequences of n_rows rows
        texts: name → texts, object array of str, shape (n_rows,)
        units: what the protocol keeps apart (speaker, dialogue …) of every row, for cuts inside the training part,
            shape (n_rows,)
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
        """Return some of the rows, in the order given; a row may be asked for more than once."""
        return Inputs(
            self.units[rows],
            {name: block[rows] for name, block in self.vectors.items()},
            {name: block.rows(rows) for name, block in self.sequences.items()},
            {name: block[rows] for name, block in self.texts.items()},
        )

    def only(self, names: Sequence[str]) -> Inputs:
        """Return some of the blocks."""
        return Inputs(
            self.units,
            {name: block for name, block in self.vectors.items() if name in names},
            {name: block for name, block in self.sequences.items() if name in names},
            {name: block for name, block in self.texts.items() if name in names},
        )

    def matrix(self) -> NDArray[np.float64]:
        """Return all vectors side by side, shape (n_rows, n_features of all blocks)."""
        return np.concatenate([np.asarray(block, dtype=np.float64) for block in self.vectors.values()], axis=1)


@dataclass(frozen=True)
class Development:
    """Rows that are trained on by nobody: for early stopping and for choosing between epochs."""

    inputs: Inputs
    target: NDArray[Any]


class Estimator(Protocol):
    """A model with its settings, before and after fitting.

    Attributes:
        outputs_: after `fit`: what the columns of `scores` stand for: the classes, sorted; the labels; or the value
        curves_: after `fit`: one entry per epoch for what is trained in epochs, such as `{"epoch": 1.0,
            "train_loss": …, "development_loss": …, "development_accuracy": …}`; else empty
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: NDArray[np.float64] | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit.

        Args:
            inputs: the training part
            target: classes, str, shape (n_rows,); or labels, 0 or 1, shape (n_rows, n_labels); or values, shape
                (n_rows,)
            weights: of the rows, positive, mean 1; shape (n_rows,)
            development: for models that want it
            folder: where training in epochs leaves what it needs to go on after a kill
        """

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs): the highest is the class; a label's is above 0.5."""

    def files(self) -> dict[str, bytes]:
        """Return the fitted model as files, by name (JSON, safetensors, ONNX): same model, same bytes."""


@dataclass(frozen=True)
class Model:
    """A family of models, as `tasks.models.base.registry` lists it.

    Args:
        name: how params.yaml names it
        title: one line for people: what it is, and where it comes from
        takes: the kinds of blocks it can use
        settings: a frozen dataclass whose fields have defaults: what params.yaml may set
        make: settings, seed → estimator
        load: settings, files → fitted estimator
        tasks: the kinds of targets it can learn
        in_epochs: trained in epochs: is given development rows and a folder
        probabilities: whether scores are probabilities, and calibration can be looked at
        lacking: whether rows may lack some of the blocks
        builds_on: settings → names of the models it uses, where it uses others: their modules decide its results too
    """

    name: str
    title: str
    takes: frozenset[Kind]
    settings: type
    make: Callable[[Any, int], Estimator]
    load: Callable[[Any, Mapping[str, bytes]], Estimator]
    tasks: frozenset[Task] = frozenset({"classes"})
    in_epochs: bool = False
    probabilities: bool = True
    lacking: bool = False
    builds_on: Callable[[Any], tuple[str, ...]] | None = None


def reading(make: Callable[[Any], Any]) -> Callable[[Any, Mapping[str, bytes]], Estimator]:
    """Return the `load` of models whose estimators take over their files by `read`."""
    return lambda settings, files: make(settings).read(files)
