"""Standardise → balance → linear SVM; C chosen by grouped cross-validation; kept as ONNX.

The classifier of the weak-supervision path: SVC with a linear kernel (libsvm, one against one).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import balance, scores, splits
from tasks.splits import Labels

Features = NDArray[np.float64]


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

    Args:
        given: the training part
        c: the SVM's C
        recipe: its balancing and seed

    Returns:
        a fitted imbalanced-learn Pipeline with steps `scale`, `balance`, `svm`
    """
    from imblearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    scaler = StandardScaler().fit(given.features)
    balancer = balance.smote(given.labels, recipe.smote_neighbours, recipe.seed)
    features, labels = balancer.fit_resample(scaler.transform(given.features), given.labels)
    svm = SVC(kernel="linear", C=c).fit(
        features, labels, balance.weights(balancer, given.labels, labels, given.weights)
    )
    return Pipeline([("scale", scaler), ("balance", balancer), ("svm", svm)])


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
    found = {c: _cross_validated(given, folds, c, recipe) for c in grid}
    return Choice(max(grid, key=lambda c: (found[c], -c)), found, tuple(notes))


def decisions(model: Any, features: Features, classes: Sequence[str]) -> tuple[Labels, Features]:
    """Return predicted classes (n,) and one decision value per class (n, n_classes) of a fitted pipeline."""
    predicted: Labels = model.predict(features).astype(str)
    values = np.asarray(model.decision_function(features), dtype=np.float64)
    order = list(model.classes_)
    return predicted, values[:, [order.index(label) for label in classes]]


def to_onnx(model: Any) -> bytes:
    """Return the fitted scaler and SVM as ONNX: the same bytes for the same model; balancing is left behind.

    Input `features`, float64, shape (n, n_features); outputs `label` (string) and `scores` (one per class).
    """
    from skl2onnx import to_onnx as convert
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.pipeline import Pipeline

    scaler, svm = model.named_steps["scale"], model.named_steps["svm"]
    with warnings.catch_warnings():
        # the converter looks at probA_ and probB_, which scikit-learn 1.9 deprecates
        warnings.filterwarnings("ignore", message="Attribute `prob", category=FutureWarning)
        graph = convert(
            Pipeline([("scale", scaler), ("svm", svm)]),
            initial_types=[("features", DoubleTensorType([None, scaler.n_features_in_]))],
            options={id(svm): {"zipmap": False, "raw_scores": True}},
            target_opset=18,
            name="undertone-sentiment",
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


def _cross_validated(given: Examples, folds: Sequence[splits.Fold], c: float, recipe: Recipe) -> float:
    labels = given.labels
    classes = [str(label) for label in np.unique(labels)]
    predicted = labels.copy()
    for fold in folds:
        model = fit(given.rows(fold.train), c, recipe)
        predicted[fold.test] = model.predict(given.features[fold.test])
    pooled = scores.confusions(labels, predicted, np.zeros(labels.size, dtype=str), classes)
    return float(scores.overall(pooled)["macro_f1"][0])
