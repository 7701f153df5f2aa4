"""Balancing the classes of a training part, and only of a training part."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.splits import Labels


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
