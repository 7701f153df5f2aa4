"""Folds of rated texts: whole videos where several are rated, else utterances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels

Unit = Literal["videos", "utterances"]


@dataclass(frozen=True)
class RatedFolds:
    """Folds of rated texts.

    Args:
        test: row numbers of each fold, sorted
        units: what is in exactly one fold as a whole: the video of every text, or its own number, shape (n_texts,)
        by: what the units are
    """

    test: tuple[NDArray[np.int64], ...]
    units: Labels
    by: Unit


def folds(gold: Labels, groups: Labels, n_folds: int, seed: int = 0) -> RatedFolds:
    """Split the rated texts into folds of about equal size, whatever their classes are.

    With few ratings there are too few groups of the rarest class for stratified folds.

    Args:
        gold: listeners' labels, "" for none, shape (n_texts,)
        groups: video of every text, shape (n_texts,)
        n_folds: number of folds; there are fewer of fewer videos
        seed: of the assignment; the same seed gives the same folds on every machine
    """
    rated = np.flatnonzero(gold != "")
    by: Unit = "videos" if np.unique(groups[rated]).size > 1 else "utterances"
    units = groups if by == "videos" else np.arange(gold.size).astype(str)
    names, member = np.unique(units[rated], return_inverse=True)
    sizes = np.bincount(member, minlength=names.size)
    order = np.random.default_rng(seed).permutation(names.size)
    filled = np.zeros(min(n_folds, names.size), dtype=np.int64)
    fold_of = np.zeros(names.size, dtype=np.int64)
    # large groups first, each into the smallest fold
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return RatedFolds(tuple(rated[fold_of[member] == fold] for fold in range(filled.size)), units, by)
