"""Models of annotators on simulated annotations with known classes and reliabilities."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.labelling.votes import annotator_models
from tasks.labelling.votes.annotator_models import Annotations


def annotated(
    n: int, trust: tuple[float, ...], *, spam: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw classes, and annotators who copy the class with a probability of `trust` and spam otherwise."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    columns = [np.where(rng.random(n) < share, truth, rng.choice(3, size=n, p=spam)) for share in trust]
    return truth, np.stack(columns, axis=1)


def one_hot(codes: np.ndarray) -> np.ndarray:
    return (codes[:, :, None] == np.arange(3)).astype(float)


def test_mace_recovers_trust_and_classes() -> None:
    trust = (0.9, 0.7, 0.5, 0.2, 0.0)
    truth, codes = annotated(3000, trust, spam=(0.1, 0.8, 0.1))
    likely, recovered = annotator_models.fit_mace(one_hot(codes), np.ones(3000))
    np.testing.assert_allclose(recovered, trust, atol=0.06)
    right = (likely.argmax(axis=1) == truth).mean()
    majority = (one_hot(codes).sum(axis=1).argmax(axis=1) == truth).mean()
    assert right > majority + 0.1
    # the probability of the chosen class equals the accuracy
    assert likely.max(axis=1).mean() == pytest.approx(right, abs=0.03)


def test_mace_ignores_annotators_who_agree_by_their_own_habits() -> None:
    """Three annotators who always give one answer outvote two good ones, but carry no information."""
    truth, codes = annotated(600, (0.85, 0.85, 0.85))
    always = np.hstack([codes, np.full((600, 3), 1)])
    likely = annotator_models.mace(Annotations(always, 3))
    assert (likely.argmax(axis=1) == truth).mean() > 0.85
    assert (one_hot(always).sum(axis=1).argmax(axis=1) == truth).mean() < 0.75


@pytest.mark.parametrize("model", [annotator_models.mace, annotator_models.dawid_skene])
def test_missing_annotations_and_training_items(model: object) -> None:
    assert callable(model)
    truth, codes = annotated(900, (0.9, 0.8, 0.6, 0.6))
    missing = codes.copy()
    missing[np.random.default_rng(1).random(codes.shape) < 0.3] = -1
    missing[0] = -1
    likely = model(Annotations(missing, 3))
    present = (missing >= 0).any(axis=1)
    assert np.isnan(likely[~present]).all()
    np.testing.assert_allclose(likely[present].sum(axis=1), 1)
    assert (likely[present].argmax(axis=1) == truth[present]).mean() > 0.8
    training = np.arange(900) < 450
    changed = codes.copy()
    changed[450:] = (changed[450:] + 1) % 3
    fitted = model(Annotations(changed, 3, training))
    np.testing.assert_array_equal(fitted[:450], model(Annotations(codes, 3, training))[:450])
    np.testing.assert_array_equal(fitted, model(Annotations(changed, 3, training)))


def test_nothing_annotated_gives_no_probabilities() -> None:
    nothing = Annotations(np.full((3, 2), -1), 3)
    assert np.isnan(annotator_models.mace(nothing)).all()
    assert np.isnan(annotator_models.dawid_skene(nothing)).all()


def test_digamma_equals_that_of_scipy() -> None:
    from scipy.special import digamma

    values = np.array([0.01, 0.5, 1.0, 3.7, 42.0, 1e4])
    np.testing.assert_allclose(annotator_models._exp_digamma(values), np.exp(digamma(values)), rtol=1e-7)
