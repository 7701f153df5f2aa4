"""Models over vectors with scikit-learn's interface, without a project: `ut.model("ridge-classifier").fit(X, y)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from tasks.evaluation.protocols import Split
    from tasks.models.base.estimator import Inputs, Task

_BLOCK = "features"


class VectorModel:
    """A model of `undertone.models()` over a matrix of features; works with scikit-learn's `cross_val_score`.

    As in recipes, features are standardised by the training rows' mean and deviation. Networks are stopped early by
    about one in eight of the training rows, by whole groups if `fit` is given groups.

    Args:
        name: of the model, one of `models()`
        scale: whether features are standardised
        seed: of all random numbers
        settings: of the model that differ from their defaults

    Attributes:
        classes_: after `fit`: the classes, sorted; of a model for values, there are none
        n_features_in_: after `fit`: number of features
        notes_: after `fit`: what did not go as the settings ask

    Raises:
        ConfigError: if there is no such model or setting
        InputError: if the model takes no vectors

    Example:
        >>> X = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2]])
        >>> VectorModel("ridge-classifier").fit(X, ["sad", "sad", "happy", "happy"]).predict([[0.0, 1.0]])
        array(['sad'], dtype='<U5')
    """

    def __init__(
        self, name: str, *, scale: bool = True, seed: int = 0, settings: Mapping[str, Any] | None = None
    ) -> None:
        from tasks.features.base.settings import settings_of
        from tasks.models.base import registry

        self.name, self.scale, self.seed, self.settings = name, scale, seed, settings
        self._model = registry.model(name)
        if "vector" not in self._model.takes or self._model.builds_on is not None:
            kinds = ", ".join(sorted(self._model.takes))
            raise InputError(f"model {name} takes {kinds}, not one matrix of features; use it in a recipe of a project")
        self._settings = settings_of(self._model.settings, settings or {}, f"model {name}")

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in (self.settings or {}).items())
        return f"model({self.name!r}{given})"

    def fit(
        self, X: ArrayLike | pd.DataFrame, y: ArrayLike, *, groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:  # fmt: skip
        """Fit to training rows.

        Args:
            X: features, shape (n_rows, n_features)
            y: classes, or real values for a model of values, shape (n_rows,)
            groups: the speaker, video … of every row, kept together in splits inside the training rows
            sample_weight: positive weights of the rows, shape (n_rows,)

        Raises:
            ConfigError: if the settings do not fit the rows
            InputError: if shapes do not match, or a library is missing
            NotEnoughData: if there are fewer than two classes, or too few rows
        """
        from tasks.models.base.estimator import Development

        matrix, target = _matrix(X), self._target(y)
        if matrix.shape[0] != target.shape[0]:
            raise InputError(f"found {matrix.shape[0]} rows of features and {target.shape[0]} of targets")
        self._mean: Any = 0.0
        self._deviation: Any = 1.0
        if self.scale:
            self._mean, self._deviation = _standard(matrix)
        self.n_features_in_ = matrix.shape[1]
        units = np.full(len(matrix), "") if groups is None else np.asarray(groups).astype(str)
        inputs = self._inputs(matrix, units)
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if weights is not None:
            weights = weights / weights.mean()
        development, rows = None, np.arange(len(matrix))
        if self._model.in_epochs:
            split = _with_development(target, units, self.seed)
            development = Development(inputs.rows(split.development), target[split.development])
            rows = split.train
        estimator = self._model.make(self._settings, self.seed)
        task: Task = "values" if "classes" not in self._model.tasks else "classes"
        self._estimator = estimator.fit(
            inputs.rows(rows),
            target[rows],
            weights=None if weights is None else weights[rows],
            development=development,
            task=task,
        )
        if task == "classes":
            self.classes_ = np.array(self._estimator.outputs_)
        self.notes_ = list(self._estimator.notes_)
        return self

    def predict(self, X: ArrayLike | pd.DataFrame) -> NDArray[Any]:
        """Return the class, or the value, of every row, shape (n_rows,).

        Args:
            X: features, shape (n_rows, n_features)

        Raises:
            InputError: if the model is not fitted, or has another number of features
        """
        scores = self.decision_function(X)
        return np.asarray(self.classes_[scores.argmax(axis=1)]) if hasattr(self, "classes_") else scores[:, 0]

    def predict_proba(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of every class, shape (n_rows, n_classes).

        Args:
            X: features, shape (n_rows, n_features)

        Raises:
            InputError: if the model's scores are no probabilities, or as in `predict`
        """
        if not self._model.probabilities:
            raise InputError(f"the scores of {self.name} are no probabilities; use decision_function")
        return self.decision_function(X)

    def decision_function(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Return one score per class (or value): the highest names the class, shape (n_rows, n_classes).

        Args:
            X: features, shape (n_rows, n_features)

        Raises:
            InputError: as `predict`
        """
        if not hasattr(self, "_estimator"):
            raise InputError(f"model {self.name} is not fitted yet: call fit(X, y) first")
        matrix = _matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise InputError(f"found {matrix.shape[1]} features, expected {self.n_features_in_} as in fit")
        return self._estimator.scores(self._inputs(matrix, np.full(len(matrix), "")))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor, by which scikit-learn copies a model.

        Args:
            deep: has no effect
        """
        return {"name": self.name, "scale": self.scale, "seed": self.seed, "settings": self.settings}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor.

        Args:
            params: name → value

        Raises:
            ConfigError: if there is no such model or setting
        """
        self.__init__(**{**self.get_params(), **params})  # type: ignore[misc]
        return self

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks about an estimator: that it is a classifier, or a regressor."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = "classes" in self._model.tasks
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(),
        )

    def _target(self, y: ArrayLike) -> NDArray[Any]:
        values = np.asarray(y)
        if values.ndim != 1:
            raise InputError(f"expected one target for each row, shape (n_rows,); found shape {values.shape}")
        if (missing := np.flatnonzero(pd.isna(values))).size:
            raise InputError(f"{missing.size} rows have no target, the first is row {missing[0]}; leave them out")
        return values.astype(str) if "classes" in self._model.tasks else values.astype(np.float64)

    def _inputs(self, matrix: NDArray[np.float64], units: NDArray[np.str_]) -> Inputs:
        from tasks.models.base.estimator import Inputs

        return Inputs(units, vectors={_BLOCK: (matrix - self._mean) / self._deviation})


def model(name: str, *, scale: bool = True, seed: int = 0, **settings: Any) -> VectorModel:
    """Return a model over vectors.

    Args:
        name: one of `models()`, such as `ridge-classifier`, `logistic`, `linear-svm`, `rbf-svm`, `feed-forward`
        scale: whether features are standardised by the training rows
        seed: of all random numbers
        settings: of the model that differ from their defaults

    Raises:
        ConfigError: if there is no such model or setting; the message lists them
        InputError: if the model takes no vectors

    Example:
        >>> model("logistic", c=0.1)
        model('logistic', c=0.1)
    """
    return VectorModel(name, scale=scale, seed=seed, settings=settings)


def models() -> pd.DataFrame:
    """Return the models that there are: what they take and learn, and their titles, by name.

    Example:
        >>> models().loc["ridge-classifier", "takes"]
        'vector'
    """
    from tasks.models.base import registry

    rows = {name: registry.model(name) for name in registry.names()}
    columns = {
        "takes": [", ".join(sorted(entry.takes)) for entry in rows.values()],
        "learns": [", ".join(sorted(entry.tasks)) for entry in rows.values()],
        "title": [entry.title for entry in rows.values()],
    }
    return pd.DataFrame(columns, index=pd.Index(list(rows), name="model"))


def _matrix(X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise InputError(f"expected features of shape (n_rows, n_features); found shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0].tolist()
        raise InputError(f"row {row}, feature {column} is {matrix[row, column]}; expected finite numbers")
    return matrix


def _standard(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    deviation = matrix.std(axis=0)
    # as scikit-learn's StandardScaler: a constant feature is only centred
    return matrix.mean(axis=0), np.where(
        deviation > 10 * np.finfo(float).eps * np.abs(matrix).max(axis=0), deviation, 1
    )


def _with_development(target: NDArray[Any], units: NDArray[np.str_], seed: int) -> Split:
    """Return a split of the rows: about one in eight, or whole units, for early stopping."""
    from tasks.evaluation import protocols

    rows = np.arange(len(target))
    rule = protocols.parse("group-k-fold(2)" if (units != "").any() else "random(2)")
    columns = {name: np.full(rows.size, "") for name in protocols.NEEDED}
    columns |= {"utterance_id": rows.astype(str), "group": units}
    whole = protocols.Split("all rows", rows, np.empty(0, dtype=np.int64))
    return protocols.with_development(whole, rule, columns, target.astype(str), seed)
