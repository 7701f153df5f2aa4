"""Support vector machines over vectors, kept as arrays.

scikit-learn's `SVC` fits, or SciPy if a linear one has many rows (`tasks.models.svm.linear_svm`). Scores are computed
from the kept arrays, so a fitted model and the one loaded from its files give the same scores to the last bit;
scikit-learn's differ by rounding (1e-9 in the tests). Features are not scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.models.base import array_files
from tasks.models.base.checks import above_zero, check_width, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart, Weights
from tasks.models.base.row_products import row_products
from tasks.models.classical import class_weight, noted
from tasks.models.svm import linear_svm

_Matrix = NDArray[np.float64]
# rows of the kernel matrix in memory at once: 1,000 rows × 10,000 support vectors are 80 MB
_KERNEL_ROWS = 1000


@dataclass(frozen=True)
class LinearSvmSettings:
    """Settings of the linear SVM.

    Args:
        c: penalty C
        class_weight: `balanced` gives all classes the same total weight
        ties: of votes go to the larger sum of `decisions`, or to the `first` of these classes, as `SVC.predict` has it
    """

    c: float = 1.0
    class_weight: Literal["none", "balanced"] = "none"
    ties: Literal["decisions", "first"] = "decisions"

    def __post_init__(self) -> None:
        above_zero("c", self.c)


@dataclass(frozen=True)
class RbfSvmSettings:
    """Settings of the SVM with a Gaussian kernel.

    Args:
        c: penalty C
        gamma: factor in exp(-gamma · distance²); `scale`: 1 / (n_features × variance of the training part)
        class_weight: `balanced` gives all classes the same total weight
    """

    c: float = 1.0
    gamma: Literal["scale"] | float = "scale"
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        if self.gamma != "scale":
            above_zero("gamma", self.gamma)


class Svm(Estimator):
    """Support vector machine, one against one; the larger sum of decisions breaks ties of votes.

    The scores are scikit-learn's one-vs-rest decision values: the votes of the class pairs, plus the sum of their
    decisions mapped to ±1/3. `SVC(break_ties=True).predict` and `OneVsOneClassifier.predict` return the class with the
    highest score; without `break_ties`, `SVC` returns the first of the classes with equal votes, and so does the
    setting `ties: first`, which raises its score to the highest. For two classes the scores are -d and d.

    Args:
        settings: C, class weights and, with a Gaussian kernel, gamma
    """

    settings: LinearSvmSettings | RbfSvmSettings

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        features = part.inputs.matrix()
        self.outputs_ = classes_of(part.target)
        self.gamma_ = _gamma(self.settings, features)
        fit = self._fit_linear if isinstance(self.settings, LinearSvmSettings) else self._fit_gaussian
        with noted() as notes:
            fit(features, part.target.astype(str), class_weight(self.settings.class_weight), part.weights)
        # class pairs may give the same note
        self.notes_ = list(dict.fromkeys(notes))

    def _fit_linear(self, features: _Matrix, labels: NDArray[Any], balance: str | None, weights: Weights) -> None:
        self.support_: _Matrix | None = None
        self.pairs_, self.intercept_ = linear_svm.fit(
            features, labels, self.settings.c, class_weight=balance, weights=weights
        )

    def _fit_gaussian(self, features: _Matrix, labels: NDArray[Any], balance: str | None, weights: Weights) -> None:
        from sklearn.svm import SVC

        svc = SVC(kernel="rbf", C=self.settings.c, gamma=self.gamma_, class_weight=balance)
        svc.fit(features, labels, weights)
        self.support_, self.pairs_, self.intercept_ = svc.support_vectors_, _of_support_vectors(svc), svc.intercept_

    def _scores(self, inputs: Inputs) -> Scores:
        features = inputs.matrix()
        check_width(features, (self.pairs_ if self.support_ is None else self.support_).shape[1])
        if self.support_ is None:
            return self._votes(row_products(features, self.pairs_) + self.intercept_)
        starts = range(0, len(features), _KERNEL_ROWS)
        kernels = (_gaussian(features[start : start + _KERNEL_ROWS], self.support_, self.gamma_) for start in starts)
        decisions = [row_products(kernel, self.pairs_) + self.intercept_ for kernel in kernels]
        return self._votes(np.concatenate([np.empty((0, self.intercept_.size)), *decisions]))

    def files(self) -> dict[str, bytes]:
        """Return support vectors or coefficients as safetensors, and their description as JSON."""
        kept = {"pairs": self.pairs_, "intercept": self.intercept_}
        support = {} if self.support_ is None else {"support": self.support_}
        card = {"outputs": self.outputs_, "gamma": self.gamma_, "notes": self.notes_}
        return array_files.to_files(card, {**kept, **support})

    def to_onnx(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> bytes | None:
        """Return standardisation and a linear machine as ONNX; None with a Gaussian kernel.

        Args:
            mean: subtracted from each feature, shape (n_features,)
            scale: divides each centred feature, shape (n_features,)
        """
        if self.support_ is not None:
            return None
        planes = self.pairs_, self.intercept_
        return linear_svm.to_onnx(mean, scale, *planes, self.outputs_, first_wins=self._first_wins)

    def _read(self, files: Mapping[str, bytes]) -> None:
        card, kept = array_files.from_files(files)
        self.outputs_, self.notes_ = tuple(card["outputs"]), list(card["notes"])
        self.gamma_, self.support_ = card["gamma"], kept.get("support")
        self.pairs_, self.intercept_ = kept["pairs"], kept["intercept"]

    def _votes(self, decisions: Scores) -> Scores:
        """Return one value per class for the decisions of the pairs, shape (n_rows, n_pairs)."""
        n_classes = len(self.outputs_)
        if n_classes == 2:
            return np.concatenate([-decisions, decisions], axis=1)
        votes: Scores = np.zeros((len(decisions), n_classes))
        sums = np.zeros_like(votes)
        for column, (first, second) in enumerate(combinations(range(n_classes), 2)):
            decision = decisions[:, column]
            votes[:, first] += decision >= 0
            votes[:, second] += decision < 0
            sums[:, first] += decision
            sums[:, second] -= decision
        winner = votes.argmax(axis=1)
        votes += sums / (3 * (np.abs(sums) + 1))
        if self._first_wins:
            votes[np.arange(len(votes)), winner] = votes.max(axis=1)
        return votes

    @property
    def _first_wins(self) -> bool:
        return getattr(self.settings, "ties", "decisions") == "first"


def _gamma(settings: LinearSvmSettings | RbfSvmSettings, features: NDArray[np.float64]) -> float | None:
    if isinstance(settings, LinearSvmSettings):
        return None
    if settings.gamma != "scale":
        return float(settings.gamma)
    spread = float(features.var())
    return 1 / (features.shape[1] * spread) if spread else 1.0


def _gaussian(features: NDArray[np.float64], support: NDArray[np.float64], gamma: float | None) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    return np.asarray(np.exp(-(gamma or 0) * cdist(features, support, "sqeuclidean")), dtype=np.float64)


def _of_support_vectors(svc: Any) -> NDArray[np.float64]:
    """Return what each support vector adds to each pair's decision, shape (n_pairs, n_support_vectors).

    libsvm keeps the support vectors class by class, and for those of class i one row of duals per other class.
    """
    duals: NDArray[np.float64] = svc.dual_coef_
    ends = np.cumsum(svc.n_support_)
    parts = [slice(end - n, end) for end, n in zip(ends, svc.n_support_, strict=True)]
    pairs = list(combinations(range(len(parts)), 2))
    weights: NDArray[np.float64] = np.zeros((len(pairs), duals.shape[1]))
    for row, (first, second) in enumerate(pairs):
        weights[row, parts[first]] = duals[second - 1, parts[first]]
        weights[row, parts[second]] = duals[first, parts[second]]
    return weights


MODELS: tuple[Model, ...] = (
    Model(
        name="linear-svm",
        title="Support vector machine with a linear kernel, one against one (libsvm; rounded hinge loss for many rows)",
        takes=frozenset({"vector"}),
        settings=LinearSvmSettings,
        make=Svm,
        probabilities=False,
    ),
    Model(
        name="rbf-svm",
        title="Support vector machine with a Gaussian kernel (libsvm, one against one)",
        takes=frozenset({"vector"}),
        settings=RbfSvmSettings,
        make=Svm,
        probabilities=False,
    ),
)
