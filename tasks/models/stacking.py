"""Stacking: one model per block, and an upper model over their out-of-fold scores.

Wolpert (1992), Neural Networks 5. An upper model fitted on scores of the base models' own training rows would prefer
the base model that overfits most. Here it sees out-of-fold scores only: the training part is cut into folds by unit
(speaker, dialogue …), and each fold is scored by base models fitted on the others. For prediction, the base models are
fitted once more, on the whole training part.

The "Bidirectional LSTM with stacking" of the MELD notebook is, by its code, two LSTM layers on top of each other. That
network is `bilstm`; this is stacking in the usual sense.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData
from tasks.evaluation.splits import Fold, group_k_fold
from tasks.models.base import array_files
from tasks.models.base.branches import KINDS, Branch, Composite, CompositeEstimator, evidence, fit_block, names
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart, Weights
from tasks.models.classical import Linear, LogisticSettings, fit_logistic

NAME = "stacking"
_STACK = "meta.json"
COMPOSITE = Composite(NAME, "base", "base")

# early stopping of base models trained in epochs: one unit in eight is held out, given at least four units
_DEVELOPMENT_FOLDS, _DEVELOPMENT_UNITS = 8, 4


def _default_base() -> dict[str, Any]:
    return {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm"}, "text": {"name": "tf-idf"}}


@dataclass(frozen=True)
class StackingSettings:
    """Settings of stacking.

    Args:
        base: base models, as in `Composite`
        folds: for the out-of-fold scores; at most as many as there are units
        meta_c: inverse strength of the upper model's L2 penalty

    Raises:
        ConfigError: if a base model cannot work, as in `Composite.check`
    """

    base: dict[str, Any] = field(default_factory=_default_base)
    folds: int = 5
    meta_c: float = 1.0

    def __post_init__(self) -> None:
        above_zero("meta_c", self.meta_c)
        if self.folds < 2:
            raise ValueError(f"folds must be 2 or more, found {self.folds}")
        COMPOSITE.check(self.base)


class Stacking(CompositeEstimator):
    """One base model per block; multinomial logistic regression over their scores.

    Units are never split between folds. Base models trained in epochs get the development rows of `fit`; for
    out-of-fold scores, and without development rows, they get about one unit in eight of their training rows.

    Attributes:
        meta_: after `fit`: the upper model, over the blocks in the order of `fitted_`
    """

    settings: StackingSettings
    composite = COMPOSITE
    meta_: Linear

    def out_of_fold(
        self, inputs: Inputs, target: NDArray[Any], *, weights: Weights = None, folder: Path | None = None
    ) -> Scores:
        """Return what the upper model is fitted on: scores by base models that saw nothing of the row's unit.

        Args:
            inputs: the training part, n_rows rows
            target: classes, shape (n_rows,)
            weights: of the rows, shape (n_rows,)
            folder: for checkpoints of base models trained in epochs

        Returns:
            log-probabilities or decision values, shape (n_rows, n_blocks · n_classes), blocks as in `inputs.names`

        Raises:
            NotEnoughData: if there are fewer than two units or two classes
        """
        classes = classes_of(target)
        bases = COMPOSITE.branches(self.settings.base, inputs)
        part = TrainingPart(inputs, target, weights)
        stacked = np.empty((len(inputs), len(bases), len(classes)))
        for number, fold in enumerate(_folds(target, inputs.units, self.settings.folds, self.seed)):
            for column, base in enumerate(bases):
                place = folder / base.block / f"fold-{number}" if folder else None
                fitted = self._fit_base(base, part.only(base.block).rows(fold.train), None, place)
                stacked[fold.test, column] = evidence(base, fitted, inputs.rows(fold.test), classes)
        return stacked.reshape(len(inputs), -1)

    def files(self) -> dict[str, bytes]:
        """Return the upper model, and the base models under `base/BLOCK/`."""
        card = {"bases": self._branch_cards(), "notes": self.notes_}
        upper = {**array_files.to_files(self.meta_.card, self.meta_.arrays), _STACK: array_files.to_json(card)}
        return upper | COMPOSITE.files(self.fitted_)

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        stacked = self.out_of_fold(part.inputs, part.target, weights=part.weights, folder=folder)
        self.meta_ = fit_logistic(stacked, part.target, LogisticSettings(c=self.settings.meta_c), part.weights)
        self.outputs_ = self.meta_.outputs
        self._branches = COMPOSITE.branches(self.settings.base, part.inputs)
        self.fitted_ = {
            base.block: self._fit_base(base, part, development, folder / base.block / "whole" if folder else None)
            for base in self._branches
        }
        self.notes_ = [f"stacking: {note}" for note in self.meta_.notes] + self._branch_notes()

    def _scores(self, inputs: Inputs) -> Scores:
        return self.meta_.scores(np.concatenate(self._evidence(inputs, self.outputs_), axis=1))

    def _read(self, files: Mapping[str, bytes]) -> None:
        card = json.loads(files[_STACK])
        self.meta_ = Linear.of(*array_files.from_files(files))
        self.outputs_, self.notes_ = self.meta_.outputs, list(card["notes"])
        self._read_branches(card["bases"], files)

    def _fit_base(
        self, base: Branch, part: TrainingPart, development: Development | None, folder: Path | None
    ) -> Estimator:
        if base.model.in_epochs and development is None:
            part, development = _held_out(part, self.seed)
        return fit_block(base, part, development, self.seed, folder)


def _folds(target: NDArray[Any], units: NDArray[np.str_], asked: int, seed: int) -> tuple[Fold, ...]:
    """Cut rows into folds by unit, stratified by the classes that have a unit for each fold."""
    n_units = np.unique(units).size
    if n_units < 2:
        raise NotEnoughData(f"out-of-fold scores need two units (speakers, dialogues …) or more, found {n_units}")
    n_folds = min(asked, n_units)
    n_units_of = {str(label): np.unique(units[target == label]).size for label in np.unique(target)}
    frequent = [label for label, n in n_units_of.items() if n >= n_folds]
    # a class in fewer units than folds cannot be stratified: its rows count as the most common class
    common = max(n_units_of, key=lambda label: n_units_of[label]) if frequent else ""
    strata = np.where(np.isin(target, frequent), target, common)
    return group_k_fold(strata.astype(str), units, n_folds, seed)


def _held_out(part: TrainingPart, seed: int) -> tuple[TrainingPart, Development | None]:
    """Split off about an eighth of the units for early stopping.

    Nothing is split off where there are few units, or where every split would take a whole class from training.
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
        takes=frozenset(KINDS),
        settings=StackingSettings,
        make=Stacking,
        builds_on=lambda settings: names(settings.base),
    ),
)
