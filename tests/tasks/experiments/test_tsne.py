"""t-SNE: the gradient is that of the loss, and maps are as good as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad
from sklearn.manifold import TSNE, trustworthiness

from tasks.experiments import tsne


def clusters(n_rows: int = 300, n_clusters: int = 5) -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(n_clusters, 20))[rng.integers(0, n_clusters, n_rows)] * 2 + rng.normal(size=(n_rows, 20))
    return rows[:, np.argsort(-rows.std(axis=0))]


def test_probabilities_have_the_perplexity() -> None:
    joint = tsne._joint(clusters(), 30.0)
    assert joint.sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(joint, joint.T)
    assert not joint.diagonal().any()
    # of conditional probabilities, which pairs average
    rows = joint / joint.sum(axis=1, keepdims=True)
    entropies = -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=1)
    assert np.median(np.exp(entropies)) == pytest.approx(30, rel=0.25)


@pytest.mark.parametrize("exaggeration", [1.0, 2.0])
def test_the_gradient_is_that_of_the_loss(exaggeration: float) -> None:
    loss = tsne._Loss(tsne._joint(clusters(40), 8.0))
    points = np.random.default_rng(2).normal(size=80)
    error = check_grad(lambda at: loss(at, exaggeration)[0], lambda at: loss(at, exaggeration)[1], points, epsilon=1e-2)
    assert error < 0.02 * np.linalg.norm(loss(points, exaggeration)[1])


def test_maps_are_as_good_as_those_of_scikit_learn() -> None:
    rows = clusters()
    points, divergence = tsne.embed(rows, 30.0)
    theirs = TSNE(2, perplexity=30.0, method="exact", init="pca", random_state=1, max_iter=500)
    of_theirs = theirs.fit_transform(rows)
    # both states the same divergence, so that they can be compared
    assert divergence < theirs.kl_divergence_ * 1.02
    assert trustworthiness(rows, points) > trustworthiness(rows, of_theirs) - 0.01
    assert np.array_equal(tsne.embed(rows, 30.0)[0], points)


def test_equal_rows_have_finite_points() -> None:
    rows = np.repeat(clusters(4), [40, 1, 1, 1], axis=0)
    points, divergence = tsne.embed(rows, 14.0)
    assert np.isfinite(points).all()
    assert np.isfinite(divergence)
