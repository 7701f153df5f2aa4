"""Fusion of trained networks: their embeddings side by side, and one linear layer that learns on them.

As the fusions of AlexNet + BERT and wav2vec2 + BERT: each branch is trained alone on its own block of features and then
frozen, what goes into its last layer is concatenated with that of the others, and only a new last layer is trained.

Branches are trained inside the fold, on its training part alone: nothing of a fold's test part is ever seen, unlike in
the source of `iemocap-fusion`, whose branches had been trained on rows that the fused model was then tested on.

The last layer learns on the rows that the branches were trained on, as in the sources. There, embeddings are surer than
on new rows, and the surer the more a branch has memorised: a branch that memorises can push aside one that
generalises. `stacking` learns out of fold and `late-fusion` on development rows, and neither believes a memoriser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.models import arrays, branches
from tasks.models.branches import Branch, Composite, Part, Weights
from tasks.models.checks import above_zero, classes_of
from tasks.models.classical import Linear, LogisticSettings, fit_logistic
from tasks.models.estimator import Development, Estimator, Inputs, Model, Scores, reading
from tasks.models.training import Network

COMPOSITE = Composite("fusion", "branches", "branch")

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
        c: inverse strength of the last layer's L2 penalty

    Raises:
        ConfigError: if a branch's model is unknown, cannot take its kind of block or cannot learn classes, stands on
            other models itself, or has settings that it does not know
    """

    branches: dict[str, Any] = field(default_factory=_default_branches)
    c: float = 1.0

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        COMPOSITE.check(self.branches)


class Fusion:
    """One branch per block; over their embeddings, multinomial logistic regression.

    What a branch gives: a network, what goes into its last linear layer; any other model, its log-probabilities or
    decision values. All of it is standardised by the training part.

    Attributes:
        fitted_: after `fit`: the branches, by block
        last_: after `fit`: the last layer, over the standardised embeddings in the order of `fitted_`
        mean_: after `fit`: of the embeddings in the training part, shape (n_embedded,)
        scale_: their standard deviation, 1 where there is none, shape (n_embedded,)
        notes_: after `fit`: what had to give way in fitting

    Args:
        settings: the branches and the last layer's penalty
        seed: of the branches
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]
    last_: Linear
    fitted_: dict[str, Estimator]

    def __init__(self, settings: FusionSettings, seed: int = 0) -> None:
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
        self.fitted_ = branches.fit_all(self._branches, Part(inputs, target, weights), development, self.seed, folder)
        embedded = self._embedded(inputs, classes)
        self.mean_, spread = embedded.mean(axis=0), embedded.std(axis=0)
        self.scale_ = np.where(spread > _ROUNDING * np.abs(self.mean_), spread, 1.0)
        standard = (embedded - self.mean_) / self.scale_
        self.last_ = fit_logistic(standard, target, LogisticSettings(c=self.settings.c), weights)
        self.notes_ = [f"fusion: {note}" for note in self.last_.notes] + branches.notes(self.fitted_)
        return self._kept()

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes).

        Raises:
            ValueError: if a block that was fitted is missing
        """
        branches.demand_blocks(self.fitted_, inputs)
        return self.last_.scores((self._embedded(inputs, self.outputs_) - self.mean_) / self.scale_)

    def files(self) -> dict[str, bytes]:
        """Return the last layer, and under `branch/BLOCK/` the files of each branch."""
        card = {"last": self.last_.card, "branches": COMPOSITE.cards(self._branches), "notes": self.notes_}
        kept = {**self.last_.arrays, "mean": self.mean_, "scale": self.scale_}
        return arrays.to_files(card, kept) | COMPOSITE.files(self.fitted_)

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card, kept = arrays.from_files(files)
        self.last_, self.notes_ = Linear.of(card["last"], kept), list(card["notes"])
        self.mean_, self.scale_ = kept["mean"], kept["scale"]
        self._branches = COMPOSITE.described(card["branches"])
        self.fitted_ = COMPOSITE.load(self._branches, files)
        return self._kept()

    def _kept(self) -> Self:
        self.outputs_, self.curves_ = self.last_.outputs, branches.curves(self._branches, self.fitted_)
        return self

    def _embedded(self, inputs: Inputs, classes: tuple[str, ...]) -> NDArray[np.float64]:
        """Return what all branches give of rows, side by side, shape (n_rows, n_embedded)."""
        found = [_embeddings(one, self.fitted_[one.block], inputs, classes) for one in self._branches]
        return np.concatenate(found, axis=1)


def _embeddings(branch: Branch, fitted: Estimator, inputs: Inputs, classes: tuple[str, ...]) -> NDArray[np.float64]:
    if isinstance(fitted, Network):
        return fitted.embeddings(inputs.only([branch.block]))
    return branches.evidence(branch, fitted, inputs, classes)


MODELS: tuple[Model, ...] = (
    Model(
        name=COMPOSITE.name,
        title="Fusion: a frozen network per block, their embeddings concatenated, and one linear layer",
        takes=frozenset({"vector", "sequence", "text"}),
        settings=FusionSettings,
        make=Fusion,
        load=reading(Fusion),
        in_epochs=True,
        builds_on=lambda settings: branches.names(settings.branches),
    ),
)
