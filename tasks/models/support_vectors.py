"""Support vector machines over vectors, as arrays: libsvm fits, or `linear_svm` where rows are many, and scores are
computed here.

A fitted model and the one loaded from its files give the same scores to the last bit, and scikit-learn's own to
rounding (1e-9 in the tests). Nothing is scaled here.
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
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart
from tasks.models.classical import class_weight, noted
from tasks.models.svm import linear_svm

# rows of the kernel matrix that are held at once: 1,000 rows × 10,000 support vectors are 80 MB
_KERNEL_ROWS = 1000


@dataclass(frozen=True)
class LinearSvmSettings:
    """Settings of the linear SVM: the penalty C, and whether classes weigh alike."""

    c: float = 1.0
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        above_zero("c", self.c)


@dataclass(frozen=True)
class RbfSvmSettings:
    """Settings of the SVM with a Gaussian kernel.

    Args:
        c: the penalty C
        gamma: of exp(-gamma · distance²); `scale`: 1 / (n_features × variance of the training part)
        class_weight: `balanced`: classes weigh alike
    """

    c: float = 1.0
    gamma: Literal["scale"] | float = "scale"
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        above_zero("c", self.c)
        if self.gamma != "scale":
            above_zero("gamma", self.gamma)


class Svm(Estimator):
    """Support vector machine, one against one; of equal votes the surer class.

    The scores are scikit-learn's one-vs-rest decision values: votes of the pairs, plus their summed decisions squeezed
    into ±1/3. Their highest is what `SVC(break_ties=True).predict` says; without `break_ties`, SVC gives classes with
    equal votes to the first of the alphabet. For two classes they are -d and d.

    Args:
        settings: C, class weights and, with a Gaussian kernel, gamma
    """

    settings: LinearSvmSettings | RbfSvmSettings

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        features = part.inputs.matrix()
        self.outputs_ = classes_of(part.target)
        rbf = isinstance(self.settings, RbfSvmSettings)
        self.gamma_ = _gamma(self.settings, features)
        svc = _machine(self.settings, self.gamma_, features)
        with noted() as self.notes_:
            svc.fit(features, part.target.astype(str), sample_weight=part.weights)
        self.support_ = svc.support_vectors_ if rbf else None
        self.pairs_ = _of_support_vectors(svc) if rbf else svc.coef_
        self.intercept_ = svc.intercept_

    def _scores(self, inputs: Inputs) -> Scores:
        features = inputs.matrix()
        check_width(features, (self.pairs_ if self.support_ is None else self.support_).shape[1])
        if self.support_ is None:
            return self._votes(features @ self.pairs_.T + self.intercept_)
        starts = range(0, len(features), _KERNEL_ROWS)
        kernels = (_gaussian(features[start : start + _KERNEL_ROWS], self.support_, self.gamma_) for start in starts)
        decisions = [kernel @ self.pairs_.T + self.intercept_ for kernel in kernels]
        return self._votes(np.concatenate([np.empty((0, self.intercept_.size)), *decisions]))

    def files(self) -> dict[str, bytes]:
        """Return support vectors or coefficients as safetensors, their description as JSON."""
        kept = {"pairs": self.pairs_, "intercept": self.intercept_}
        support = {} if self.support_ is None else {"support": self.support_}
        card = {"outputs": self.outputs_, "gamma": self.gamma_, "notes": self.notes_}
        return array_files.to_files(card, {**kept, **support})

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
        votes += sums / (3 * (np.abs(sums) + 1))
        return votes


def _machine(settings: LinearSvmSettings | RbfSvmSettings, gamma: float | None, features: NDArray[np.float64]) -> Any:
    from sklearn.svm import SVC

    if isinstance(settings, LinearSvmSettings):
        return linear_svm.machine(features.shape, settings.c, class_weight(settings.class_weight))
    return SVC(kernel="rbf", C=settings.c, gamma=gamma, class_weight=class_weight(settings.class_weight))


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
        title="Support vector machine with a linear kernel, one against one (libsvm; interior points over many rows)",
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
