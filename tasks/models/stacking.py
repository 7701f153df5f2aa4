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
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ConfigError, NotEnoughData
from tasks.models import arrays, registry
from tasks.models.classical import Linear, LogisticSettings, above_zero, classes_of, fit_logistic
from tasks.models.estimator import Development, Estimator, Inputs, Kind, Model, Rows, Scores
from tasks.models.settings import settings_of
from tasks.splits import Fold, group_k_fold

NAME = "stacking"
STACK = "meta.json"
KINDS: tuple[str, ...] = get_args(Kind)

# a probability of 0 has no logarithm; a class that a fold's training part lacks gets this one, too
_FLOOR = 1e-6
# of the units, for early stopping of base models that are trained in epochs; not from fewer than four units
_DEVELOPMENT_FOLDS, _DEVELOPMENT_UNITS = 8, 4
_BLOCK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

Weights = NDArray[np.float64] | None


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
        ConfigError: if a base model is unknown, cannot take its kind of block or cannot learn classes, or has settings
            that it does not know
    """

    base: dict[str, Any] = field(default_factory=_default_base)
    folds: int = 5
    meta_c: float = 1.0

    def __post_init__(self) -> None:
        above_zero("meta_c", self.meta_c)
        if self.folds < 2:
            raise ValueError(f"folds must be 2 or more, found {self.folds}")
        for key in self.base:
            _base_of(key, key, self.base[key])


@dataclass(frozen=True)
class Base:
    """A block, and the base model that is given it.

    Args:
        block: the block's name
        entry: the model's name and settings, as `StackingSettings.base` has them
        model: the model of that name
        settings: its settings, built
    """

    block: str
    entry: Mapping[str, Any]
    model: Model
    settings: Any


@dataclass(frozen=True)
class Part:
    """Rows to fit on: n_rows inputs, classes, shape (n_rows,), and perhaps weights, shape (n_rows,)."""

    inputs: Inputs
    target: NDArray[Any]
    weights: Weights

    def rows(self, rows: Rows) -> Part:
        """Return some of the rows; their weights have mean 1 again."""
        weights = None if self.weights is None else self.weights[rows] / self.weights[rows].mean()
        return Part(self.inputs.rows(rows), self.target[rows], weights)

    def only(self, block: str) -> Part:
        """Return one of the blocks."""
        return Part(self.inputs.only([block]), self.target, self.weights)


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
        self._bases = self._bases_of(inputs)
        for base in self._bases:
            part = Part(inputs, target, weights).only(base.block)
            held = Development(development.inputs.only([base.block]), development.target) if development else None
            fitted = self._fit(base, part, held, folder / base.block / "whole" if folder else None)
            self.fitted_[base.block] = fitted
            self.notes_ += [f"{base.block}: {note}" for note in getattr(fitted, "notes_", ())]
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
        bases = self._bases_of(inputs)
        stacked = np.empty((len(inputs), len(bases), len(classes)))
        for number, fold in enumerate(_folds(target, inputs.units, self.settings.folds, self.seed)):
            for column, base in enumerate(bases):
                part = Part(inputs, target, weights).only(base.block)
                place = folder / base.block / f"fold-{number}" if folder else None
                fitted = self._fit(base, part.rows(fold.train), None, place)
                stacked[fold.test, column] = _evidence(base.model, fitted, part.inputs.rows(fold.test), classes)
        return stacked.reshape(len(inputs), -1)

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes).

        Raises:
            ValueError: if a block that was fitted is missing
        """
        if missing := set(self.fitted_) - set(inputs.names):
            raise ValueError(f"expected the blocks {', '.join(self.fitted_)}; {', '.join(sorted(missing))} is missing")
        columns = [
            _evidence(base.model, self.fitted_[base.block], inputs.only([base.block]), self.outputs_)
            for base in self._bases
        ]
        return self.meta_.scores(np.concatenate(columns, axis=1))

    def files(self) -> dict[str, bytes]:
        """Return the upper model, and under `base/BLOCK/` the files of each base model."""
        card = {"bases": [{"block": base.block, "model": base.entry} for base in self._bases], "notes": self.notes_}
        found = {**arrays.to_files(self.meta_.card, self.meta_.arrays), STACK: arrays.to_json(card)}
        for block, fitted in self.fitted_.items():
            found |= {f"base/{block}/{name}": content for name, content in fitted.files().items()}
        return found

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card = json.loads(files[STACK])
        self.meta_ = Linear.of(*arrays.from_files(files))
        self.outputs_, self.curves_, self.notes_ = self.meta_.outputs, [], list(card["notes"])
        self._bases = tuple(_base_of(one["block"], one["block"], one["model"]) for one in card["bases"])
        self.fitted_ = {}
        for base in self._bases:
            start = f"base/{base.block}/"
            nested = {name.removeprefix(start): content for name, content in files.items() if name.startswith(start)}
            self.fitted_[base.block] = base.model.load(base.settings, nested)
        return self

    def _bases_of(self, inputs: Inputs) -> tuple[Base, ...]:
        """Return the base model of each block, in the order of `inputs.names`."""
        kinds = dict(zip(KINDS, (inputs.vectors, inputs.sequences, inputs.texts), strict=True))
        return tuple(self._base(name, kind) for kind, blocks in kinds.items() for name in blocks)

    def _base(self, block: str, kind: str) -> Base:
        if not _BLOCK.fullmatch(block):
            raise ConfigError(f"the block {block!r} cannot name a folder; expected letters, digits, '_', '.', '-'")
        key = block if block in self.settings.base else kind
        if key not in self.settings.base:
            there = ", ".join(self.settings.base) or "nothing"
            raise ConfigError(f"base: no model for the block {block!r}, a {kind}; there is {there}")
        base = _base_of(block, key, self.settings.base[key])
        _check_kind(key, base.model, kind)
        return base

    def _fit(self, base: Base, part: Part, development: Development | None, folder: Path | None) -> Estimator:
        estimator = base.model.make(base.settings, self.seed)
        if not base.model.in_epochs:
            return estimator.fit(part.inputs, part.target, weights=part.weights)
        if development is None:
            part, development = _cut(part, self.seed)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        return estimator.fit(part.inputs, part.target, weights=part.weights, development=development, folder=folder)


def _base_of(block: str, key: str, entry: Any) -> Base:
    where = f"base.{key}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ConfigError(f"{where} is {entry!r}; expected a model's name and settings, such as {{name: logistic}}")
    if entry["name"] == NAME:
        raise ConfigError(f"{where}: stacking cannot stand on itself")
    try:
        model = registry.model(entry["name"])
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if "classes" not in model.tasks:
        raise ConfigError(f"{where}: {model.name!r} learns {', '.join(sorted(model.tasks))}; stacking needs classes")
    if key in KINDS:
        _check_kind(key, model, key)
    values = {name: value for name, value in entry.items() if name != "name"}
    return Base(block, entry, model, settings_of(model.settings, values, where))


def _check_kind(key: str, model: Model, kind: str) -> None:
    if kind not in model.takes:
        takes = " or ".join(f"{one}s" for one in sorted(model.takes))
        raise ConfigError(f"base.{key}: {model.name!r} takes {takes}, and this is a {kind}")


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


def _cut(part: Part, seed: int) -> tuple[Part, Development | None]:
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


def _evidence(model: Model, fitted: Estimator, inputs: Inputs, classes: Sequence[str]) -> Scores:
    """Return a base model's scores as the upper model takes them, one column per class, shape (n_rows, n_classes).

    Decision values stay as they are: scaling them by their spread would blow up those of a model that tells nothing.
    """
    found = fitted.scores(inputs)
    if model.probabilities:
        values = np.log(np.clip(found, _FLOOR, 1))
        spare: Any = np.log(_FLOOR)
    else:
        values = found
        spare = found.min(axis=1, keepdims=True)
    evidence: Scores = np.broadcast_to(spare, (len(inputs), len(classes))).copy()
    evidence[:, [list(classes).index(label) for label in fitted.outputs_]] = values
    return evidence


def _builds_on(settings: StackingSettings) -> tuple[str, ...]:
    return tuple(sorted({str(entry["name"]) for entry in settings.base.values()}))


def _load(settings: StackingSettings, files: Mapping[str, bytes]) -> Stacking:
    return Stacking(settings).read(files)


MODELS: tuple[Model, ...] = (
    Model(
        name=NAME,
        title="Stacking: a model per block, and logistic regression over their out-of-fold scores",
        takes=frozenset({"vector", "sequence", "text"}),
        settings=StackingSettings,
        make=Stacking,
        load=_load,
        builds_on=_builds_on,
    ),
)
