"""One-sided clips: the divergence of known answers, bounds by size, and how often they are exceeded."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.experiments import one_sided


def test_the_divergence_of_equal_and_of_different_clips() -> None:
    assert one_sided.divergence(np.tile([0.7, 0.3], (5, 1))) == pytest.approx(0)
    assert one_sided.divergence(np.eye(2)) == pytest.approx(np.log(2))


def test_bounds_are_exceeded_as_often_as_stated() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.full(4, 0.3), size=3000)
    ids, speakers = np.arange(3000).astype(str), np.repeat(np.arange(60).astype(str), 50)
    limits = one_sided.bounds(probabilities, ids, speakers)
    assert list(limits) == [3, 5, 10, 20]
    assert limits[3] < limits[10] < limits[20]
    other = rng.dirichlet(np.full(4, 0.3), size=(2000, 10))
    share = np.mean([one_sided.is_one_sided(clips, limits) for clips in other])
    assert share == pytest.approx(one_sided.FALSE_ALARMS, abs=0.025)


def test_fewer_clips_than_the_smallest_bound_are_not_judged() -> None:
    alike = np.tile([0.7, 0.3], (5, 1))
    assert one_sided.is_one_sided(alike[:2], {3: 0.1, 10: 0.2}) is None
    assert one_sided.is_one_sided(alike, {3: 0.1, 10: 0.2}) is True
    assert one_sided.is_one_sided(alike, {}) is None


def test_each_fold_is_judged_by_the_speakers_of_the_others() -> None:
    # the test speakers of fold 1 vary much, so that their own bound would call those of fold 0 one-sided
    steady, varied = np.tile([0.6, 0.4], (20, 1)), np.tile(np.eye(2), (10, 1))
    probabilities = np.concatenate([steady, varied])
    ids, speakers = np.arange(40).astype(str), np.repeat(["a", "b"], 20)
    folds = np.repeat([0, 1], 20)
    draws = {"drawn": [{"a": ids[:5], "b": ids[20:25]}]}
    result = one_sided.measured(probabilities, ids, speakers, folds, draws=draws, limits=None)["drawn"]
    assert result == {"n": 2, "share": 0.5, "speakers": {"a": 1}}
