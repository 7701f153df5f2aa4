"""Folds of rated texts: whole videos, balanced, the same on every machine."""

from __future__ import annotations

import numpy as np

from tasks.labelling.quality import rated_folds


def test_videos_are_in_one_fold_and_folds_are_of_about_equal_size() -> None:
    groups = np.repeat([f"video-{number}" for number in range(12)], [9, 1, 1, 1, 3, 3, 3, 3, 2, 2, 1, 1])
    gold = np.where(np.arange(groups.size) % 5 == 4, "", "neutral")
    folds = rated_folds.folds(gold, groups, 3)
    assert folds.by == "videos"
    assert np.sort(np.concatenate(folds.test)).tolist() == np.flatnonzero(gold != "").tolist()
    of_folds = [set(groups[rows]) for rows in folds.test]
    assert all(not first & second for k, first in enumerate(of_folds) for second in of_folds[:k])
    sizes = [rows.size for rows in folds.test]
    assert max(sizes) - min(sizes) <= 2
    again = rated_folds.folds(gold, groups, 3)
    assert [rows.tolist() for rows in again.test] == [rows.tolist() for rows in folds.test]


def test_utterances_are_the_units_of_a_single_video() -> None:
    gold = np.array(["neutral"] * 25 + [""] * 5)
    groups = np.array(["first"] * 25 + ["second"] * 5)
    folds = rated_folds.folds(gold, groups, 10)
    assert (folds.by, len(folds.test)) == ("utterances", 10)
    assert {rows.size for rows in folds.test} == {2, 3}
