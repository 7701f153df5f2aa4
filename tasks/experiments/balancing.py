"""What a recipe may do about rare classes, in a training part and nowhere else."""

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
"""Every way, and how it is written."""
Way = Literal["as they are", "weights", "choice of rows", "new rows"]
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Balance:
    """A way to balance classes, from `parse`; `n` is the most rows of a class, for `first-n`."""

    kind: str
    n: int = 0

    @property
    def name(self) -> str:
        """As params.yaml has it."""
        return f"{self.kind}({self.n})" if self.n else self.kind

    @property
    def way(self) -> Way:
        """What it does to the rows; only vectors can be made new."""
        if self.kind in ("none", "class-weights"):
            return "as they are" if self.kind == "none" else "weights"
        return "choice of rows" if self.kind in ("random-over", "random-under", "first-n") else "new rows"

    def weights(self, labels: Labels) -> NDArray[np.float64] | None:
        """Return the rows' weights, mean 1, shape (n_rows,): every class weighs the same; None for no weights."""
        if self.way != "weights":
            return None
        _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        weights: NDArray[np.float64] = (labels.size / (counts.size * counts))[codes]
        return weights

    def rows(self, labels: Labels, seed: int) -> NDArray[np.int64]:
        """Return the rows to train on, in order, some more than once where the way repeats them."""
        everything = np.arange(labels.size)
        if self.kind == "first-n":
            return np.sort(np.concatenate([np.flatnonzero(labels == one)[: self.n] for one in np.unique(labels)]))
        if self.way != "choice of rows":
            return everything
        sampler = self.sampler(labels, seed)
        sampler.fit_resample(everything[:, None], labels)
        return np.sort(np.asarray(sampler.sample_indices_, dtype=np.int64))

    def sampler(self, labels: Labels, seed: int) -> Any:
        """Return the imbalanced-learn sampler for these labels.

        A class with a single row has no neighbours to interpolate with: then rows are repeated instead.
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
    """Read a way to balance as params.yaml has it, such as `smote` or `first-n(2310)`.

    Raises:
        ConfigError: if there is none of that name
    """
    found = re.fullmatch(r"([a-z-]+)(?:\((\d+)\))?", text.strip())
    kind, number = (found[1], int(found[2] or 0)) if found else ("", 0)
    if kind not in FORMS or (number > 0) != (kind == "first-n"):
        raise ConfigError(f"there is no way to balance {text!r}; there are {', '.join(FORMS.values())}")
    return Balance(kind, number)
