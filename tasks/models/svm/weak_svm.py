"""Standardise → balance → linear SVM; C chosen by grouped cross-validation; kept as ONNX.

The classifier of the weak-supervision path: a support vector machine with a linear kernel, one against one; libsvm fits
few rows, `tasks.models.svm.linear_svm` many.
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
_GRAPH = "undertone-sentiment"


@dataclass(frozen=True)
class Recipe:
    """What is fitted, and how its C is chosen."""

    c_grid: tuple[float, ...]
    folds: int
    smote_neighbours: int
    seed: int


@dataclass(frozen=True)
class Choice:
    """The chosen C, the macro F1 of every candidate, and what had to give way on the way."""

    c: float
    macro_f1: dict[float, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """What a classifier learns from.

    Args:
        features: shape (n_utterances, n_features)
        labels: shape (n_utterances,)
        weights: how much each counts, in (0, 1], shape (n_utterances,)
    """

    features: Features
    labels: Labels
    weights: NDArray[np.float64]

    @classmethod
    def alike(cls, features: Features, labels: Labels) -> Examples:
        """Return examples that all count the same."""
        return cls(features, labels, np.ones(labels.size))

    def rows(self, which: NDArray[Any]) -> Examples:
        """Return some of them."""
        return Examples(self.features[which], self.labels[which], self.weights[which])


def fit(given: Examples, c: float, recipe: Recipe) -> Any:
    """Fit scaler, balancer and SVM on a training part.

    A weight multiplies an utterance's C. A synthetic row of SMOTE's counts as much as its class's rows on the mean.

    `linear_svm.machine` says which solver: it depends on how many balanced rows there are for the features.

    Args:
        given: the training part
        c: the SVM's C
        recipe: its balancing and seed

    Returns:
        a fitted imbalanced-learn Pipeline with steps `scale`, `balance`, `svm`
    """
    return _Balanced.of(given, recipe).fit(c)


@dataclass(frozen=True)
class _Balanced:
    """A training part scaled and balanced: what the SVM is fitted to, whatever its C.

    Args:
        scaler: fitted to the training part
        balancer: fitted to its scaled rows
        rows: scaled and balanced
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

        rows = self.rows
        svm = linear_svm.machine(rows.features.shape, c).fit(rows.features, rows.labels, rows.weights)
        return Pipeline([("scale", self.scaler), ("balance", self.balancer), ("svm", svm)])


def choose_c(given: Examples, groups: Labels, recipe: Recipe) -> Choice:
    """Choose C by macro F1 over grouped, stratified folds; of equals the smallest.

    Args:
        given: the training part
        groups: the video of every utterance, shape (n_utterances,)
        recipe: the candidates, the folds asked for, balancing and seed
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
    found = _cross_validated(given, folds, grid, recipe)
    return Choice(max(grid, key=lambda c: (found[c], -c)), found, tuple(notes))


def decisions(model: Any, features: Features, classes: Sequence[str]) -> tuple[Labels, Features]:
    """Return predicted classes (n,) and one decision value per class (n, n_classes) of a fitted pipeline."""
    predicted: Labels = model.predict(features).astype(str)
    values = np.asarray(model.decision_function(features), dtype=np.float64)
    order = list(model.classes_)
    return predicted, values[:, [order.index(label) for label in classes]]


def described(model: Any) -> str:
    """Return what a fitted pipeline is, for its card."""
    by_libsvm = not isinstance(model.named_steps["svm"], linear_svm.LinearSvm)
    machine = (
        "SVC(kernel='linear')" if by_libsvm else "LinearSvm, the problem of SVC(kernel='linear') by interior points"
    )
    return f"StandardScaler → {machine}; SMOTE on the training part"


def to_onnx(model: Any) -> bytes:
    """Return the fitted scaler and SVM as ONNX: the same bytes for the same model; balancing is left behind.

    Input `features`, float64, shape (n, n_features); outputs `label` (string) and `probabilities`, which are decision
    values, one per class: their name is the converter's.
    """
    scaler, svm = model.named_steps["scale"], model.named_steps["svm"]
    if isinstance(svm, linear_svm.LinearSvm):
        return linear_svm.to_onnx(scaler.mean_, scaler.scale_, svm, _GRAPH)
    from skl2onnx import to_onnx as convert
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.pipeline import Pipeline

    with warnings.catch_warnings():
        # the converter looks at probA_ and probB_, which scikit-learn 1.9 deprecates
        warnings.filterwarnings("ignore", message="Attribute `prob", category=FutureWarning)
        graph = convert(
            Pipeline([("scale", scaler), ("svm", svm)]),
            initial_types=[("features", DoubleTensorType([None, scaler.n_features_in_]))],
            options={id(svm): {"zipmap": False, "raw_scores": True}},
            target_opset=18,
            name=_GRAPH,
        )
    # the converter lists them in the order of a set of strings, which is another one in every process
    imported = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(imported)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


class Classifier:
    """A classifier read back from ONNX, run by onnxruntime: nothing in the file is executed on loading.

    Args:
        model: the ONNX file's bytes
        card: its JSON card, which names `features` and `classes` in order
    """

    def __init__(self, model: bytes, card: str) -> None:
        import onnxruntime

        described = json.loads(card)
        self.features: tuple[str, ...] = tuple(described["features"])
        self.classes: tuple[str, ...] = tuple(described["classes"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(self, features: Features) -> tuple[Labels, Features]:
        """Return predicted classes (n,) and decision values (n, n_classes) for features of shape (n, n_features).

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
    """Return each C's macro F1, pooled over the folds; a fold is scaled and balanced once for all of them."""
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
