"""Linear models over vectors: logistic and ridge regression, and least squares for classes.

scikit-learn fits; scores are computed here, from the arrays that are saved. So a fitted model and the one loaded from
its files give identical scores, equal to scikit-learn's up to rounding (1e-9 in the tests). Features are not scaled.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero, check_width, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart, Weights
from tasks.models.base.row_products import row_products

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
class RidgeClassifierSettings:
    """Settings of least squares for classes.

    Args:
        alpha: strength of the L2 penalty
        class_weight: as in `LogisticSettings`
        blocks: `joined`: features of all blocks side by side; `versions`: blocks are versions of the same utterances,
            such as played at other speeds; each is a row of its own, with its share of the utterance's weight, and
            scores are averaged over them
    """

    alpha: float = 1.0
    class_weight: Literal["none", "balanced"] = "none"
    blocks: Literal["joined", "versions"] = "joined"

    def __post_init__(self) -> None:
        above_zero("alpha", self.alpha)


@dataclass(frozen=True)
class Linear:
    """A fitted linear model: scores are linear in the features, up to a link function.

    Args:
        outputs: the columns of the scores
        coef: shape (n_outputs, n_features)
        intercept: shape (n_outputs,)
        link: softmax over the outputs, a sigmoid for each, or none
        notes: what did not go as the settings ask
    """

    outputs: tuple[str, ...]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    link: Link
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # row-major, as files keep it: the memory order changes the last bits of products
        object.__setattr__(self, "coef", np.ascontiguousarray(self.coef))

    def scores(self, features: Any) -> Scores:
        """Return scores, shape (n_rows, n_outputs).

        Args:
            features: dense or sparse, shape (n_rows, n_features)

        Raises:
            ValueError: if the number of features is not the model's
        """
        from scipy.special import expit, softmax

        check_width(features, self.coef.shape[1])
        values = row_products(features, self.coef) + self.intercept
        linked = {"softmax": lambda: softmax(values, axis=1), "sigmoid": lambda: expit(values)}
        return np.asarray(linked.get(self.link, lambda: values)(), dtype=np.float64)

    @property
    def card(self) -> dict[str, Any]:
        """Description of the arrays, for JSON."""
        return {"outputs": self.outputs, "link": self.link, "notes": self.notes}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays, by name."""
        return {"coef": self.coef, "intercept": self.intercept}

    @classmethod
    def of(cls, card: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Linear:
        """Restore a model.

        Args:
            card: as the property `card`
            arrays: as the property `arrays`
        """
        return cls(tuple(card["outputs"]), arrays["coef"], arrays["intercept"], card["link"], tuple(card["notes"]))


def fit_logistic(features: Any, target: NDArray[Any], settings: LogisticSettings, weights: Weights = None) -> Linear:
    """Fit logistic regression: multinomial for classes, one against the rest for labels.

    Args:
        features: dense or sparse, shape (n_rows, n_features)
        target: classes, shape (n_rows,), or labels, 0 or 1, shape (n_rows, n_labels), named "0", "1" …
        settings: penalty, iterations, class weights
        weights: of the rows, shape (n_rows,)

    Raises:
        NotEnoughData: if there are fewer than two classes
    """
    if target.ndim == 2:
        return _fit_labels(features, target, settings, weights)
    classes = classes_of(target)
    coef, intercept, notes = _fit_single(features, target.astype(str), settings, weights)
    return Linear(classes, coef, intercept, "softmax", notes)


class LinearEstimator(Estimator):
    """Base class of estimators that fit a `Linear` over vectors."""

    linear_: Linear

    def files(self) -> dict[str, bytes]:
        """Return coefficients as safetensors, their description as JSON."""
        return array_files.to_files(self.linear_.card, self.linear_.arrays)

    def _set_linear(self, linear: Linear) -> None:
        self.linear_, self.outputs_, self.notes_ = linear, linear.outputs, list(linear.notes)

    def _scores(self, inputs: Inputs) -> Scores:
        return self.linear_.scores(inputs.matrix())

    def _read(self, files: Mapping[str, bytes]) -> None:
        self._set_linear(Linear.of(*array_files.from_files(files)))


class Logistic(LinearEstimator):
    """Logistic regression by lbfgs, for classes or labels; scores are probabilities."""

    settings: LogisticSettings

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        self._set_linear(fit_logistic(part.inputs.matrix(), part.target, self.settings, part.weights))


class Ridge(LinearEstimator):
    """Ridge regression, solved exactly: one output, `value`, or several values, each fitted by itself."""

    settings: RidgeSettings

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        from sklearn.linear_model import Ridge as Regression

        values = np.asarray(part.target, dtype=np.float64)
        with noted() as notes:
            model = Regression(alpha=self.settings.alpha)
            model.fit(part.inputs.matrix(), values, sample_weight=part.weights)
        outputs = ("value",) if values.ndim == 1 else tuple(str(column) for column in range(values.shape[1]))
        coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        self._set_linear(Linear(outputs, coef, intercept, "identity", tuple(notes)))


class RidgeClassifier(LinearEstimator):
    """Least squares with an L2 penalty on -1 and 1 for each class, solved exactly.

    Scores are the softmax over the classes' values. Of two classes with values -v and v that is (1 + v) / 2 in first
    order, which is what the squares estimate. They are cautious probabilities: calibration sharpens them.

    Rifkin, Yeo & Poggio (2003), "Regularized least-squares classification", in Advances in Learning Theory. With more
    features than rows it costs one system of equations of the rows, and is as good as a support vector machine or
    better.
    """

    settings: RidgeClassifierSettings

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        from sklearn.linear_model import RidgeClassifier as Classifier

        classes = classes_of(part.target)
        versions = self._versions(part.inputs)
        target = np.tile(part.target.astype(str), len(versions))
        weights = part.weights
        if len(versions) > 1:
            # the penalty keeps its meaning: an utterance weighs as much as with a single version
            weights = np.tile(
                (np.ones(len(part.target)) if weights is None else weights) / len(versions), len(versions)
            )
        model = Classifier(alpha=self.settings.alpha, class_weight=class_weight(self.settings.class_weight))
        with noted() as notes:
            model.fit(np.concatenate(versions), target, sample_weight=weights)
        coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        if len(classes) == 2:
            coef, intercept = np.concatenate([-coef, coef]), np.concatenate([-intercept, intercept])
        self._set_linear(Linear(classes, coef, intercept, "softmax", tuple(notes)))

    def _scores(self, inputs: Inputs) -> Scores:
        return np.asarray(np.mean([self.linear_.scores(version) for version in self._versions(inputs)], axis=0))

    def _versions(self, inputs: Inputs) -> list[NDArray[np.float64]]:
        """Return the rows as the linear model takes them, one array per version, shape (n_rows, n_features)."""
        if self.settings.blocks == "joined":
            return [inputs.matrix()]
        widths = {name: block.shape[1] for name, block in inputs.vectors.items()}
        if len(set(widths.values())) > 1:
            stated = ", ".join(f"{name} {width}" for name, width in widths.items())
            raise ConfigError(
                f"blocks: versions are features of the same extractor and settings but for the speed; found blocks of "
                f"different widths: {stated}"
            )
        return [np.asarray(block, dtype=np.float64) for block in inputs.vectors.values()]


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect scikit-learn's warnings that a fit did not converge or is ill-conditioned, one line each."""
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
    all_notes: list[str] = []
    for label in range(n_labels):
        positive = target[:, label] > 0.5
        if positive.all() or not positive.any():
            # a single class cannot be fitted: a constant score, the smoothed log-odds of the label
            intercept[label] = np.log((positive.sum() + 0.5) / ((~positive).sum() + 0.5))
            value = int(positive.all())
            all_notes.append(f"label {label}: all rows of the training part are {value}; its score is constant")
            continue
        both, shift, notes = _fit_single(features, positive, settings, weights)
        coef[label], intercept[label] = both[1], shift[1]
        all_notes.extend(f"label {label}: {note}" for note in notes)
    return Linear(tuple(str(label) for label in range(n_labels)), coef, intercept, "sigmoid", tuple(all_notes))


def _fit_single(
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
        # for two classes scikit-learn has one row, the second class against the first
        coef, intercept = np.concatenate([0 * coef, coef]), np.concatenate([0 * intercept, intercept])
    return coef, intercept, tuple(notes)


def class_weight(name: str) -> str | None:
    """Return scikit-learn's value of the setting `class_weight`.

    Args:
        name: `none` or `balanced`
    """
    return None if name == "none" else name


MODELS: tuple[Model, ...] = (
    Model(
        name="logistic",
        title="Logistic regression, multinomial; one against the rest for several labels at once",
        takes=frozenset({"vector"}),
        settings=LogisticSettings,
        make=Logistic,
        tasks=frozenset({"classes", "labels"}),
    ),
    Model(
        name="ridge",
        title="Ridge regression, for intensities",
        takes=frozenset({"vector"}),
        settings=RidgeSettings,
        make=Ridge,
        tasks=frozenset({"values"}),
        probabilities=False,
    ),
    Model(
        name="ridge-classifier",
        title="Least squares with an L2 penalty, for classes: of many features and few rows",
        takes=frozenset({"vector"}),
        settings=RidgeClassifierSettings,
        make=RidgeClassifier,
    ),
)
