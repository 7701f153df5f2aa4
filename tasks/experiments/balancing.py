"""Class balancing of a training part: weights, resampling, synthetic rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.evaluation.balance import usable_neighbours
from tasks.evaluation.splits import Labels

FORMS = {
    "none": "none",
    "class-weights": "class-weights",
    "random-over": "random-over",
    "random-under": "random-under",
    "first-n": "first-n(N)",
    "smote": "smote",
    "borderline-smote": "borderline-smote",
    "svm-smote": "svm-smote",
    "adasyn": "adasyn",
    "smote-tomek": "smote-tomek",
}
"""Kind → its form in params.yaml."""
Way = Literal["as they are", "weights", "choice of rows", "new rows"]
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Balance:
    """A balancing method, from `parse`; `n` is the maximum of rows per class, for `first-n`."""

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

    def weights(self, labels: Labels) -> NDArray[np.float64] | None:
        """Return the rows' weights, mean 1, shape (n_rows,), the same sum for every class; None for other methods.

        Args:
            labels: shape (n_rows,)
        """
        if self.way != "weights":
            return None
        _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        weights: NDArray[np.float64] = (labels.size / (counts.size * counts))[codes]
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
        neighbours = usable_neighbours(labels, _NEIGHBOURS)
        if self.kind == "random-over" or not neighbours:
            return over_sampling.RandomOverSampler(random_state=seed)
        if self.kind == "adasyn":
            return over_sampling.ADASYN(n_neighbors=neighbours, random_state=seed)
        smote = over_sampling.SMOTE(k_neighbors=neighbours, random_state=seed)
        if self.kind == "smote":
            return smote
        if self.kind == "smote-tomek":
            return combine.SMOTETomek(smote=smote, random_state=seed)
        kinds = {"borderline-smote": over_sampling.BorderlineSMOTE, "svm-smote": over_sampling.SVMSMOTE}
        return kinds[self.kind](k_neighbors=neighbours, random_state=seed)


def parse(text: str) -> Balance:
    """Parse a balancing method.

    Args:
        text: as in params.yaml, such as `smote` or `first-n(2310)`

    Raises:
        ConfigError: if there is no such method
    """
    match = re.fullmatch(r"([a-z-]+)(?:\((\d+)\))?", text.strip())
    kind, number = (match[1], int(match[2] or 0)) if match else ("", 0)
    if kind not in FORMS or (number > 0) != (kind == "first-n"):
        raise ConfigError(f"found the balancing method {text!r}; expected one of {', '.join(FORMS.values())}")
    return Balance(kind, number)
