"""Standardise → balance → linear SVM; C chosen by grouped cross-validation; kept as ONNX.

The classifier of the weak-supervision path: a support vector machine with a linear kernel, one against one. The number
of rows per class pair chooses its solver (`tasks.models.svm.linear_svm`).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation import balance, scores, splits
from tasks.evaluation.splits import Labels
from tasks.models.svm import linear_svm

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """Settings of the classifier and of the search for its C.

    Args:
        c_grid: candidates for C
        folds: folds of the search, by video
        smote_neighbours: neighbours that SMOTE interpolates to
        seed: seed of folds and SMOTE
    """

    c_grid: tuple[float, ...]
    folds: int
    smote_neighbours: int
    seed: int


@dataclass(frozen=True)
class Choice:
    """The result of the search for C.

    Args:
        c: the chosen candidate
        macro_f1: macro F1 of every candidate; empty without a search
        warnings: where the search departed from its settings, and why
    """

    c: float
    macro_f1: dict[float, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """Training utterances.

    Args:
        features: shape (n_utterances, n_features)
        labels: shape (n_utterances,)
        weights: factors of C, in (0, 1], shape (n_utterances,)
    """

    features: Features
    labels: Labels
    weights: NDArray[np.float64]

    @classmethod
    def alike(cls, features: Features, labels: Labels) -> Examples:
        """Return examples of weight 1.

        Args:
            features: shape (n_utterances, n_features)
            labels: shape (n_utterances,)
        """
        return cls(features, labels, np.ones(labels.size))

    def rows(self, which: NDArray[Any]) -> Examples:
        """Return a selection of the examples.

        Args:
            which: indices or a mask, shape (n_selected,) or (n_utterances,)
        """
        return Examples(self.features[which], self.labels[which], self.weights[which])


def fit(given: Examples, c: float, recipe: Recipe) -> Any:
    """Fit scaler, balancer and SVM on a training part.

    A synthetic row of SMOTE has the mean weight of its class.

    Args:
        given: the training part
        c: penalty C of the SVM
        recipe: settings of SMOTE, and the seed

    Returns:
        a fitted imbalanced-learn Pipeline with steps `scale`, `balance`, `svm`
    """
    return _Balanced.of(given, recipe).fit(c)


@dataclass(frozen=True)
class _Balanced:
    """A training part, scaled and balanced once for all candidates of C.

    Args:
        scaler: fitted to the training part
        balancer: fitted to the scaled rows
        rows: scaled and balanced rows
    """

    scaler: Any
    balancer: Any
    rows: Examples

    @classmethod
    def of(cls, given: Examples, recipe: Recipe) -> _Balanced:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(given.features)
        balancer = balance.smote(given.labels, recipe.smote_neighbours, recipe.seed)
        features, labels = balancer.fit_resample(scaler.transform(given.features), given.labels)
        weights = balance.weights(balancer, given.labels, labels, given.weights)
        return cls(scaler, balancer, Examples(features, labels, weights))

    def fit(self, c: float) -> Any:
        from imblearn.pipeline import Pipeline
        from sklearn.exceptions import ConvergenceWarning

        rows = self.rows
        with warnings.catch_warnings():
            # features are standardised, so that an early stop matters at a large C only (docs/speed.md)
            warnings.simplefilter("ignore", ConvergenceWarning)
            svm = linear_svm.fit(rows.features, rows.labels, c, weights=rows.weights)
        return Pipeline([("scale", self.scaler), ("balance", self.balancer), ("svm", svm)])


def choose_c(given: Examples, groups: Labels, recipe: Recipe) -> Choice:
    """Choose C by macro F1 over grouped, stratified folds; of equal candidates the smallest.

    Args:
        given: the training part
        groups: the video of every utterance, shape (n_utterances,)
        recipe: candidates, number of folds, settings of SMOTE, and the seed
    """
    grid, labels = sorted(recipe.c_grid), given.labels
    n_folds = splits.possible_folds(labels, groups, recipe.folds)
    notes = []
    if (usable := balance.usable_neighbours(labels, recipe.smote_neighbours)) < recipe.smote_neighbours:
        notes.append(f"SMOTE with {usable} neighbours instead of {recipe.smote_neighbours}: a class is that rare")
    if len(grid) == 1:
        return Choice(grid[0], {}, tuple(notes))
    if n_folds < 2:
        middle = grid[len(grid) // 2]
        return Choice(middle, {}, (*notes, f"C = {middle} taken unsearched: a class lives in a single video"))
    if n_folds < recipe.folds:
        notes.append(f"C chosen over {n_folds} folds instead of {recipe.folds}: a class lives in {n_folds} videos")
    folds = splits.group_k_fold(labels, groups, n_folds, recipe.seed)
    macro_f1 = _cross_validated(given, folds, grid, recipe)
    return Choice(max(grid, key=lambda c: (macro_f1[c], -c)), macro_f1, tuple(notes))


def decisions(model: Any, features: Features, classes: Sequence[str]) -> tuple[Labels, Features]:
    """Return the predictions of a fitted pipeline.

    Args:
        model: returned by `fit`, of three classes or more
        features: shape (n_rows, n_features)
        classes: order of the columns of decision values

    Returns:
        predicted classes, shape (n_rows,), and one decision value per class, shape (n_rows, n_classes)
    """
    predicted: Labels = model.predict(features).astype(str)
    values = np.asarray(model.decision_function(features), dtype=np.float64)
    order = list(model.classes_)
    return predicted, values[:, [order.index(label) for label in classes]]


def described(model: Any) -> str:
    """Return the description of a fitted pipeline for its card.

    Args:
        model: returned by `fit`
    """
    svm = model.named_steps["svm"]
    pairs = getattr(svm, "estimator", None)
    solver = f"OneVsOneClassifier(LinearSVC(loss='{pairs.loss}'))" if pairs else "SVC(kernel='linear')"
    return f"StandardScaler → {solver}; SMOTE on the training part"


def to_onnx(model: Any) -> bytes:
    """Return the fitted scaler and SVM as ONNX, without the balancer; the same model gives the same bytes.

    Args:
        model: returned by `fit`
    """
    scaler, svm = model.named_steps["scale"], model.named_steps["svm"]
    return linear_svm.to_onnx(scaler.mean_, scaler.scale_, *linear_svm.coefficients(svm), svm.classes_.tolist())


class Classifier:
    """A classifier read from ONNX and run by onnxruntime; loading executes nothing in the file.

    Args:
        model: content of the ONNX file
        card: content of its JSON card, which lists `features` and `classes` in order
    """

    def __init__(self, model: bytes, card: str) -> None:
        import onnxruntime

        described = json.loads(card)
        self.features: tuple[str, ...] = tuple(described["features"])
        self.classes: tuple[str, ...] = tuple(described["classes"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        shapes = [graph_input.shape for graph_input in self._session.get_inputs()]
        if [shape[-1] for shape in shapes if shape] != [len(self.features)]:
            raise ValueError(f"expected one input of {len(self.features)} features, found {shapes}")

    def predict(self, features: Features) -> tuple[Labels, Features]:
        """Return predicted classes, shape (n_rows,), and decision values, shape (n_rows, n_classes).

        Args:
            features: shape (n_rows, n_features)

        Raises:
            ValueError: if the number of features is not the model's
        """
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise ValueError(f"expected features of shape (n, {len(self.features)}), found {features.shape}")
        if not len(features):
            return np.empty(0, dtype=str), np.empty((0, len(self.classes)))
        label, values = self._session.run(None, {"features": features.astype(np.float64)})
        return np.asarray(label, dtype=str), np.asarray(values, dtype=np.float64)


def _cross_validated(
    given: Examples, folds: Sequence[splits.Fold], grid: Sequence[float], recipe: Recipe
) -> dict[float, float]:
    """Return the macro F1 of each C, pooled over the folds."""
    labels = given.labels
    predicted = {c: labels.copy() for c in grid}
    for fold in folds:
        part = _Balanced.of(given.rows(fold.train), recipe)
        for c in grid:
            predicted[c][fold.test] = part.fit(c).predict(given.features[fold.test])
    return {c: _macro_f1(labels, predicted[c]) for c in grid}


def _macro_f1(labels: Labels, predicted: Labels) -> float:
    classes = [str(label) for label in np.unique(labels)]
    pooled = scores.confusions(labels, predicted, np.zeros(labels.size, dtype=str), classes)
    return float(scores.overall(pooled)["macro_f1"][0])
