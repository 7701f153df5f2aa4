"""Stratified folds in which no group is in both the training and the test part.

They are those of scikit-learn's `StratifiedGroupKFold`, computed here: importing scikit-learn takes 0.8 s, for which
the processes that fit an experiment would wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData

Labels = NDArray[np.str_]


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold, both sorted, shapes (n_train,) and (n_test,)."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def possible_folds(labels: Labels, groups: Labels, asked: int) -> int:
    """Return the possible number of grouped folds: at most the number of groups of the rarest class.

    Args:
        labels: class of every row, shape (n_rows,)
        groups: group of every row, shape (n_rows,)
        asked: the desired number of folds
    """
    return min(asked, *(np.unique(groups[labels == label]).size for label in np.unique(labels)))


def group_k_fold(labels: Labels, groups: Labels, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """Split rows into folds by group, stratified by class as far as the groups allow.

    Args:
        labels: class of every row, shape (n_rows,)
        groups: group of every row, shape (n_rows,); a group is in exactly one test part
        n_folds: number of folds, at least 2
        seed: shuffles the groups; the same seed gives the same folds on every machine

    Raises:
        NotEnoughData: if a class occurs in fewer groups than there are folds
    """
    # an experiment asks for the same folds once per fit: the columns are compared as bytes
    return _group_k_fold(_Column.of(labels), _Column.of(groups), n_folds, seed)


class _Column(NamedTuple):
    """An array of text that can be a key."""

    content: bytes
    dtype: str

    @classmethod
    def of(cls, values: Labels) -> _Column:
        values = np.asarray(values, dtype=str)
        return cls(values.tobytes(), values.dtype.str)

    @property
    def values(self) -> Labels:
        return np.frombuffer(self.content, self.dtype)


@lru_cache(maxsize=64)
def _group_k_fold(label_column: _Column, group_column: _Column, n_folds: int, seed: int) -> tuple[Fold, ...]:
    labels, groups = label_column.values, group_column.values
    if possible_folds(labels, groups, n_folds) < n_folds:
        counts = {str(label): int(np.unique(groups[labels == label]).size) for label in np.unique(labels)}
        raise NotEnoughData(f"{n_folds} folds by group need every class in {n_folds} groups or more; found {counts}")
    fold_of = _fold_of_rows(labels, groups, n_folds, seed)
    folds = tuple(Fold(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(n_folds))
    for fold in folds:
        # shared by all who ask for them
        fold.train.setflags(write=False)
        fold.test.setflags(write=False)
    return folds


def _fold_of_rows(labels: Labels, groups: Labels, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold that tests each row, shape (n_rows,): groups of uneven classes choose first."""
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.zeros((names.size, sizes.size))
    np.add.at(counts, (group_of, classes), 1)
    shuffled = np.arange(names.size)
    # the legacy generator, as scikit-learn draws
    np.random.RandomState(seed).shuffle(shuffled)
    uneven = np.std(counts[shuffled], axis=1)
    fold_of, in_folds = np.empty(names.size, dtype=np.int64), np.zeros((n_folds, sizes.size))
    for group in shuffled[np.argsort(-uneven, kind="stable")]:
        fold_of[group] = fold = _best_fold(in_folds, counts[group], sizes)
        in_folds[fold] += counts[group]
    rows: NDArray[np.int64] = fold_of[group_of]
    return rows


def _best_fold(in_folds: NDArray[np.float64], group: NDArray[np.float64], sizes: NDArray[np.int64]) -> int:
    """Return the fold with which a group spreads the classes most evenly over folds; if tied, the smallest.

    Args:
        in_folds: rows by fold and class, shape (n_folds, n_classes)
        group: rows of the group by class, shape (n_classes,)
        sizes: rows of all groups by class, shape (n_classes,)
    """
    n_folds = len(in_folds)
    # the first axis is the fold that the group would be added to
    added = in_folds + np.eye(n_folds)[:, :, None] * group
    spreads = np.std(added / sizes, axis=1).mean(axis=1).tolist()
    n_rows = in_folds.sum(axis=1).tolist()
    best = 0
    for fold in range(1, n_folds):
        # NumPy's `isclose`
        tied = abs(spreads[fold] - spreads[best]) <= 1e-8 + 1e-5 * spreads[best]
        if spreads[fold] < spreads[best] or (tied and n_rows[fold] < n_rows[best]):
            best = fold
    return best
