"""Fusion of trained networks: a last layer on their concatenated embeddings.

As the fusions of AlexNet + BERT and wav2vec2 + BERT: each branch is trained alone on its own block of features and then
frozen; the inputs of their last layers are concatenated, and only a new last layer is trained.

Branches are trained inside the fold, on its training part only. In the source of `iemocap-fusion`, by contrast, the
branches had been trained on rows that the fused model was then tested on.

The last layer learns on the rows that the branches were trained on, as in the sources. Embeddings of training rows are
more certain than those of new rows, most of all where a branch overfits, so an overfitted branch can outweigh one that
generalises. `stacking` (out-of-fold scores) and `late-fusion` (development rows) do not have this problem.

The last layer may be any model over vectors, one block per branch: `gated` weights the branches row by row;
`feed-forward` without hidden layers is the linear layer with dropout that `iemocap-fusion` trains by Adam.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files
from tasks.models.base.branches import KINDS, Branch, Composite, CompositeEstimator, evidence, fit_model, names
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart
from tasks.models.training.network import NetworkEstimator

COMPOSITE = Composite("fusion", "branches", "branch")
_LAST = Composite("fusion", "last", "last")
_TOGETHER = "embeddings"

# networks compute in float32: a spread below this share of the mean is rounding, and the feature is constant
_ROUNDING = 1e-6


def _default_branches() -> dict[str, Any]:
    return {"vector": {"name": "feed-forward"}, "sequence": {"name": "bilstm"}, "text": {"name": "fine-tuned"}}


@dataclass(frozen=True)
class FusionSettings:
    """Settings of fusion.

    Args:
        branches: as in `Composite`
        c: inverse strength of the last layer's L2 penalty, where it is logistic regression
        last: another last layer: `{"name": model, …its settings}`, over vectors
        standardise: embeddings by the training part; false: the last layer gets them as they are

    Raises:
        ConfigError: if a branch or the last layer cannot work, as in `Composite.check`
    """

    branches: dict[str, Any] = field(default_factory=_default_branches)
    c: float = 1.0
    last: dict[str, Any] = field(default_factory=dict)
    standardise: bool = True

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        COMPOSITE.check(self.branches)
        _LAST.only(_TOGETHER, self.over_embeddings, "vector")

    @property
    def over_embeddings(self) -> dict[str, Any]:
        """The last layer: its model and settings."""
        return self.last or {"name": "logistic", "c": self.c}


class Fusion(CompositeEstimator):
    """One branch per block; multinomial logistic regression, or the model set as `last`, over their embeddings.

    A network gives its embeddings: the input of its last linear layer, or what it marks; any other model its
    log-probabilities or decision values. All are standardised by the training part, unless the settings say otherwise.

    Attributes:
        last_: after `fit`: the last layer, over the standardised embeddings, one block per branch
        mean_: after `fit`: of the embeddings in the training part, 0 if they are not standardised, shape (n_embedded of
            all branches,)
        scale_: after `fit`: their standard deviation, 1 where they are constant or not standardised, same shape
        beyond: before `fit`: rows that branches learn from instead of the training part; set only to demonstrate a leak
    """

    settings: FusionSettings
    composite = COMPOSITE
    last_: Estimator
    beyond: TrainingPart | None = None

    def files(self) -> dict[str, bytes]:
        """Return standardisation and settings, the last layer under `last/`, and branches under `branch/BLOCK/`."""
        card = {"last": self._last.entry, "branches": self._branch_cards(), "notes": self.notes_}
        arrays = {"mean": self.mean_, "scale": self.scale_}
        last = _LAST.files({_TOGETHER: self.last_})
        return array_files.to_files(card, arrays) | COMPOSITE.files(self.fitted_) | last

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        classes = classes_of(part.target)
        self._fit_branches(self.beyond or part, development, folder)
        embedded = self._evidence(part.inputs, classes)
        together = np.concatenate(embedded, axis=1)
        self.mean_, spread = together.mean(axis=0), together.std(axis=0)
        self.scale_ = np.where(spread > _ROUNDING * np.abs(self.mean_), spread, 1.0)
        if not self.settings.standardise:
            self.mean_, self.scale_ = np.zeros_like(self.mean_), np.ones_like(self.scale_)
        self._last = _LAST.only(_TOGETHER, self.settings.over_embeddings, "vector")
        rows, held_out = TrainingPart(self._standardised(part.inputs, embedded), part.target, part.weights), None
        if development and self._last.model.in_epochs:
            inputs = development.inputs
            held_out = Development(self._standardised(inputs, self._evidence(inputs, classes)), development.target)
        self.last_ = fit_model(self._last, rows, held_out, self.seed, folder / _LAST.folder if folder else None)
        self.notes_ = [f"fusion: {note}" for note in self.last_.notes_] + self._branch_notes()
        self.outputs_, self.curves_ = self.last_.outputs_, self._branch_curves()

    def _scores(self, inputs: Inputs) -> Scores:
        return self.last_.scores(self._standardised(inputs, self._evidence(inputs, self.outputs_)))

    def _read(self, files: Mapping[str, bytes]) -> None:
        card, arrays = array_files.from_files(files)
        self.notes_, self.mean_, self.scale_ = list(card["notes"]), arrays["mean"], arrays["scale"]
        self._last = _LAST.only(_TOGETHER, card["last"], "vector")
        self.last_ = _LAST.load([self._last], files)[_TOGETHER]
        self._read_branches(card["branches"], files)
        self.outputs_, self.curves_ = self.last_.outputs_, self._branch_curves()

    def _evidence_of(
        self, branch: Branch, fitted: Estimator, inputs: Inputs, classes: Sequence[str]
    ) -> NDArray[np.float64]:
        if isinstance(fitted, NetworkEstimator):
            return fitted.embeddings(inputs.only([branch.block]))
        return evidence(branch, fitted, inputs, classes)

    def _standardised(self, inputs: Inputs, embedded: list[NDArray[np.float64]]) -> Inputs:
        """Return embeddings standardised by the training part, one block per branch."""
        standard = (np.concatenate(embedded, axis=1) - self.mean_) / self.scale_
        blocks = np.split(standard, np.cumsum([block.shape[1] for block in embedded])[:-1], axis=1)
        return Inputs(inputs.units, {branch.block: rows for branch, rows in zip(self._branches, blocks, strict=True)})


MODELS: tuple[Model, ...] = (
    Model(
        name=COMPOSITE.name,
        title="Fusion: a frozen network per block, their embeddings side by side, and a last layer on them",
        takes=frozenset(KINDS),
        settings=FusionSettings,
        make=Fusion,
        in_epochs=True,
        builds_on=lambda settings: names({**settings.branches, "last": settings.over_embeddings}),
    ),
)
