"""Combination of votes: majority, ties, label model."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core import tables
from tasks.labelling.votes import combine

N, P, G = "neutral", "positive", "negative"


def drawn(n: int, accuracies: tuple[float, ...], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw classes and the votes of voters with these accuracies; a wrong vote is any other class."""
    rng = np.random.default_rng(seed)
    classes = np.array(tables.SENTIMENTS)
    truth = rng.integers(3, size=n)
    votes = [
        np.where(rng.random(n) < accuracy, truth, (truth + rng.integers(1, 3, size=n)) % 3) for accuracy in accuracies
    ]
    return classes[truth], classes[np.stack(votes, axis=1)]


def as_polarities(votes: np.ndarray) -> np.ndarray:
    return np.select([votes == P, votes == N, votes == G], [0.5, 0.0, -0.5], np.nan)


def combined(votes: np.ndarray, how: combine.Combination, at_least: float = 0.0) -> combine.Combined:
    return combine.combined(as_polarities(votes), how, combine.Thresholds(0.0, at_least))


def test_most_votes_win_and_ties_have_no_label() -> None:
    votes = np.array([[P, P, G], [P, G, ""], ["", "", ""], [N, "", ""]])
    combination = combined(votes, "majority")
    assert combination.labels.tolist() == [P, "", "", N]
    assert combination.left_out.tolist() == ["", combine.TIE, combine.NO_VOTE, ""]
    np.testing.assert_allclose(combination.probabilities[0], [1 / 3, 0, 2 / 3])
    assert np.isnan(combination.probabilities[2]).all()
    np.testing.assert_allclose(combination.weights, [2 / 3, np.nan, np.nan, 1])
    surer = combined(votes, "majority", 0.7)
    assert surer.left_out.tolist() == [combine.UNSURE, combine.TIE, combine.NO_VOTE, ""]


def test_the_mean_has_a_label_wherever_anybody_votes() -> None:
    votes = np.array([[0.9, -0.2, np.nan], [0.3, -0.3, 0.0], [np.nan] * 3, [-0.1, 0.0, 0.0], [-0.4, -0.4, -0.1]])
    combination = combine.combined(votes, "mean", combine.Thresholds(0.25, 0.0))
    assert combination.labels.tolist() == [P, N, "", "", G]
    assert combination.left_out.tolist() == ["", "", combine.NO_VOTE, combine.WEAK, ""]
    np.testing.assert_allclose(combination.scores, [0.35, 0.0, np.nan, -0.1 / 3, -0.3])
    np.testing.assert_allclose(combination.weights, [0.5, 1 / 3, np.nan, np.nan, 1.0])


def test_abstentions_do_not_affect_the_consensus() -> None:
    votes = np.array([[0.9, np.nan], [np.nan, np.nan], [0.0, np.nan], [0.9, 0.0]])
    combination = combine.combined(votes, "consensus", combine.Thresholds(0.25, 0.0))
    assert combination.labels.tolist() == [P, "", N, ""]
    assert combination.left_out.tolist() == ["", combine.NO_VOTE, "", combine.DIFFER]


def test_a_label_model_weighs_better_voters_more() -> None:
    truth, votes = drawn(3000, (0.9, 0.85, 0.4, 0.4, 0.4))
    modelled, counted = combined(votes, "label-model"), combined(votes, "majority")
    right = [float((combination.labels == truth).mean()) for combination in (modelled, counted)]
    assert right[0] > right[1] + 0.05
    assert right[0] > 0.88
    np.testing.assert_allclose(modelled.probabilities.sum(axis=1), 1)
    # the probability equals the accuracy
    assert np.nanmean(modelled.weights) == pytest.approx(right[0], abs=0.04)
    again = combined(votes, "label-model")
    np.testing.assert_array_equal(again.probabilities, modelled.probabilities)


def test_a_label_model_is_fitted_to_the_training_texts() -> None:
    """The first voter is right on the training texts and wrong elsewhere, where the model still follows it."""
    _, votes = drawn(2000, (0.95, 0.6, 0.6))
    other = votes.copy()
    other[1000:, 0] = np.roll(other[1000:, 0], 1)
    learns = np.arange(2000) < 1000
    shares = combine.label_model(other, learns)
    np.testing.assert_array_equal(shares[:1000], combine.label_model(votes[:1000]))
    assert (np.array(tables.SENTIMENTS)[shares[1000:].argmax(axis=1)] == other[1000:, 0]).mean() > 0.8
    nobody = combine.label_model(votes, np.zeros(2000, dtype=bool))
    np.testing.assert_array_equal(nobody, combine.label_model(votes))


def test_abstentions_are_no_votes_and_classes_without_votes_get_no_probability() -> None:
    votes = np.array([[P, ""], ["", ""], [G, G], [P, P]])
    combination = combined(votes, "label-model")
    assert combination.labels.tolist() == [P, "", G, P]
    assert combination.probabilities[0, 1] < 1e-6
    assert np.isnan(combination.probabilities[1]).all()
    nothing = combined(np.full((2, 2), ""), "label-model")
    assert nothing.labels.tolist() == ["", ""]


def test_labels_that_contradict_all_voters_are_marked() -> None:
    votes = np.array([[P, P], [P, ""], [P, G], ["", ""], [N, N]])
    labels = np.array([G, G, G, "", N])
    assert combine.contradicted(votes, labels).tolist() == [True, True, False, False, False]
