"""Stratified folds in which no group is in both the training and the test part."""

from __future__ import annotations

import warnings
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
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = label_column.values, group_column.values
    if possible_folds(labels, groups, n_folds) < n_folds:
        counts = {str(label): int(np.unique(groups[labels == label]).size) for label in np.unique(labels)}
        raise NotEnoughData(f"{n_folds} folds by group need every class in {n_folds} groups or more; found {counts}")
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # scikit-learn warns of classes with few rows; the check above is stricter, since it counts groups
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = tuple(Fold(train, test) for train, test in splitter.split(labels, labels, groups))
    for fold in folds:
        # shared by all who ask for them
        fold.train.setflags(write=False)
        fold.test.setflags(write=False)
    return folds
