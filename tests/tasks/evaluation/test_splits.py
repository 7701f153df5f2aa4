"""Folds: no group on both sides, every class on both, reproducible; class balancing."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.errors import NotEnoughData
from tasks.evaluation import balance, splits


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


def test_smote_takes_the_neighbours_there_are() -> None:
    features = np.random.default_rng(0).standard_normal((20, 3))
    labels = np.array(["neutral"] * 15 + ["negative"] * 4 + ["positive"])
    assert balance.usable_neighbours(labels, 5) == 0
    _, balanced = balance.smote(labels, 5, 7).fit_resample(features, labels)
    assert set(np.unique(balanced, return_counts=True)[1].tolist()) == {15}
    labels[-1] = "negative"
    assert balance.usable_neighbours(labels, 9) == 4
    more, balanced = balance.smote(labels, 9, 7).fit_resample(features, labels)
    assert (balanced == "negative").sum() == 15
    assert np.unique(more, axis=0).shape == more.shape
