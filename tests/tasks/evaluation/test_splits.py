"""Folds: no group on both sides, every class on both, reproducible; class balancing."""

from __future__ import annotations

import numpy as np
import pytest

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
