"""Linear models over vectors, as arrays: what scores after fitting scores after loading.

scikit-learn fits; scores are computed here, from the arrays that are kept. A fitted model and the one loaded from its
files therefore give the same scores to the last bit, and scikit-learn's own to rounding (1e-9 in the tests). Nothing
is scaled here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files as arrays
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Inputs, Model, Scores

Weights = NDArray[np.float64] | None
Link = Literal["softmax", "sigmoid", "identity"]


@dataclass(frozen=True)
class LogisticSettings:
    """Settings of logistic regression.

    Args:
        c: inverse strength of the L2 penalty
        max_iter: lbfgs iterations at most
        class_weight: `balanced`: a class's rows weigh n_rows / (n_classes × its rows)
    """

    c: float = 1.0
    max_iter: int = 2000
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        above_zero("max_iter", self.max_iter)


@dataclass(frozen=True)
class RidgeSettings:
    """Settings of ridge regression: alpha, the strength of the L2 penalty."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        above_zero("alpha", self.alpha)


@dataclass(frozen=True)
class Linear:
    """Scores that are linear in the features, up to a link: what a fitted linear model is made of.

    Args:
        outputs: what the columns of the scores stand for
        coef: shape (n_outputs, n_features)
        intercept: shape (n_outputs,)
        link: softmax over the outputs, a sigmoid for each, or none
        notes: what had to give way in fitting
    """

    outputs: tuple[str, ...]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    link: Link
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # as files keep it: in another order of memory, products come out differently in their last bits
        object.__setattr__(self, "coef", np.ascontiguousarray(self.coef))

    def scores(self, features: Any) -> Scores:
        """Return scores, shape (n_rows, n_outputs), of features, dense or sparse, shape (n_rows, n_features).

        Raises:
            ValueError: if the number of features is not the model's
        """
        from scipy.special import expit, softmax

        check_width(features, self.coef.shape[1])
        values = np.asarray(features @ self.coef.T) + self.intercept
        linked = {"softmax": lambda: softmax(values, axis=1), "sigmoid": lambda: expit(values)}
        return np.asarray(linked.get(self.link, lambda: values)(), dtype=np.float64)

    @property
    def card(self) -> dict[str, Any]:
        """What describes the arrays, for JSON."""
        return {"outputs": self.outputs, "link": self.link, "notes": self.notes}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays, by name."""
        return {"coef": self.coef, "intercept": self.intercept}

    @classmethod
    def of(cls, card: Mapping[str, Any], kept: Mapping[str, NDArray[Any]]) -> Linear:
        """Return what `card` and `arrays` describe."""
        return cls(tuple(card["outputs"]), kept["coef"], kept["intercept"], card["link"], tuple(card["notes"]))


def fit_logistic(features: Any, target: NDArray[Any], settings: LogisticSettings, weights: Weights = None) -> Linear:
    """Fit logistic regression: multinomial for classes, one against the rest for labels.

    Args:
        features: dense or sparse, shape (n_rows, n_features)
        target: classes, shape (n_rows,), or labels, 0 or 1, shape (n_rows, n_labels), which are called "0", "1" …
        settings: penalty, iterations, class weights
        weights: of the rows, shape (n_rows,)

    Raises:
        NotEnoughData: if there are fewer than two classes
    """
    if target.ndim == 2:
        return _fit_labels(features, target, settings, weights)
    classes = classes_of(target)
    coef, intercept, notes = _fit_one_logistic(features, target.astype(str), settings, weights)
    return Linear(classes, coef, intercept, "softmax", notes)


class Arrayed:
    """What the estimators of this module share: scores and files of a fitted `Linear`."""

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]

    def keep(self, fitted: Linear) -> Self:
        """Take over what was fitted, or loaded."""
        self.fitted_, self.outputs_, self.notes_, self.curves_ = fitted, fitted.outputs, list(fitted.notes), []
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs)."""
        return self.fitted_.scores(inputs.matrix())

    def files(self) -> dict[str, bytes]:
        """Return coefficients as safetensors, their description as JSON."""
        return arrays.to_files(self.fitted_.card, self.fitted_.arrays)


class Logistic(Arrayed):
    """Logistic regression by lbfgs; scores are probabilities."""

    def __init__(self, settings: LogisticSettings) -> None:
        self.settings = settings

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: Weights = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit to classes, shape (n_rows,), or to labels, shape (n_rows, n_labels)."""
        return self.keep(fit_logistic(inputs.matrix(), target, self.settings, weights))


class Ridge(Arrayed):
    """Ridge regression, solved exactly; the only output is `value`."""

    def __init__(self, settings: RidgeSettings) -> None:
        self.settings = settings

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: Weights = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit to values, shape (n_rows,)."""
        from sklearn.linear_model import Ridge as Regression

        values = np.asarray(target, dtype=np.float64)
        with noted() as notes:
            found = Regression(alpha=self.settings.alpha).fit(inputs.matrix(), values, sample_weight=weights)
        coef, intercept = np.reshape(found.coef_, (1, -1)), np.reshape(found.intercept_, 1)
        return self.keep(Linear(("value",), coef, intercept, "identity", tuple(notes)))


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect, in one line each, scikit-learn's warnings that a fit did not converge or is ill-conditioned."""
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    wanted = (ConvergenceWarning, LinAlgWarning)
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for category in wanted:
            warnings.simplefilter("always", category)
        yield notes
    for warning in caught:
        if issubclass(warning.category, wanted):
            notes.append(str(warning.message).split("\n")[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _fit_labels(features: Any, target: NDArray[Any], settings: LogisticSettings, weights: Weights) -> Linear:
    n_features, n_labels = features.shape[1], target.shape[1]
    coef, intercept = np.zeros((n_labels, n_features)), np.zeros(n_labels)
    told: list[str] = []
    for label in range(n_labels):
        there = target[:, label] > 0.5
        if there.all() or not there.any():
            # nothing to tell apart: always the same score, as sure as so many rows allow
            intercept[label] = np.log((there.sum() + 0.5) / ((~there).sum() + 0.5))
            told.append(f"label {label}: all rows of the training part are {int(there.all())}; its score is constant")
            continue
        both, shift, notes = _fit_one_logistic(features, there, settings, weights)
        coef[label], intercept[label] = both[1], shift[1]
        told.extend(f"label {label}: {note}" for note in notes)
    return Linear(tuple(str(label) for label in range(n_labels)), coef, intercept, "sigmoid", tuple(told))


def _fit_one_logistic(
    features: Any, target: NDArray[Any], settings: LogisticSettings, weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
    """Return coefficients, shape (n_classes, n_features), intercepts, shape (n_classes,), and notes."""
    from sklearn.linear_model import LogisticRegression

    balanced = class_weight(settings.class_weight)
    model = LogisticRegression(C=settings.c, max_iter=settings.max_iter, class_weight=balanced)
    with noted() as notes:
        model.fit(features, target, sample_weight=weights)
    coef, intercept = model.coef_, model.intercept_
    if len(intercept) == 1:
        # two classes have one row: the second against the first
        coef, intercept = np.concatenate([0 * coef, coef]), np.concatenate([0 * intercept, intercept])
    return coef, intercept, tuple(notes)


def class_weight(name: str) -> str | None:
    """Return a setting as scikit-learn takes it."""
    return None if name == "none" else name


def check_width(features: Any, n_features: int) -> None:
    """Refuse features of another shape than (n_rows, n_features).

    Raises:
        ValueError: saying what was found
    """
    if features.ndim != 2 or features.shape[1] != n_features:
        raise ValueError(f"expected features of shape (n_rows, {n_features}), found {features.shape}")


def _load_linear(make: Callable[[Any], Any]) -> Callable[[Any, Mapping[str, bytes]], Any]:
    return lambda settings, files: make(settings).keep(Linear.of(*arrays.from_files(files)))


MODELS: tuple[Model, ...] = (
    Model(
        name="logistic",
        title="Logistic regression, multinomial; one against the rest for several labels at once",
        takes=frozenset({"vector"}),
        settings=LogisticSettings,
        make=lambda settings, seed: Logistic(settings),
        load=_load_linear(Logistic),
        tasks=frozenset({"classes", "labels"}),
    ),
    Model(
        name="ridge",
        title="Ridge regression, for intensities",
        takes=frozenset({"vector"}),
        settings=RidgeSettings,
        make=lambda settings, seed: Ridge(settings),
        load=_load_linear(Ridge),
        tasks=frozenset({"values"}),
        probabilities=False,
    ),
)
