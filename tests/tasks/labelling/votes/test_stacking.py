"""Stacking on simulated votes: what it learns, abstentions, probabilities, and the artifact."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.core import tables
from tasks.core.errors import TableError
from tasks.labelling.votes import stacking

NAMES = ("good", "inverted", "noise")


def drawn(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A voter that is mostly right, one that is mostly wrong in the same way, and one that is noise; no chances."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(-1, 2, size=n)
    good = np.where(rng.random(n) < 0.7, truth, rng.integers(-1, 2, size=n)) * rng.uniform(0.3, 1.0, n)
    inverted = -np.where(rng.random(n) < 0.8, truth, rng.integers(-1, 2, size=n)) * 0.5
    votes = np.stack([good, inverted, rng.uniform(-1, 1, n)], axis=1)
    return votes, np.full((n, 3, 3), np.nan), np.array(tables.SENTIMENTS)[truth + 1]


def test_it_learns_which_voters_to_follow_and_which_to_turn_round() -> None:
    votes, chances, labels = drawn()
    model = stacking.fit(votes, chances, labels, NAMES)
    held_out, no_chances, truth = drawn(seed=1)
    likely = model.probabilities(held_out, no_chances)
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    accuracy = (np.array(tables.SENTIMENTS)[likely.argmax(axis=1)] == truth).mean()
    signs = np.array(tables.SENTIMENTS)[np.sign(held_out[:, 0]).astype(int) + 1]
    assert accuracy > (signs == truth).mean() + 0.05
    assert likely.max(axis=1).mean() == pytest.approx(accuracy, abs=0.03)


def test_probabilities_of_a_voter_are_used_and_abstentions_are_not_neutral() -> None:
    votes, chances, labels = drawn()
    sure = np.array([[list(tables.SENTIMENTS).index(label) == k for k in range(3)] for label in labels])
    chances[:, 2] = np.where(sure, 0.8, 0.1)
    model = stacking.fit(votes, chances, labels, NAMES)
    likely = model.probabilities(votes, chances)
    assert (np.array(tables.SENTIMENTS)[likely.argmax(axis=1)] == labels).mean() > 0.95
    absent = np.full((1, 3), np.nan)
    assert np.isnan(model.probabilities(absent, np.full((1, 3, 3), np.nan))).all()
    some = np.array([[np.nan, 0.0, 0.0], [0.0, 0.0, 0.0]])
    inputs = stacking.inputs(some, np.full((2, 3, 3), np.nan))
    assert inputs.shape == (2, 3 * len(stacking.INPUTS))
    assert (inputs[0] != inputs[1]).sum() == 1


def test_the_artifact_gives_the_same_probabilities() -> None:
    votes, chances, labels = drawn(300)
    model = stacking.fit(votes, chances, labels, NAMES)
    again = stacking.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(again.probabilities(votes, chances), model.probabilities(votes, chances))
    assert again.voters == NAMES


@pytest.mark.parametrize("wrong", [{"weights": [[1.0]]}, {"biases": ["x", 1, 2]}, {"inputs": []}, {"voters": None}])
def test_a_damaged_artifact_is_an_error(wrong: dict[str, object]) -> None:
    votes, chances, labels = drawn(300)
    fields = {**stacking.fit(votes, chances, labels, NAMES).to_dict(), **wrong}
    with pytest.raises(TableError, match="this stacked model"):
        stacking.from_dict(fields)
