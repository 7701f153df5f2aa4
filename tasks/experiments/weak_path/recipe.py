"""The weak path's classifier as params.yaml states it."""

from __future__ import annotations

from tasks.core.config import Train
from tasks.models.svm.weak_svm import Recipe


def of(settings: Train) -> Recipe:
    """Return what is fitted, and how its C is chosen."""
    return Recipe(
        c_grid=tuple(settings.c_grid),
        folds=settings.inner_folds,
        smote_neighbours=settings.smote_neighbours,
        seed=settings.seed,
    )
