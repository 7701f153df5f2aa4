"""Models on top of other models, one base model per block of features: their settings, fitting and files.

Shared by `stacking`, which learns from out-of-fold scores, and by the two fusions, which learn from embeddings of the
training rows (`fusion`) or from scores of development rows (`late-fusion`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.features.base.settings import settings_of
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Estimator, Inputs, Kind, Model, Scores, TrainingPart
from tasks.models.base.temperature import FLOOR

KINDS: tuple[Kind, ...] = get_args(Kind)
_BLOCK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Branch:
    """A block of features and its base model.

    Args:
        block: name of the block
        entry: the base model's name and settings, as in params.yaml
        model: the model of that name
        settings: an instance of its settings class
    """

    block: str
    entry: Mapping[str, Any]
    model: Model
    settings: Any


@dataclass(frozen=True)
class Composite:
    """Reads the settings of base models, and writes and reads their files.

    Args:
        name: of the upper model in params.yaml
        setting: its setting that holds the base models: name of a block, or kind of block → `{"name": model,
            …its settings}`; a block's own name has precedence over its kind
        folder: prefix of the base models' files
    """

    name: str
    setting: str
    folder: str

    def check(self, entries: Mapping[str, Any]) -> None:
        """Refuse base models that cannot work.

        Args:
            entries: block or kind → the base model's name and settings

        Raises:
            ConfigError: if one is unknown, cannot take its kind of block or learn classes, is built on other models, or
                has unknown settings
        """
        for key, entry in entries.items():
            branch = self.branch(key, key, entry)
            if key in KINDS:
                self._check_kind(key, branch.model, key)

    def branches(self, entries: Mapping[str, Any], inputs: Inputs) -> tuple[Branch, ...]:
        """Return the base model of each block, in the order of `inputs.names`.

        Args:
            entries: block or kind → the base model's name and settings
            inputs: the blocks

        Raises:
            ConfigError: if a block has no base model, one that cannot take it, or a name unfit for a folder
        """
        kinds = dict(zip(KINDS, (inputs.vectors, inputs.sequences, inputs.texts), strict=True))
        return tuple(self._of_block(name, kind, entries) for kind, blocks in kinds.items() for name in blocks)

    def branch(self, block: str, key: str, entry: Any) -> Branch:
        """Return a block's base model.

        Args:
            block: its name
            key: of the entry in the setting; "": the setting is a single entry
            entry: the model's name and settings

        Raises:
            ConfigError: as `check`, except for kinds of blocks
        """
        where = self._where(key)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ConfigError(f"{where} is {entry!r}; expected a model's name and settings, such as {{name: logistic}}")
        if entry["name"] == self.name:
            raise ConfigError(f"{where}: {self.name} cannot be built on itself")
        try:
            model = registry.model(entry["name"])
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        if model.builds_on is not None:
            raise ConfigError(f"{where}: {self.name} cannot be built on {model.name}, which is built on other models")
        if "classes" not in model.tasks:
            able = ", ".join(sorted(model.tasks))
            raise ConfigError(f"{where}: {model.name!r} learns {able}; {self.name} needs classes")
        values = {name: value for name, value in entry.items() if name != "name"}
        return Branch(block, entry, model, settings_of(model.settings, values, where))

    def only(self, block: str, entry: Any, kind: Kind) -> Branch:
        """Return the base model where the setting is a single entry.

        Args:
            block: name of the block
            entry: the model's name and settings
            kind: of the block

        Raises:
            ConfigError: as `check`
        """
        branch = self.branch(block, "", entry)
        self._check_kind("", branch.model, kind)
        return branch

    def files(self, fitted: Mapping[str, Estimator]) -> dict[str, bytes]:
        """Return the files of fitted base models, named `FOLDER/BLOCK/…`.

        Args:
            fitted: block → its base model
        """
        return {
            f"{self.folder}/{block}/{name}": content
            for block, estimator in fitted.items()
            for name, content in estimator.files().items()
        }

    def load(self, branches: Iterable[Branch], files: Mapping[str, bytes]) -> dict[str, Estimator]:
        """Return fitted base models, by block.

        Args:
            branches: their blocks and settings
            files: as `files` returned them; others are ignored
        """
        fitted = {}
        for branch in branches:
            prefix = f"{self.folder}/{branch.block}/"
            own = {name.removeprefix(prefix): content for name, content in files.items() if name.startswith(prefix)}
            fitted[branch.block] = branch.model.load(branch.settings, own)
        return fitted

    def _of_block(self, block: str, kind: Kind, entries: Mapping[str, Any]) -> Branch:
        if not _BLOCK.fullmatch(block):
            raise ConfigError(f"the block {block!r} cannot name a folder; expected letters, digits, '_', '.', '-'")
        key = block if block in entries else kind
        if key not in entries:
            available = ", ".join(entries) or "nothing"
            raise ConfigError(f"{self.setting}: no model for the block {block!r}, a {kind}; there is {available}")
        branch = self.branch(block, key, entries[key])
        self._check_kind(key, branch.model, kind)
        return branch

    def _check_kind(self, key: str, model: Model, kind: str) -> None:
        if kind not in model.takes:
            takes = " or ".join(f"{accepted}s" for accepted in sorted(model.takes))
            raise ConfigError(f"{self._where(key)}: {model.name!r} takes {takes}, and this is a {kind}")

    def _where(self, key: str) -> str:
        return f"{self.setting}.{key}" if key else self.setting


class CompositeEstimator(Estimator):
    """Base class of models on top of one base model per block.

    Attributes:
        fitted_: after `fit`: the base models, by block
    """

    composite: ClassVar[Composite]
    fitted_: dict[str, Estimator]
    _branches: tuple[Branch, ...]

    def _fit_branches(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        """Fit each base model to its block of the same part, in a folder of its own."""
        entries = getattr(self.settings, self.composite.setting)
        self._branches = self.composite.branches(entries, part.inputs)
        self.fitted_ = {
            branch.block: fit_block(branch, part, development, self.seed, folder / branch.block if folder else None)
            for branch in self._branches
        }

    def _branch_notes(self) -> list[str]:
        return [f"{block}: {note}" for block, estimator in self.fitted_.items() for note in estimator.notes_]

    def _branch_curves(self) -> list[dict[str, float]]:
        """Return the curves of the first base model trained in epochs, if any."""
        return next((self.fitted_[branch.block].curves_ for branch in self._branches if branch.model.in_epochs), [])

    def _branch_cards(self) -> list[dict[str, Any]]:
        return [{"block": branch.block, "model": branch.entry} for branch in self._branches]

    def _read_branches(self, cards: Iterable[Mapping[str, Any]], files: Mapping[str, bytes]) -> None:
        branch = self.composite.branch
        self._branches = tuple(branch(card["block"], card["block"], card["model"]) for card in cards)
        self.fitted_ = self.composite.load(self._branches, files)

    def _evidence(self, inputs: Inputs, classes: Sequence[str]) -> list[NDArray[np.float64]]:
        """Return each base model's evidence of its block; raise ValueError if a fitted block is missing."""
        if missing := set(self.fitted_) - set(inputs.names):
            raise ValueError(f"expected the blocks {', '.join(self.fitted_)}; {', '.join(sorted(missing))} is missing")
        return [self._evidence_of(branch, self.fitted_[branch.block], inputs, classes) for branch in self._branches]

    def _evidence_of(
        self, branch: Branch, fitted: Estimator, inputs: Inputs, classes: Sequence[str]
    ) -> NDArray[np.float64]:
        return evidence(branch, fitted, inputs, classes)


def fit_block(
    branch: Branch, part: TrainingPart, development: Development | None, seed: int, folder: Path | None = None
) -> Estimator:
    """Fit a base model to its block.

    Args:
        branch: the block and its model
        part: rows to fit on; may hold other blocks
        development: for models trained in epochs
        seed: of the base model
        folder: for checkpoints of models trained in epochs
    """
    own = Development(development.inputs.only([branch.block]), development.target) if development else None
    return fit_model(branch, part.only(branch.block), own, seed, folder)


def fit_model(
    branch: Branch, part: TrainingPart, development: Development | None, seed: int, folder: Path | None = None
) -> Estimator:
    """Fit a base model to all blocks of a part.

    Args:
        branch: the model
        part: rows to fit on
        development: for models trained in epochs
        seed: of the base model
        folder: for checkpoints of models trained in epochs
    """
    estimator = branch.model.make(branch.settings, seed)
    if not branch.model.in_epochs:
        return estimator.fit(part.inputs, part.target, weights=part.weights)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return estimator.fit(part.inputs, part.target, weights=part.weights, development=development, folder=folder)


def evidence(branch: Branch, fitted: Estimator, inputs: Inputs, classes: Sequence[str]) -> Scores:
    """Return a base model's scores as input of an upper model, one column per class.

    Decision values are not scaled by their spread: that would blow up those of a model which has learned nothing.

    Args:
        branch: the block and its model
        fitted: the model
        inputs: n_rows rows
        classes: of the upper model, sorted

    Returns:
        log-probabilities, at least log(`FLOOR`), or decision values, shape (n_rows, n_classes)
    """
    scores = fitted.scores(inputs.only([branch.block]))
    values = np.log(np.clip(scores, FLOOR, 1)) if branch.model.probabilities else scores
    unseen: Any = np.log(FLOOR) if branch.model.probabilities else scores.min(axis=1, keepdims=True)
    columns: Scores = np.broadcast_to(unseen, (len(inputs), len(classes))).copy()
    columns[:, [list(classes).index(label) for label in fitted.outputs_]] = values
    return columns


def names(entries: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the base models, sorted: their code is part of the upper model's cache key.

    Args:
        entries: block or kind → the base model's name and settings
    """
    return tuple(sorted({str(entry["name"]) for entry in entries.values()}))
