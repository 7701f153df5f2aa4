"""Late fusion: one model per block, and a weighted mean of their calibrated probabilities.

Scores of training rows show which model overfits most, so nothing is chosen by them. Each branch's temperature (Guo et
al. 2017, On Calibration of Modern Neural Networks, section 4.2) and its weight in the mean minimise the log loss on
development rows. Branches trained in epochs choose their best epoch by the same rows: these decide three numbers per
branch, and none of its weights.

A mean of calibrated probabilities is underconfident, the more so the less the branches have in common (Ranjan &
Gneiting 2010, Combining probability forecasts, section 2). The predicted class is unaffected; see the reliability plot
of the experiment's page.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files, temperature
from tasks.models.base.branches import KINDS, Composite, CompositeEstimator, names
from tasks.models.base.checks import classes_of
from tasks.models.base.estimator import Development, Inputs, Model, Scores, TrainingPart
from tasks.models.base.temperature import FLOOR

COMPOSITE = Composite("late-fusion", "branches", "branch")
_STEPS = 10
"""Weights are tried in steps of 1 / _STEPS."""


def _default_branches() -> dict[str, Any]:
    return {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm"}, "text": {"name": "tf-idf"}}


@dataclass(frozen=True)
class LateFusionSettings:
    """Settings of late fusion.

    Args:
        branches: as in `Composite`

    Raises:
        ConfigError: if a branch cannot work, as in `Composite.check`
    """

    branches: dict[str, Any] = field(default_factory=_default_branches)

    def __post_init__(self) -> None:
        COMPOSITE.check(self.branches)


class LateFusion(CompositeEstimator):
    """One branch per block; the weighted mean of their probabilities.

    Without development rows, or where those have none of the training classes, branches have equal weights and
    temperature 1.

    Attributes:
        weights_: after `fit`: of the branches, in the order of `fitted_`, sum 1
        temperatures_: after `fit`: divisors of each branch's log-probabilities or decision values
        notes_: after `fit`: weights and temperatures, then the notes of the branches
    """

    settings: LateFusionSettings
    composite = COMPOSITE
    weights_: tuple[float, ...]
    temperatures_: tuple[float, ...]

    def files(self) -> dict[str, bytes]:
        """Return weights and temperatures as JSON, and the branches under `branch/BLOCK/`."""
        card = {
            "outputs": self.outputs_,
            "branches": self._branch_cards(),
            "weights": self.weights_,
            "temperatures": self.temperatures_,
            "notes": self.notes_,
        }
        return {array_files.CARD: array_files.to_json(card)} | COMPOSITE.files(self.fitted_)

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        self.outputs_ = classes_of(part.target)
        self._fit_branches(part, development, folder)
        self.curves_ = self._branch_curves()
        self.temperatures_ = (1.0,) * len(self._branches)
        self.weights_ = (1 / len(self._branches),) * len(self._branches)
        n_rows = self._choose(development) if development else 0
        reason = f"by the log loss on {n_rows} development rows"
        if not n_rows:
            reason = "equal: there are no development rows to go by"
        chosen = zip(self.fitted_, self.weights_, self.temperatures_, strict=True)
        weights = ", ".join(f"{block} {weight:.2g} (temperature {by:.3g})" for block, weight, by in chosen)
        self.notes_ = [f"late-fusion: weights {weights}; {reason}", *self._branch_notes()]

    def _scores(self, inputs: Inputs) -> Scores:
        values = self._evidence(inputs, self.outputs_)
        weighted = zip(self.weights_, values, self.temperatures_, strict=True)
        return np.asarray(np.sum([weight * temperature.softmax(value, by) for weight, value, by in weighted], axis=0))

    def _read(self, files: Mapping[str, bytes]) -> None:
        card = json.loads(files[array_files.CARD])
        self.outputs_, self.notes_ = tuple(card["outputs"]), list(card["notes"])
        self.weights_, self.temperatures_ = tuple(card["weights"]), tuple(card["temperatures"])
        self._read_branches(card["branches"], files)
        self.curves_ = self._branch_curves()

    def _choose(self, development: Development) -> int:
        """Choose temperatures and weights; return the number of rows used: those of classes seen in training."""
        labels = np.asarray(development.target, dtype=str)
        rows = np.flatnonzero(np.isin(labels, self.outputs_))
        if rows.size:
            codes = np.searchsorted(self.outputs_, labels[rows])
            values = self._evidence(development.inputs.rows(rows), self.outputs_)
            self.temperatures_ = tuple(temperature.fitted(value, codes) for value in values)
            cooled = zip(values, self.temperatures_, strict=True)
            of_own_class = [temperature.softmax(value, by)[np.arange(codes.size), codes] for value, by in cooled]
            self.weights_ = shares(np.stack(of_own_class, axis=1))
        return int(rows.size)


def shares(of_own_class: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the weights of lowest log loss of the weighted mean; among ties, the most equal ones.

    Candidates are all weights in steps of 0.1 that sum to 1, and equal weights.

    Args:
        of_own_class: each branch's probability of a row's own class, shape (n_rows, n_branches)
    """

    def cost(weights: Sequence[float]) -> tuple[float, float]:
        loss = -np.log(np.maximum(of_own_class @ np.asarray(weights), FLOOR)).mean()
        # rounded, so that rounding errors do not decide between equal losses
        return round(float(loss), 9), round(float(np.square(weights).sum()), 9)

    return min(_simplex(of_own_class.shape[1]), key=cost)


def _simplex(n: int) -> Iterator[tuple[float, ...]]:
    """Yield `n` equal weights, then all multiples of 0.1 that sum to 1."""
    yield (1 / n,) * n
    # stars and bars: n - 1 bars among _STEPS + n - 1 places
    for bars in itertools.combinations(range(_STEPS + n - 1), n - 1):
        edges = (-1, *bars, _STEPS + n - 1)
        yield tuple((after - before - 1) / _STEPS for before, after in itertools.pairwise(edges))


MODELS: tuple[Model, ...] = (
    Model(
        name=COMPOSITE.name,
        title="Late fusion: a model per block, and the weighted mean of their calibrated probabilities",
        takes=frozenset(KINDS),
        settings=LateFusionSettings,
        make=LateFusion,
        in_epochs=True,
        builds_on=lambda settings: names(settings.branches),
    ),
)
