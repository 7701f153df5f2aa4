"""Balancing the classes of a training part, and only of a training part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels


def usable_neighbours(labels: Labels, asked: int) -> int:
    """Return how many SMOTE neighbours the rarest class allows: at most its other rows, 0 if it has one row only."""
    return int(min(asked, np.unique(labels, return_counts=True)[1].min() - 1))


def smote(labels: Labels, neighbours: int, seed: int) -> Any:
    """Return an imbalanced-learn sampler for these labels.

    SMOTE (Chawla et al. 2002, JAIR 16) with as many neighbours as the rarest class allows; where a class has
    a single row there is nothing to interpolate, and rows are repeated instead.

    Args:
        labels: classes of the training part, shape (n_rows,)
        neighbours: the number of neighbours asked for
        seed: of the random interpolation
    """
    from imblearn.over_sampling import SMOTE, RandomOverSampler

    usable = usable_neighbours(labels, neighbours)
    return SMOTE(k_neighbors=usable, random_state=seed) if usable else RandomOverSampler(random_state=seed)


def weights(sampler: Any, before: Labels, after: Labels, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each row counts once a sampler has balanced them.

    Args:
        sampler: fitted; it leaves the rows it was given first, in their order
        before: their classes, shape (n_rows,)
        after: the classes of all rows, shape (n_balanced,)
        given: weights of the rows that it was given, shape (n_rows,)

    Returns:
        of a repeated row that row's, of an interpolated one the mean of its class, shape (n_balanced,)
    """
    if hasattr(sampler, "sample_indices_"):
        repeated: NDArray[np.float64] = given[sampler.sample_indices_]
        return repeated
    means = {label: given[before == label].mean() for label in np.unique(before)}
    return np.concatenate([given, [means[label] for label in after[before.size :]]])
