"""Folds: no group on both sides, every class on both, reproducible; class balancing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from tasks.core.errors import NotEnoughData
from tasks.evaluation import splits


def drawn(n_groups: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.choice(["negative", "neutral", "positive"], 240), rng.integers(0, n_groups, 240).astype(str)


def test_no_group_straddles_and_every_row_is_tested_once() -> None:
    labels, groups = drawn()
    folds = splits.group_k_fold(labels, groups, 4, seed=7)
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(240))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert set(labels[fold.train]) == set(labels[fold.test]) == set(labels)
    again = splits.group_k_fold(labels, groups, 4, seed=7)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(folds, again, strict=True))


def test_a_rare_class_allows_fewer_folds() -> None:
    labels, groups = drawn()
    labels[labels == "negative"] = "neutral"
    labels[(groups == "1") | (groups == "2")] = "negative"
    assert splits.possible_folds(labels, groups, 5) == 2
    with pytest.raises(NotEnoughData, match="'negative': 2"):
        splits.group_k_fold(labels, groups, 5, seed=7)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 12), st.integers(2, 40), st.integers(40, 300))
def test_folds_are_those_of_scikit_learn(seed: int, n_folds: int, n_classes: int, n_groups: int, n_rows: int) -> None:
    rng = np.random.default_rng(seed)
    # few rows in a group, and equal ones, so that folds are tied
    labels, groups = rng.integers(0, n_classes, n_rows).astype(str), (np.arange(n_rows) % n_groups).astype(str)
    if splits.possible_folds(labels, groups, n_folds) < n_folds:
        return
    theirs = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels, groups)
    for ours, (train, test) in zip(splits.group_k_fold(labels, groups, n_folds, seed), theirs, strict=True):
        assert np.array_equal(ours.train, train)
        assert np.array_equal(ours.test, test)
