"""Class balancing of a training part: weights, resampling, synthetic rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.evaluation.splits import Labels
from tasks.experiments.drawn_neighbours import drawn_neighbours
from tasks.models.base.estimator import Weights

FORMS = {
    "none": "none",
    "class-weights": "class-weights",
    "random-over": "random-over",
    "random-under": "random-under",
    "first-n": "first-n(N)",
    "smote": "smote(N)",
    "borderline-smote": "borderline-smote(N)",
    "svm-smote": "svm-smote(N)",
    "adasyn": "adasyn(N)",
    "smote-tomek": "smote-tomek(N)",
}
"""Kind → its form in params.yaml; N, a number of neighbours, may be left out."""
Way = Literal["as they are", "weights", "choice of rows", "new rows"]
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Balance:
    """A balancing method, from `parse`.

    Args:
        kind: a key of `FORMS`
        n: for `first-n`, the maximum of rows per class; for interpolated rows, the number of neighbours, 0: 5
    """

    kind: str
    n: int = 0

    @property
    def name(self) -> str:
        """Its form in params.yaml."""
        return f"{self.kind}({self.n})" if self.n else self.kind

    @property
    def way(self) -> Way:
        """Its effect on the rows; new rows can only be made of vectors."""
        if self.kind in ("none", "class-weights"):
            return "as they are" if self.kind == "none" else "weights"
        return "choice of rows" if self.kind in ("random-over", "random-under", "first-n") else "new rows"

    def weights(self, labels: Labels, given: Weights = None) -> Weights:
        """Return the rows' weights, shape (n_rows,); class weights give every class the same sum and keep the mean.

        Args:
            labels: shape (n_rows,)
            given: weights of the rows' labels, shape (n_rows,); None: 1
        """
        if self.way != "weights":
            return given
        _, codes = np.unique(labels, return_inverse=True)
        rows = np.ones(labels.size) if given is None else given
        sums = np.bincount(codes, rows)
        weights: NDArray[np.float64] = (rows.sum() / (sums.size * sums))[codes] * rows
        return weights

    def rows(self, labels: Labels, seed: int) -> NDArray[np.int64]:
        """Return the rows to train on, ascending; oversampling repeats some.

        Args:
            labels: shape (n_rows,)
            seed: random seed
        """
        everything = np.arange(labels.size)
        if self.kind == "first-n":
            return np.sort(np.concatenate([np.flatnonzero(labels == name)[: self.n] for name in np.unique(labels)]))
        if self.way != "choice of rows":
            return everything
        sampler = self.sampler(labels, seed)
        sampler.fit_resample(everything[:, None], labels)
        return np.sort(np.asarray(sampler.sample_indices_, dtype=np.int64))

    def sampler(self, labels: Labels, seed: int) -> Any:
        """Return the imbalanced-learn sampler; random oversampling if a class has no neighbours to interpolate with.

        Args:
            labels: shape (n_rows,)
            seed: random seed
        """
        from imblearn import combine, over_sampling, under_sampling

        if self.kind == "random-under":
            return under_sampling.RandomUnderSampler(random_state=seed)
        # SMOTE interpolates between rows of a class: the rarest one limits the neighbours
        neighbours = min(self.n or _NEIGHBOURS, int(np.unique(labels, return_counts=True)[1].min()) - 1)
        if self.kind == "random-over" or not neighbours:
            return over_sampling.RandomOverSampler(random_state=seed)
        if self.kind == "adasyn":
            return over_sampling.ADASYN(n_neighbors=neighbours, random_state=seed)
        smote = over_sampling.SMOTE(k_neighbors=drawn_neighbours(neighbours), random_state=seed)
        if self.kind == "smote":
            return smote
        if self.kind == "smote-tomek":
            return combine.SMOTETomek(smote=smote, random_state=seed)
        kinds = {"borderline-smote": over_sampling.BorderlineSMOTE, "svm-smote": over_sampling.SVMSMOTE}
        return kinds[self.kind](k_neighbors=neighbours, random_state=seed)

    def resampled(
        self, features: NDArray[np.float64], labels: Labels, weights: Weights, seed: int
    ) -> tuple[NDArray[np.float64], Labels, Weights]:
        """Return rows with interpolated ones, their classes and their weights.

        Args:
            features: shape (n_rows, n_features)
            labels: shape (n_rows,)
            weights: of the rows, shape (n_rows,); an interpolated row gets the mean of its class
            seed: random seed
        """
        sampler = self.sampler(labels, seed)
        if self.kind == "smote" and hasattr(sampler, "k_neighbors"):
            rows, classes = _class_by_class(sampler, features, labels)
        else:
            rows, classes = sampler.fit_resample(features, labels)
        if weights is None:
            return rows, classes, None
        # samplers return the given rows first; those that repeat or remove rows list the positions
        source = getattr(getattr(sampler, "tomek_", sampler), "sample_indices_", np.arange(classes.size))
        means = {name: weights[labels == name].mean() for name in np.unique(labels)}
        factors = [weights[k] if k < labels.size else means[name] for k, name in zip(source, classes, strict=True)]
        return rows, classes, np.array(factors)


def _class_by_class(smote: Any, features: NDArray[np.float64], labels: Labels) -> tuple[NDArray[np.float64], Labels]:
    """Return what `smote.fit_resample` does, which takes two more copies of all rows.

    Args:
        smote: `SMOTE` whose seed is a number, so that the rows of a class do not depend on those of other classes
        features: shape (n_rows, n_features)
        labels: shape (n_rows,)
    """
    from sklearn.base import clone

    names, counts = np.unique(labels, return_counts=True)
    rows, classes = [features], [labels]
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        if count < counts.max():
            # imbalanced-learn wants two classes: a row of another one is added
            part = np.append(np.flatnonzero(labels == name), np.flatnonzero(labels != name)[:1])
            of_class = clone(smote).set_params(sampling_strategy={name: int(counts.max())})
            made, _ = of_class.fit_resample(features[part], labels[part])
            rows.append(made[part.size :].copy())
            classes.append(np.full(len(rows[-1]), name, dtype=labels.dtype))
    return np.concatenate(rows), np.concatenate(classes)


def parse(text: str) -> Balance:
    """Parse a balancing method.

    Args:
        text: as in params.yaml, such as `smote`, `smote(3)` or `first-n(2310)`

    Raises:
        ConfigError: if there is no such method
    """
    match = re.fullmatch(r"([a-z-]+)(?:\((\d+)\))?", text.strip())
    kind, digits = match.groups(default="") if match else ("", "")
    numbered = FORMS.get(kind, "").endswith("(N)")
    if kind not in FORMS or (digits and not (numbered and int(digits))) or (kind == "first-n" and not digits):
        raise ConfigError(f"found the balancing method {text!r}; expected one of {', '.join(FORMS.values())}")
    return Balance(kind, int(digits or 0))
