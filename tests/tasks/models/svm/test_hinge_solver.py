"""The plane of two classes: libsvm's, where libsvm is given the time to find it, and the optimum in all cases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from tasks.models.svm import hinge_solver

SPOILT = ("not at all", "rounded", "constant", "repeated", "stretched", "twice the same", "nothing")


def drawn(seed: int, spoilt: str, apart: float, n_most: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two classes, first one, then the other, and their weights."""
    rng = np.random.default_rng(seed)
    n, n_features = int(rng.integers(4, n_most)), int(rng.integers(2, 10))
    signs = np.sort(np.where(rng.random(n) < rng.uniform(0.1, 0.9), 1.0, -1.0))[::-1]
    signs[[0, -1]] = 1, -1
    features = rng.standard_normal((n, n_features)) + apart * np.outer(signs, rng.standard_normal(n_features))
    if spoilt == "rounded":
        features = np.round(features)
    elif spoilt == "constant":
        features[:, 0] = 3.0
    elif spoilt == "repeated":
        features = features[rng.integers(0, max(1, n // 10), n)]
    elif spoilt == "stretched":
        features = features * np.exp(rng.uniform(-2, 2, n_features)) + rng.uniform(-10, 10, n_features)
    elif spoilt == "twice the same":
        features[:, 1] = features[:, 0]
    elif spoilt == "nothing":
        features[:] = 0.0
    return features, signs, np.where(rng.random() < 0.5, rng.uniform(0.05, 1, n), 1.0)


def objective(features: np.ndarray, signs: np.ndarray, bounds: np.ndarray, weights: np.ndarray, bias: float) -> float:
    return float(weights @ weights / 2 + bounds @ np.maximum(0, 1 - signs * (features @ weights + bias)))


def libsvm(features: np.ndarray, signs: np.ndarray, bounds: np.ndarray) -> tuple[SVC, bool]:
    """SVC to 1e-6, and whether it got there."""
    machine = SVC(kernel="linear", C=1.0, tol=1e-6, max_iter=200_000)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        machine.fit(features, signs, bounds)
    return machine, not raised


@pytest.mark.parametrize("few", [24, hinge_solver._FEW_ROWS], ids=["screened", "as they are"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    spoilt=st.sampled_from(SPOILT),
    apart=st.sampled_from([0.0, 0.3, 1.0, 5.0]),
    log_c=st.floats(-5, 2),
)
def test_never_above_libsvm_and_deciding_alike(few: int, seed: int, spoilt: str, apart: float, log_c: float) -> None:
    features, signs, weights = drawn(seed, spoilt, apart)
    bounds = 10**log_c * weights
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hinge_solver, "_FEW_ROWS", few)
        found = hinge_solver.solve(features, signs, bounds)
    assert found.gap <= hinge_solver.GAP
    theirs, arrived = libsvm(features, signs, bounds)
    mine = objective(features, signs, bounds, found.weights, found.bias)
    best = objective(features, signs, bounds, theirs.coef_[0], theirs.intercept_[0])
    assert mine <= best * (1 + 1e-8)
    if arrived and best <= mine * (1 + 1e-8):
        decisions = features @ found.weights + found.bias
        np.testing.assert_allclose(decisions, theirs.decision_function(features), atol=1e-3)


def test_coefficients_are_libsvms() -> None:
    rng = np.random.default_rng(5)
    signs = np.repeat([1.0, -1.0], [120, 180])
    features = rng.standard_normal((300, 8)) + 0.4 * signs[:, None]
    for c in (0.001, 0.05, 2.0):
        bounds = c * rng.uniform(0.1, 1, 300)
        found, (theirs, _) = hinge_solver.solve(features, signs, bounds), libsvm(features, signs, bounds)
        np.testing.assert_allclose(found.weights, theirs.coef_[0], atol=1e-5)
        assert found.bias == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_of_equally_good_biases_the_middle() -> None:
    """With a tiny C and as many rows on either side all duals are at their bound: an interval of biases is best."""
    rng = np.random.default_rng(2)
    signs = np.repeat([1.0, -1.0], 50)
    features = rng.standard_normal((100, 3)) + signs[:, None]
    bounds = np.full(100, 1e-5)
    found, (theirs, _) = hinge_solver.solve(features, signs, bounds), libsvm(features, signs, bounds)
    assert found.bias == pytest.approx(theirs.intercept_[0], abs=1e-9)
    for aside in (-0.5, 0.5):
        as_good = objective(features, signs, bounds, found.weights, found.bias + aside)
        assert as_good == pytest.approx(objective(features, signs, bounds, found.weights, found.bias), rel=1e-9)


def test_one_bias_where_one_is_best() -> None:
    found = hinge_solver.solve(np.zeros((3, 2)), np.array([1.0, 1.0, -1.0]), np.ones(3))
    assert found.weights.tolist() == [0, 0]
    assert found.bias == 1
    assert hinge_solver.solve(np.zeros((2, 2)), np.array([1.0, -1.0]), np.ones(2)).bias == 0


def test_a_wrong_guess_of_the_margin_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screening only makes it fast: whatever plane it names, the same one comes out."""
    features, signs, weights = drawn(3, "not at all", 0.3, n_most=2000)
    expected = hinge_solver.solve(features, signs, weights)
    monkeypatch.setattr(hinge_solver, "_FEW_ROWS", 10)
    reaches = []
    solved_near = hinge_solver._solved_near
    monkeypatch.setattr(
        hinge_solver, "_solved_near", lambda *given: (reaches.append(given[-1]), solved_near(*given))[1]
    )
    monkeypatch.setattr(hinge_solver, "_screened", lambda problem: np.linspace(-9.0, 9.0, problem.rows.shape[1]))
    found = hinge_solver.solve(features, signs, weights)
    assert len(reaches) > 1
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-6)
    assert found.bias == pytest.approx(expected.bias, abs=1e-6)


def test_many_rows_near_the_margin_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are far from the margin take no part in the interior point's systems."""
    rng = np.random.default_rng(8)
    signs = np.repeat([1.0, -1.0], [2500, 3000])
    features = rng.standard_normal((5500, 12)) + 0.3 * signs[:, None]
    sizes = []
    inner = hinge_solver._interior_point
    monkeypatch.setattr(
        hinge_solver, "_interior_point", lambda part, *rest: (sizes.append(len(part.rows)), inner(part, *rest))[1]
    )
    bounds = rng.uniform(0.05, 0.1, 5500)
    found = hinge_solver.solve(features, signs, bounds)
    assert found.gap <= hinge_solver.GAP
    assert sum(sizes) < 1500
    theirs = SVC(kernel="linear", C=1.0).fit(features, signs, bounds)
    assert objective(features, signs, bounds, found.weights, found.bias) <= objective(
        features, signs, bounds, theirs.coef_[0], theirs.intercept_[0]
    )


def test_the_same_bytes_each_time() -> None:
    features, signs, weights = drawn(11, "stretched", 0.3, n_most=3000)
    first, second = (hinge_solver.solve(features, signs, weights) for _ in range(2))
    assert (first.weights.tobytes(), first.bias) == (second.weights.tobytes(), second.bias)


def test_not_converged_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    features, signs, weights = drawn(1, "not at all", 0.3)
    monkeypatch.setattr(hinge_solver, "_INTERIOR_STEPS", 2)
    with pytest.raises(hinge_solver.NotConverged, match=r"linear SVM over \d+ rows: relative duality gap"):
        hinge_solver.solve(features, signs, weights)
