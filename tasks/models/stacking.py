"""Stacking: one model per block, and one above them that learns from scores on rows its base models never saw.

Wolpert (1992), Neural Networks 5. An upper model that is fitted on what base models say about their own training rows
believes whoever memorises best. Here it sees out-of-fold scores only: the training part is cut into folds by unit
(speaker, dialogue …), and each fold is scored by base models fitted on the others. For prediction, the base models are
fitted once more, on the whole training part.

The MELD notebook lists a "Bidirectional LSTM with stacking"; the code it shows lays one LSTM on the other. That network
is `bilstm`; this is stacking as the word is used elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData
from tasks.evaluation.splits import Fold, group_k_fold
from tasks.models.base import array_files, branches
from tasks.models.base.branches import Branch, Composite, TrainingPart, Weights
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, reading
from tasks.models.classical import Linear, LogisticSettings, fit_logistic

NAME = "stacking"
STACK = "meta.json"
COMPOSITE = Composite(NAME, "base", "base")

# of the units, for early stopping of base models that are trained in epochs; not from fewer than four units
_DEVELOPMENT_FOLDS, _DEVELOPMENT_UNITS = 8, 4


def _default_base() -> dict[str, Any]:
    return {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm"}, "text": {"name": "tf-idf"}}


@dataclass(frozen=True)
class StackingSettings:
    """Settings of stacking.

    Args:
        base: name of a block, or kind of block (vector, sequence, text) → `{"name": model, …its settings}`; a block's
            own name goes before its kind
        folds: into how many the training part is cut for out-of-fold scores, its units at most
        meta_c: inverse strength of the upper model's L2 penalty

    Raises:
        ConfigError: if a base model is unknown, cannot take its kind of block or cannot learn classes, stands on other
            models itself, or has settings that it does not know
    """

    base: dict[str, Any] = field(default_factory=_default_base)
    folds: int = 5
    meta_c: float = 1.0

    def __post_init__(self) -> None:
        above_zero("meta_c", self.meta_c)
        if self.folds < 2:
            raise ValueError(f"folds must be 2 or more, found {self.folds}")
        COMPOSITE.check(self.base)


class Stacking:
    """One base model per block; over their scores, multinomial logistic regression.

    Attributes:
        fitted_: after `fit`: the base models, by block
        meta_: after `fit`: the upper model, over the blocks in the order of `fitted_`
        notes_: after `fit`: what had to give way in fitting

    Args:
        settings: the base models, folds and penalty
        seed: of the folds and of the base models
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]
    meta_: Linear
    fitted_: dict[str, Estimator]

    def __init__(self, settings: StackingSettings, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: Weights = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit to classes, shape (n_rows,); between folds, `inputs.units` are kept apart.

        Args:
            inputs: the training part
            target: classes
            weights: of the rows, shape (n_rows,)
            development: for base models that are trained in epochs; where there is none, and for out-of-fold scores
                always, they get about one unit in eight of their training rows
            folder: where base models that are trained in epochs leave what they need to go on

        Raises:
            ConfigError: if a block has no base model, or one that cannot take it
            NotEnoughData: if there are fewer than two units or two classes
        """
        stacked = self.out_of_fold(inputs, target, weights=weights, folder=folder)
        self.meta_ = fit_logistic(stacked, target, LogisticSettings(c=self.settings.meta_c), weights)
        self.outputs_, self.curves_, self.fitted_ = self.meta_.outputs, [], {}
        self.notes_ = [f"stacking: {note}" for note in self.meta_.notes]
        self._bases = COMPOSITE.branches(self.settings.base, inputs)
        for base in self._bases:
            place = folder / base.block / "whole" if folder else None
            self.fitted_[base.block] = self._fit(base, TrainingPart(inputs, target, weights), development, place)
        self.notes_ += branches.notes(self.fitted_)
        return self

    def out_of_fold(
        self, inputs: Inputs, target: NDArray[Any], *, weights: Weights = None, folder: Path | None = None
    ) -> Scores:
        """Return what the upper model is fitted on: each row's scores by base models that saw nothing of its unit.

        Args:
            inputs: the training part, n_rows rows
            target: classes, shape (n_rows,)
            weights: of the rows, shape (n_rows,)
            folder: as in `fit`

        Returns:
            log-probabilities or decision values, shape (n_rows, n_blocks · n_classes), blocks as in `inputs.names`
        """
        classes = classes_of(target)
        bases = COMPOSITE.branches(self.settings.base, inputs)
        part = TrainingPart(inputs, target, weights)
        stacked = np.empty((len(inputs), len(bases), len(classes)))
        for number, fold in enumerate(_folds(target, inputs.units, self.settings.folds, self.seed)):
            for column, base in enumerate(bases):
                place = folder / base.block / f"fold-{number}" if folder else None
                fitted = self._fit(base, part.only(base.block).rows(fold.train), None, place)
                stacked[fold.test, column] = branches.evidence(base, fitted, inputs.rows(fold.test), classes)
        return stacked.reshape(len(inputs), -1)

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes).

        Raises:
            ValueError: if a block that was fitted is missing
        """
        branches.demand_blocks(self.fitted_, inputs)
        columns = [branches.evidence(base, self.fitted_[base.block], inputs, self.outputs_) for base in self._bases]
        return self.meta_.scores(np.concatenate(columns, axis=1))

    def files(self) -> dict[str, bytes]:
        """Return the upper model, and under `base/BLOCK/` the files of each base model."""
        card = {"bases": COMPOSITE.cards(self._bases), "notes": self.notes_}
        upper = {**array_files.to_files(self.meta_.card, self.meta_.arrays), STACK: array_files.to_json(card)}
        return upper | COMPOSITE.files(self.fitted_)

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card = json.loads(files[STACK])
        self.meta_ = Linear.of(*array_files.from_files(files))
        self.outputs_, self.curves_, self.notes_ = self.meta_.outputs, [], list(card["notes"])
        self._bases = COMPOSITE.described(card["bases"])
        self.fitted_ = COMPOSITE.load(self._bases, files)
        return self

    def _fit(self, base: Branch, part: TrainingPart, development: Development | None, folder: Path | None) -> Estimator:
        if base.model.in_epochs and development is None:
            part, development = _cut(part, self.seed)
        return branches.fit(base, part, development, self.seed, folder)


def _folds(target: NDArray[Any], units: NDArray[np.str_], asked: int, seed: int) -> tuple[Fold, ...]:
    """Cut rows into folds by unit, stratified by the classes that have a unit for each fold."""
    n_units = np.unique(units).size
    if n_units < 2:
        raise NotEnoughData(f"out-of-fold scores need two units (speakers, dialogues …) or more, found {n_units}")
    n_folds = min(asked, n_units)
    spread = {str(label): np.unique(units[target == label]).size for label in np.unique(target)}
    bearing = [label for label, n in spread.items() if n >= n_folds]
    # a class in fewer units than folds cannot be spread over them: it goes where its units go
    common = max(spread, key=lambda label: spread[label]) if bearing else ""
    strata = np.where(np.isin(target, bearing), target, common)
    return group_k_fold(strata.astype(str), units, n_folds, seed)


def _cut(part: TrainingPart, seed: int) -> tuple[TrainingPart, Development | None]:
    """Return what to train on and, cut off by unit, about an eighth for early stopping.

    Nothing is cut off where there are few units, or where no cut would leave every class to the training.
    """
    units, target = part.inputs.units, part.target
    if np.unique(units).size < _DEVELOPMENT_UNITS:
        return part, None
    for fold in _folds(target, units, _DEVELOPMENT_FOLDS, seed):
        if np.unique(target[fold.train]).size == np.unique(target).size:
            return part.rows(fold.train), Development(part.inputs.rows(fold.test), target[fold.test])
    return part, None


MODELS: tuple[Model, ...] = (
    Model(
        name=NAME,
        title="Stacking: a model per block, and logistic regression over their out-of-fold scores",
        takes=frozenset({"vector", "sequence", "text"}),
        settings=StackingSettings,
        make=Stacking,
        load=reading(Stacking),
        builds_on=lambda settings: branches.names(settings.base),
    ),
)
