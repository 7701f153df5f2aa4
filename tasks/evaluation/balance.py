"""Class balancing by SMOTE, for training parts only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels


def usable_neighbours(labels: Labels, asked: int) -> int:
    """Return the possible number of SMOTE neighbours: at most the other rows of the rarest class, 0 if it has one row.

    Args:
        labels: classes of the training part, shape (n_rows,)
        asked: the desired number of neighbours
    """
    return int(min(asked, np.unique(labels, return_counts=True)[1].min() - 1))


def smote(labels: Labels, neighbours: int, seed: int) -> Any:
    """Return an imbalanced-learn sampler for these labels.

    SMOTE (Chawla et al. 2002, JAIR 16) with as many neighbours as the rarest class allows. A class with a single row
    has no neighbours to interpolate with: rows are then repeated instead.

    Args:
        labels: classes of the training part, shape (n_rows,)
        neighbours: the desired number of neighbours
        seed: of the random interpolation
    """
    from imblearn.over_sampling import SMOTE, RandomOverSampler

    usable = usable_neighbours(labels, neighbours)
    return SMOTE(k_neighbors=usable, random_state=seed) if usable else RandomOverSampler(random_state=seed)


def weights(sampler: Any, before: Labels, after: Labels, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample weights of balanced rows.

    Args:
        sampler: a fitted sampler, which returns its input rows first and in their order
        before: classes of the input rows, shape (n_rows,)
        after: classes of the balanced rows, shape (n_balanced,)
        given: weights of the input rows, shape (n_rows,)

    Returns:
        shape (n_balanced,); a repeated row has the weight of its source, an interpolated row the mean of its class
    """
    if hasattr(sampler, "sample_indices_"):
        repeated: NDArray[np.float64] = given[sampler.sample_indices_]
        return repeated
    means = {label: given[before == label].mean() for label in np.unique(before)}
    return np.concatenate([given, [means[label] for label in after[before.size :]]])
