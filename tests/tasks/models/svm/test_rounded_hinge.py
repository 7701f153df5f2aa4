"""The plane of a rounded hinge loss: its objective, and that it is found whatever the rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

from tasks.models.svm import rounded_hinge


def overlapping(n: int, n_features: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signs = np.where(rng.random(n) < 0.4, 1.0, -1.0)
    mixing = rng.standard_normal((n_features, n_features)) / np.sqrt(n_features)
    return (rng.standard_normal((n, n_features)) + 0.5 * signs[:, None]) @ mixing, signs


def loss(features: np.ndarray, signs: np.ndarray, costs: np.ndarray, weights: np.ndarray, intercept: float) -> float:
    """The objective of the SVM, with its own hinge loss."""
    hinges = np.maximum(0, 1 - signs * (features @ weights + intercept))
    return float(0.5 * weights @ weights + costs @ hinges)


@pytest.mark.parametrize("c", [0.001, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("n_features", [5, 60])
def test_the_loss_of_the_svm_exceeds_that_of_svc_by_no_more_than_the_rounding(c: float, n_features: int) -> None:
    features, signs = overlapping(800, n_features)
    costs = np.full(800, c)
    svc = SVC(kernel="linear", C=c, tol=1e-6).fit(features, signs)
    best = loss(features, signs, costs, svc.coef_[0], svc.intercept_[0])
    # the rounded loss is above the other by a quarter of `ROUNDED` at most, and only near the corner
    near = np.abs(1 - signs * svc.decision_function(features)) < rounded_hinge.ROUNDED
    ours = loss(features, signs, costs, *rounded_hinge.plane(features, signs, costs))
    assert best * (1 - 1e-4) < ours < (best + rounded_hinge.ROUNDED / 4 * costs[near].sum()) * (1 + 1e-6)


def test_labels_without_information_are_fitted_too() -> None:
    """Passes of coordinate descent over such rows do not end."""
    rng = np.random.default_rng(4)
    features, signs = rng.standard_normal((5000, 40)), rng.choice([-1.0, 1.0], 5000)
    costs = np.full(5000, 10.0)
    weights, intercept = rounded_hinge.plane(features, signs, costs)
    at_least = loss(features, signs, costs, weights, intercept)
    for _ in range(20):
        moved = weights + 0.02 * rng.standard_normal(40), intercept + 0.02 * rng.standard_normal()
        assert loss(features, signs, costs, *moved) > at_least


def test_gradient_and_curvature_are_those_of_the_value() -> None:
    features, signs = overlapping(60, 4)
    objective = rounded_hinge._Objective(features, signs, np.linspace(0.1, 2, 60))
    point, direction, step = np.array([0.3, -0.2, 0.5, 0.1, 0.05]), np.array([1.0, 2.0, -1.0, 0.5, 1.0]), 1e-7
    assert (
        check_grad(lambda x: objective.value_and_gradient(x)[0], lambda x: objective.value_and_gradient(x)[1], point)
        < 1e-4
    )
    before, after = (objective.value_and_gradient(point + sign * step * direction)[1] for sign in (-1, 1))
    np.testing.assert_allclose(objective.curvature(point, direction), (after - before) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_features_of_any_scale_are_fitted(factor: float) -> None:
    features, signs = overlapping(400, 5)
    weights, intercept = rounded_hinge.plane(features, signs, np.ones(400))
    # the same problem in other units: the penalty on weights counts factor² as much, and so must the costs
    others, other = rounded_hinge.plane(features * factor, signs, np.full(400, factor**-2))
    np.testing.assert_allclose(others * factor, weights, atol=5e-3)
    assert other == pytest.approx(intercept, abs=5e-3)


def test_rows_that_pull_equally_leave_the_plane_at_zero() -> None:
    """The gradient at the start is exactly 0."""
    corners = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    weights, intercept = rounded_hinge.plane(corners, np.array([1.0, 1.0, -1.0, -1.0]), np.ones(4))
    assert weights.tolist() == [0, 0] and intercept == 0


def test_an_early_end_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    features, signs = overlapping(300, 5)
    monkeypatch.setattr(rounded_hinge, "_MOST_STEPS", 1)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        rounded_hinge.plane(features, signs, np.ones(300))
