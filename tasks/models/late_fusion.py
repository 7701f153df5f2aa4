"""Late fusion: one model per block, and a weighted mean of their calibrated probabilities.

What models say of rows they were trained on tells who memorises best. So nothing is chosen there: each branch's
temperature (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2) and its weight in the mean are
those of lowest log loss on development rows. By the same rows, branches that are trained in epochs choose their best
epoch: three numbers per branch rest on them, and none of its weights.

A mean of calibrated probabilities is itself less sure than it could be, the more so the less branches have in common
(Ranjan & Gneiting 2010, Combining probability forecasts, section 2): the highest is the class all the same, but how
sure the mean is should be read off a page's reliability.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files, branches
from tasks.models.base.branches import FLOOR, Composite, TrainingPart, Weights
from tasks.models.base.checks import classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, reading

COMPOSITE = Composite("late-fusion", "branches", "branch")
STEPS = 10
"""Weights are tried in steps of 1 / STEPS."""
_COLDEST, _HOTTEST = 0.01, 100.0


def _default_branches() -> dict[str, Any]:
    return {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm"}, "text": {"name": "tf-idf"}}


@dataclass(frozen=True)
class LateFusionSettings:
    """Settings of late fusion.

    Args:
        branches: name of a block, or kind of block (vector, sequence, text) → `{"name": model, …its settings}`; a
            block's own name goes before its kind

    Raises:
        ConfigError: if a branch's model is unknown, cannot take its kind of block or cannot learn classes, stands on
            other models itself, or has settings that it does not know
    """

    branches: dict[str, Any] = field(default_factory=_default_branches)

    def __post_init__(self) -> None:
        COMPOSITE.check(self.branches)


class LateFusion:
    """One branch per block; the weighted mean of their probabilities.

    Attributes:
        fitted_: after `fit`: the branches, by block
        weights_: after `fit`: of the branches, in the order of `fitted_`; their sum is 1
        temperatures_: after `fit`: by which each branch's log-probabilities or decision values are divided
        notes_: after `fit`: weights and temperatures, and what had to give way in fitting

    Args:
        settings: the branches
        seed: of the branches
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]
    fitted_: dict[str, Estimator]
    weights_: tuple[float, ...]
    temperatures_: tuple[float, ...]

    def __init__(self, settings: LateFusionSettings, seed: int = 0) -> None:
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
        """Train the branches on the training part; choose temperatures and weights on the development rows.

        Args:
            inputs: the training part
            target: classes, str, shape (n_rows,)
            weights: of the rows, for the branches, shape (n_rows,)
            development: for temperatures, weights, and early stopping of branches that are trained in epochs; without
                it, or where it has none of the classes, branches weigh the same, at temperature 1
            folder: where branches that are trained in epochs leave what they need to go on

        Raises:
            ConfigError: if a block has no branch, or one that cannot take it
            NotEnoughData: if there are fewer than two classes
        """
        self.outputs_ = classes_of(target)
        self._branches = COMPOSITE.branches(self.settings.branches, inputs)
        self.fitted_ = branches.fit_all(
            self._branches, TrainingPart(inputs, target, weights), development, self.seed, folder
        )
        self.curves_ = branches.curves(self._branches, self.fitted_)
        self.temperatures_ = (1.0,) * len(self._branches)
        self.weights_ = (1 / len(self._branches),) * len(self._branches)
        by = self._choose(development) if development else 0
        chosen = f"by the log loss on {by} development rows" if by else "equal: there are no development rows to go by"
        self.notes_ = [f"late-fusion: weights {self._told()}; {chosen}", *branches.notes(self.fitted_)]
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes).

        Raises:
            ValueError: if a block that was fitted is missing
        """
        branches.demand_blocks(self.fitted_, inputs)
        told = zip(self.weights_, self._evidence(inputs), self.temperatures_, strict=True)
        return np.asarray(np.sum([weight * _softmax(one / by) for weight, one, by in told], axis=0))

    def files(self) -> dict[str, bytes]:
        """Return weights and temperatures as JSON, and under `branch/BLOCK/` the files of each branch."""
        card = {
            "outputs": self.outputs_,
            "branches": COMPOSITE.cards(self._branches),
            "weights": self.weights_,
            "temperatures": self.temperatures_,
            "notes": self.notes_,
        }
        return {array_files.CARD: array_files.to_json(card)} | COMPOSITE.files(self.fitted_)

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card = json.loads(files[array_files.CARD])
        self.outputs_, self.notes_ = tuple(card["outputs"]), list(card["notes"])
        self.weights_, self.temperatures_ = tuple(card["weights"]), tuple(card["temperatures"])
        self._branches = COMPOSITE.described(card["branches"])
        self.fitted_ = COMPOSITE.load(self._branches, files)
        self.curves_ = branches.curves(self._branches, self.fitted_)
        return self

    def _choose(self, development: Development) -> int:
        """Choose temperatures and weights; return by how many rows: those whose class training had."""
        labels = np.asarray(development.target, dtype=str)
        known = np.flatnonzero(np.isin(labels, self.outputs_))
        if known.size:
            codes = np.searchsorted(self.outputs_, labels[known])
            told = self._evidence(development.inputs.rows(known))
            self.temperatures_ = tuple(temperature(one, codes) for one in told)
            cooled = zip(told, self.temperatures_, strict=True)
            right = [_softmax(one / by)[np.arange(codes.size), codes] for one, by in cooled]
            self.weights_ = shares(np.stack(right, axis=1))
        return int(known.size)

    def _evidence(self, inputs: Inputs) -> list[Scores]:
        return [branches.evidence(one, self.fitted_[one.block], inputs, self.outputs_) for one in self._branches]

    def _told(self) -> str:
        each = zip(self.fitted_, self.weights_, self.temperatures_, strict=True)
        return ", ".join(f"{block} {weight:.2g} (temperature {by:.3g})" for block, weight, by in each)


def temperature(values: Scores, codes: NDArray[np.int64]) -> float:
    """Return the temperature, from 0.01 to 100, at which softmax(values / temperature) has the lowest log loss.

    The loss is convex in 1 / temperature, and so has one minimum over the temperature's logarithm.

    Args:
        values: log-probabilities or decision values, shape (n_rows, n_classes)
        codes: the column of each row's class, shape (n_rows,)
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        told = log_softmax(values / np.exp(log_temperature), axis=1)
        return -float(told[np.arange(codes.size), codes].mean())

    found = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def shares(right: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the weights whose mean of probabilities has the lowest log loss; of equals, the most equal.

    Tried are all weights in steps of 0.1 whose sum is 1, and equal ones.

    Args:
        right: what each branch gives to a row's own class, shape (n_rows, n_branches)
    """

    def cost(weights: Sequence[float]) -> tuple[float, float]:
        loss = -np.log(np.maximum(right @ np.asarray(weights), FLOOR)).mean()
        # of losses that differ by rounding alone, chance must not choose
        return round(float(loss), 9), round(float(np.square(weights).sum()), 9)

    return min(_simplex(right.shape[1]), key=cost)


def _simplex(n: int) -> Iterator[tuple[float, ...]]:
    """Yield `n` equal weights, and all that are tenths and whose sum is 1."""
    yield (1 / n,) * n
    # bars between tenths: n - 1 of them among STEPS + n - 1 places
    for bars in itertools.combinations(range(STEPS + n - 1), n - 1):
        edges = (-1, *bars, STEPS + n - 1)
        yield tuple((after - before - 1) / STEPS for before, after in itertools.pairwise(edges))


def _softmax(values: Scores) -> Scores:
    from scipy.special import softmax

    return np.asarray(softmax(values, axis=1), dtype=np.float64)


MODELS: tuple[Model, ...] = (
    Model(
        name=COMPOSITE.name,
        title="Late fusion: a model per block, and the weighted mean of their calibrated probabilities",
        takes=frozenset({"vector", "sequence", "text"}),
        settings=LateFusionSettings,
        make=LateFusion,
        load=reading(LateFusion),
        in_epochs=True,
        builds_on=lambda settings: branches.names(settings.branches),
    ),
)
