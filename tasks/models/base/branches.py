"""Models that stand on others, one per block of features: from settings to base models, their rows and their files.

Shared by stacking, which learns from scores out of fold, and by the two fusions, which learn from what branches say of
their own training rows (`fusion`) or of development rows (`late-fusion`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.features.base.sequences import Rows
from tasks.features.base.settings import settings_of
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Estimator, Inputs, Kind, Model, Scores

KINDS: tuple[str, ...] = get_args(Kind)
FLOOR = 1e-6
"""A probability of 0 has no logarithm; a class that a base model does not know gets this one, too."""
Weights = NDArray[np.float64] | None

_BLOCK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Branch:
    """A block, and the base model that is given it.

    Args:
        block: the block's name
        entry: the model's name and settings, as the composite's settings have them
        model: the model of that name
        settings: its settings, built
    """

    block: str
    entry: Mapping[str, Any]
    model: Model
    settings: Any


@dataclass(frozen=True)
class TrainingPart:
    """Rows to fit on: n_rows inputs, classes, shape (n_rows,), and perhaps weights, shape (n_rows,)."""

    inputs: Inputs
    target: NDArray[Any]
    weights: Weights

    def rows(self, rows: Rows) -> TrainingPart:
        """Return some of the rows; their weights have mean 1 again."""
        weights = None if self.weights is None else self.weights[rows] / self.weights[rows].mean()
        return TrainingPart(self.inputs.rows(rows), self.target[rows], weights)

    def only(self, block: str) -> TrainingPart:
        """Return one of the blocks."""
        return TrainingPart(self.inputs.only([block]), self.target, self.weights)


@dataclass(frozen=True)
class Composite:
    """A model that stands on others, as messages call it.

    Args:
        name: in params.yaml
        setting: which of its settings holds the base models: name of a block, or kind of block → `{"name": model,
            …its settings}`; a block's own name goes before its kind
        folder: under which the files of base models lie
    """

    name: str
    setting: str
    folder: str

    def check(self, entries: Mapping[str, Any]) -> None:
        """Refuse base models that cannot work.

        Raises:
            ConfigError: if one is unknown, cannot take its kind of block, cannot learn classes, stands on other models
                itself, or has settings that it does not know
        """
        for key, entry in entries.items():
            found = self.branch(key, key, entry)
            if key in KINDS:
                self._check_kind(key, found.model, key)

    def branches(self, entries: Mapping[str, Any], inputs: Inputs) -> tuple[Branch, ...]:
        """Return the base model of each block, in the order of `inputs.names`.

        Raises:
            ConfigError: if a block has no base model, one that cannot take it, or a name that cannot name a folder
        """
        kinds = dict(zip(KINDS, (inputs.vectors, inputs.sequences, inputs.texts), strict=True))
        return tuple(self._of_block(name, kind, entries) for kind, blocks in kinds.items() for name in blocks)

    def branch(self, block: str, key: str, entry: Any) -> Branch:
        """Return a block's base model.

        Args:
            block: its name
            key: under which the settings have it; "": the setting is itself the one base model
            entry: the model's name and settings

        Raises:
            ConfigError: as `check`, but for kinds of blocks
        """
        where = self._where(key)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ConfigError(f"{where} is {entry!r}; expected a model's name and settings, such as {{name: logistic}}")
        if entry["name"] == self.name:
            raise ConfigError(f"{where}: {self.name} cannot stand on itself")
        try:
            model = registry.model(entry["name"])
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        if model.builds_on is not None:
            raise ConfigError(f"{where}: {self.name} cannot stand on {model.name}, which stands on other models itself")
        if "classes" not in model.tasks:
            able = ", ".join(sorted(model.tasks))
            raise ConfigError(f"{where}: {model.name!r} learns {able}; {self.name} needs classes")
        values = {name: value for name, value in entry.items() if name != "name"}
        return Branch(block, entry, model, settings_of(model.settings, values, where))

    def files(self, fitted: Mapping[str, Estimator]) -> dict[str, bytes]:
        """Return the files of fitted base models, by block, under `FOLDER/BLOCK/`."""
        return {
            f"{self.folder}/{block}/{name}": content
            for block, one in fitted.items()
            for name, content in one.files().items()
        }

    def load(self, branches: Iterable[Branch], files: Mapping[str, bytes]) -> dict[str, Estimator]:
        """Return base models from what `files` gave."""
        found = {}
        for branch in branches:
            start = f"{self.folder}/{branch.block}/"
            nested = {name.removeprefix(start): content for name, content in files.items() if name.startswith(start)}
            found[branch.block] = branch.model.load(branch.settings, nested)
        return found

    def cards(self, branches: Iterable[Branch]) -> list[dict[str, Any]]:
        """Return blocks with their models and settings, for JSON."""
        return [{"block": branch.block, "model": branch.entry} for branch in branches]

    def described(self, cards: Iterable[Mapping[str, Any]]) -> tuple[Branch, ...]:
        """Return what `cards` gave."""
        return tuple(self.branch(one["block"], one["block"], one["model"]) for one in cards)

    def only(self, block: str, entry: Any, kind: str) -> Branch:
        """Return the one base model of a composite that has a single one, for a kind of block.

        Raises:
            ConfigError: as `check`
        """
        found = self.branch(block, "", entry)
        self._check_kind("", found.model, kind)
        return found

    def _of_block(self, block: str, kind: str, entries: Mapping[str, Any]) -> Branch:
        if not _BLOCK.fullmatch(block):
            raise ConfigError(f"the block {block!r} cannot name a folder; expected letters, digits, '_', '.', '-'")
        key = block if block in entries else kind
        if key not in entries:
            there = ", ".join(entries) or "nothing"
            raise ConfigError(f"{self.setting}: no model for the block {block!r}, a {kind}; there is {there}")
        found = self.branch(block, key, entries[key])
        self._check_kind(key, found.model, kind)
        return found

    def _check_kind(self, key: str, model: Model, kind: str) -> None:
        if kind not in model.takes:
            takes = " or ".join(f"{one}s" for one in sorted(model.takes))
            raise ConfigError(f"{self._where(key)}: {model.name!r} takes {takes}, and this is a {kind}")

    def _where(self, key: str) -> str:
        return f"{self.setting}.{key}" if key else self.setting


def fit(
    branch: Branch, part: TrainingPart, development: Development | None, seed: int, folder: Path | None = None
) -> Estimator:
    """Fit a base model to its block of a part.

    Args:
        branch: the block and its model
        part: what to fit on; blocks of others may be in it
        development: for a model that is trained in epochs
        seed: of everything that chance decides
        folder: where a model that is trained in epochs leaves what it needs to go on
    """
    held = Development(development.inputs.only([branch.block]), development.target) if development else None
    return fitted(branch, part.only(branch.block), held, seed, folder)


def fitted(
    branch: Branch, part: TrainingPart, held: Development | None, seed: int, folder: Path | None = None
) -> Estimator:
    """Fit a base model to all blocks of a part, as `fit` does to one."""
    estimator = branch.model.make(branch.settings, seed)
    if not branch.model.in_epochs:
        return estimator.fit(part.inputs, part.target, weights=part.weights)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return estimator.fit(part.inputs, part.target, weights=part.weights, development=held, folder=folder)


def fit_all(
    branches: Iterable[Branch], part: TrainingPart, development: Development | None, seed: int, folder: Path | None
) -> dict[str, Estimator]:
    """Fit every base model to the same part, each in a folder of its own; return them by block."""
    return {one.block: fit(one, part, development, seed, folder / one.block if folder else None) for one in branches}


def notes(fitted: Mapping[str, Estimator]) -> list[str]:
    """Return what had to give way in fitting base models, each with its block's name."""
    return [f"{block}: {note}" for block, one in fitted.items() for note in getattr(one, "notes_", ())]


def curves(branches: Iterable[Branch], fitted: Mapping[str, Estimator]) -> list[dict[str, float]]:
    """Return the curves of the first base model that is trained in epochs; without one, none."""
    return next((fitted[one.block].curves_ for one in branches if one.model.in_epochs), [])


def demand_blocks(fitted: Mapping[str, Estimator], inputs: Inputs) -> None:
    """Refuse inputs without a block that was fitted.

    Raises:
        ValueError: naming what is missing
    """
    if missing := set(fitted) - set(inputs.names):
        raise ValueError(f"expected the blocks {', '.join(fitted)}; {', '.join(sorted(missing))} is missing")


def evidence(branch: Branch, fitted: Estimator, inputs: Inputs, classes: Sequence[str]) -> Scores:
    """Return a base model's scores of its block as an upper model takes them, one column per class.

    Decision values stay as they are: scaling them by their spread would blow up those of a model that tells nothing.

    Returns:
        log-probabilities, at least log(`FLOOR`), or decision values, shape (n_rows, n_classes)
    """
    found = fitted.scores(inputs.only([branch.block]))
    if branch.model.probabilities:
        values = np.log(np.clip(found, FLOOR, 1))
        spare: Any = np.log(FLOOR)
    else:
        values = found
        spare = found.min(axis=1, keepdims=True)
    told: Scores = np.broadcast_to(spare, (len(inputs), len(classes))).copy()
    told[:, [list(classes).index(label) for label in fitted.outputs_]] = values
    return told


def names(entries: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of base models in settings, sorted: their modules decide a composite's results too."""
    return tuple(sorted({str(entry["name"]) for entry in entries.values()}))
