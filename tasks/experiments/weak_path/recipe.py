"""Recipe of the weak path's classifier, from params.yaml."""

from __future__ import annotations

from tasks.core.config import Train
from tasks.models.svm.weak_svm import Recipe


def of(settings: Train) -> Recipe:
    """Return the classifier's settings and the grid of C.

    Args:
        settings: section `train` of params.yaml
    """
    return Recipe(
        c_grid=tuple(settings.c_grid),
        folds=settings.inner_folds,
        smote_neighbours=settings.smote_neighbours,
        seed=settings.seed,
    )
