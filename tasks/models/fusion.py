"""Fusion of trained networks: their embeddings side by side, and a last layer that learns on them.

As the fusions of AlexNet + BERT and wav2vec2 + BERT: each branch is trained alone on its own block of features and then
frozen, what goes into its last layer is concatenated with that of the others, and only a new last layer is trained.

Branches are trained inside the fold, on its training part alone: nothing of a fold's test part is ever seen, unlike in
the source of `iemocap-fusion`, whose branches had been trained on rows that the fused model was then tested on.

The last layer learns on the rows that the branches were trained on, as in the sources. There, embeddings are surer than
on new rows, and the surer the more a branch has memorised: a branch that memorises can push aside one that
generalises. `stacking` learns out of fold and `late-fusion` on development rows, and neither believes a memoriser.

Another last layer may be set: any model over vectors, one block per branch. `gated` weighs the branches row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files, branches
from tasks.models.base.branches import Branch, Composite, TrainingPart, Weights
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, reading
from tasks.models.training.network import NetworkEstimator

COMPOSITE = Composite("fusion", "branches", "branch")
LAST = Composite("fusion", "last", "last")
_TOGETHER = "embeddings"

# networks compute in float32: what differs by less, over its mean, is the same for all rows
_ROUNDING = 1e-6


def _default_branches() -> dict[str, Any]:
    return {"vector": {"name": "feed-forward"}, "sequence": {"name": "bilstm"}, "text": {"name": "fine-tuned"}}


@dataclass(frozen=True)
class FusionSettings:
    """Settings of fusion.

    Args:
        branches: name of a block, or kind of block (vector, sequence, text) → `{"name": model, …its settings}`; a
            block's own name goes before its kind
        c: inverse strength of the last layer's L2 penalty, where it is logistic regression
        last: another last layer: `{"name": model, …its settings}`, over vectors

    Raises:
        ConfigError: if a branch's model, or the last layer's, is unknown, cannot take its kind of block or cannot learn
            classes, stands on other models itself, or has settings that it does not know
    """

    branches: dict[str, Any] = field(default_factory=_default_branches)
    c: float = 1.0
    last: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        COMPOSITE.check(self.branches)
        LAST.only(_TOGETHER, self.over_embeddings, "vector")

    @property
    def over_embeddings(self) -> dict[str, Any]:
        """The last layer: its model and settings."""
        return self.last or {"name": "logistic", "c": self.c}


class Fusion:
    """One branch per block; over their embeddings, multinomial logistic regression, or what `last` says.

    What a branch gives: a network, what goes into its last linear layer; any other model, its log-probabilities or
    decision values. All of it is standardised by the training part.

    Attributes:
        fitted_: after `fit`: the branches, by block
        last_: after `fit`: the last layer, over the standardised embeddings, a block per branch
        mean_: after `fit`: of the embeddings in the training part, shape (n_embedded of all branches,)
        scale_: their standard deviation, 1 where there is none, shape (n_embedded of all branches,)
        notes_: after `fit`: what had to give way in fitting

        beyond: before `fit`: rows that branches learn from instead of the training part. None but the leak that is to
            be shown sets it

    Args:
        settings: the branches and the last layer's penalty
        seed: of the branches
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]
    last_: Estimator
    fitted_: dict[str, Estimator]

    def __init__(self, settings: FusionSettings, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed
        self.beyond: TrainingPart | None = None

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: Weights = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Train the branches, freeze them, and train the last layer on the same rows.

        Args:
            inputs: the training part
            target: classes, str, shape (n_rows,)
            weights: of the rows, for the branches and for the last layer, shape (n_rows,)
            development: for branches that are trained in epochs; nobody else sees it
            folder: where such branches leave what they need to go on

        Raises:
            ConfigError: if a block has no branch, one that cannot take it, or a network without a linear layer
            NotEnoughData: if there are fewer than two classes
        """
        classes = classes_of(target)
        self._branches = COMPOSITE.branches(self.settings.branches, inputs)
        learned = self.beyond or TrainingPart(inputs, target, weights)
        self.fitted_ = branches.fit_all(self._branches, learned, development, self.seed, folder)
        embedded = self._embedded(inputs, classes)
        together = np.concatenate(embedded, axis=1)
        self.mean_, spread = together.mean(axis=0), together.std(axis=0)
        self.scale_ = np.where(spread > _ROUNDING * np.abs(self.mean_), spread, 1.0)
        self._last = LAST.only(_TOGETHER, self.settings.over_embeddings, "vector")
        part, held = TrainingPart(self._standard(inputs, embedded), target, weights), None
        if development and self._last.model.in_epochs:
            shown = self._standard(development.inputs, self._embedded(development.inputs, classes))
            held = Development(shown, development.target)
        self.last_ = branches.fitted(self._last, part, held, self.seed, folder / LAST.folder if folder else None)
        self.notes_ = [f"fusion: {note}" for note in getattr(self.last_, "notes_", ())] + branches.notes(self.fitted_)
        return self._kept()

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes).

        Raises:
            ValueError: if a block that was fitted is missing
        """
        branches.demand_blocks(self.fitted_, inputs)
        return self.last_.scores(self._standard(inputs, self._embedded(inputs, self.outputs_)))

    def files(self) -> dict[str, bytes]:
        """Return what is between branches and last layer, under `last/` its files, under `branch/BLOCK/` theirs."""
        card = {"last": self._last.entry, "branches": COMPOSITE.cards(self._branches), "notes": self.notes_}
        kept = {"mean": self.mean_, "scale": self.scale_}
        last = LAST.files({_TOGETHER: self.last_})
        return array_files.to_files(card, kept) | COMPOSITE.files(self.fitted_) | last

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card, kept = array_files.from_files(files)
        self.notes_, self.mean_, self.scale_ = list(card["notes"]), kept["mean"], kept["scale"]
        self._last = LAST.only(_TOGETHER, card["last"], "vector")
        self.last_ = LAST.load([self._last], files)[_TOGETHER]
        self._branches = COMPOSITE.described(card["branches"])
        self.fitted_ = COMPOSITE.load(self._branches, files)
        return self._kept()

    def _kept(self) -> Self:
        self.outputs_, self.curves_ = self.last_.outputs_, branches.curves(self._branches, self.fitted_)
        return self

    def _embedded(self, inputs: Inputs, classes: tuple[str, ...]) -> list[NDArray[np.float64]]:
        """Return what each branch gives of rows, shapes (n_rows, n_embedded of the branch)."""
        return [_embeddings(one, self.fitted_[one.block], inputs, classes) for one in self._branches]

    def _standard(self, inputs: Inputs, embedded: list[NDArray[np.float64]]) -> Inputs:
        """Return embeddings as the last layer takes them: standardised by the training part, a block per branch."""
        standard = (np.concatenate(embedded, axis=1) - self.mean_) / self.scale_
        blocks = np.split(standard, np.cumsum([one.shape[1] for one in embedded])[:-1], axis=1)
        return Inputs(inputs.units, {one.block: block for one, block in zip(self._branches, blocks, strict=True)})


def _embeddings(branch: Branch, fitted: Estimator, inputs: Inputs, classes: tuple[str, ...]) -> NDArray[np.float64]:
    if isinstance(fitted, NetworkEstimator):
        return fitted.embeddings(inputs.only([branch.block]))
    return branches.evidence(branch, fitted, inputs, classes)


MODELS: tuple[Model, ...] = (
    Model(
        name=COMPOSITE.name,
        title="Fusion: a frozen network per block, their embeddings side by side, and a last layer on them",
        takes=frozenset({"vector", "sequence", "text"}),
        settings=FusionSettings,
        make=Fusion,
        load=reading(Fusion),
        in_epochs=True,
        builds_on=lambda settings: branches.names({**settings.branches, "last": settings.over_embeddings}),
    ),
)
