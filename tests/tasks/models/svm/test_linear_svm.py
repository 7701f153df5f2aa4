"""The linear SVM of several classes: scikit-learn's SVC in all it says, and the same again from its ONNX file."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from tasks.evaluation import scores
from tasks.models.svm import linear_svm
from tasks.models.svm.linear_svm import LinearSvm

NAMES = np.array(["anger", "calm", "fear", "joy"])


def drawn(seed: int, n_classes: int, n: int = 150, n_features: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes, p=_shares(rng, n_classes))])
    features = rng.standard_normal((n, n_features)) + rng.standard_normal((n_classes, n_features))[codes] * 0.7
    return features, NAMES[codes], rng.uniform(0.05, 1.0, n)


def _shares(rng: np.random.Generator, n_classes: int) -> np.ndarray:
    return rng.dirichlet(np.full(n_classes, 3.0))


def run(model: bytes, features: np.ndarray) -> tuple[list[str], np.ndarray]:
    label, values = onnxruntime.InferenceSession(model).run(None, {"features": features})
    return list(label), values


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n_classes=st.integers(2, 4),
    c=st.sampled_from([0.01, 0.3, 3.0]),
    weighted=st.booleans(),
    class_weight=st.sampled_from([None, "balanced"]),
)
def test_it_is_scikit_learns_svc(seed: int, n_classes: int, c: float, weighted: bool, class_weight: str | None) -> None:
    features, labels, weights = drawn(seed, n_classes)
    weights = weights if weighted else None
    mine = LinearSvm(c, class_weight).fit(features, labels, weights)
    theirs = SVC(kernel="linear", C=c, tol=1e-6, class_weight=class_weight).fit(features, labels, weights)
    assert mine.classes_.tolist() == theirs.classes_.tolist()
    assert mine.n_features_in_ == theirs.n_features_in_
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-4)
    np.testing.assert_allclose(mine.intercept_, theirs.intercept_, atol=2e-4)
    near = np.isclose(theirs.decision_function(features), mine.decision_function(features), atol=2e-3)
    # a row a hair's breadth from a plane may cast another vote
    assert near.mean() > 0.98
    assert (mine.predict(features) == theirs.predict(features)).mean() > 0.98


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_votes_values_and_ties_are_scikit_learns(n_classes: int) -> None:
    """On a grid of points with round weights pairs tie, and decisions are exactly 0."""
    from sklearn.utils.multiclass import _ovr_decision_function

    n_pairs = n_classes * (n_classes - 1) // 2
    fitted = LinearSvm(1.0)
    fitted.classes_, fitted.n_features_in_ = NAMES[:n_classes], 2
    fitted.coef_ = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, -1.0], [0.0, -1.0]])[:n_pairs]
    fitted.intercept_ = np.array([0.0, 1.0, 0.0, -1.0, 0.0, 0.0])[:n_pairs]
    points = np.array([[x, y] for x in range(-3, 4) for y in range(-3, 4)], dtype=np.float64)
    pairs = points @ fitted.coef_.T + fitted.intercept_
    assert (pairs == 0).any()
    if n_classes == 2:
        expected, pairs = pairs[:, 0], -pairs
    else:
        expected = _ovr_decision_function(pairs < 0, -pairs, n_classes)
    np.testing.assert_allclose(fitted.decision_function(points), expected, atol=1e-12)
    votes, numbers = np.zeros((len(points), n_classes)), iter(pairs.T)
    for first in range(n_classes):
        for second in range(first + 1, n_classes):
            decision = next(numbers)
            # as in svm_predict_values of libsvm
            votes[:, first] += decision > 0
            votes[:, second] += decision <= 0
    assert (np.sort(votes, axis=1)[:, -1] == np.sort(votes, axis=1)[:, -2]).any() == (n_classes > 2)
    assert fitted.predict(points).tolist() == NAMES[votes.argmax(axis=1)].tolist()
    label, values = run(linear_svm.to_onnx(np.zeros(2), np.ones(2), fitted, "ties"), points)
    assert label == fitted.predict(points).tolist()
    expected = np.stack([-expected, expected], axis=1) if n_classes == 2 else expected
    np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_onnx_scales_and_decides_alike_and_is_small(n_classes: int) -> None:
    features, labels, weights = drawn(7, n_classes)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    fitted = LinearSvm(0.1).fit((features - mean) / scale, labels, weights)
    model = linear_svm.to_onnx(mean, scale, fitted, "small")
    assert model == linear_svm.to_onnx(mean, scale, fitted, "small")
    assert len(model) < 3000
    label, values = run(model, features)
    assert label == fitted.predict((features - mean) / scale).tolist()
    values = values[:, 1] if n_classes == 2 else values
    np.testing.assert_allclose(values, fitted.decision_function((features - mean) / scale), atol=1e-12)
    nothing, none = run(model, features[:0])
    assert nothing == [] and none.shape == (0, n_classes)


def test_a_row_of_weight_0_is_as_good_as_absent() -> None:
    features, labels, weights = drawn(1, 3)
    weights[::3] = 0
    with_it, without = LinearSvm(0.1), LinearSvm(0.1)
    with_it.fit(features, labels, weights)
    without.fit(features[weights > 0], labels[weights > 0], weights[weights > 0])
    assert with_it.coef_.tolist() == without.coef_.tolist()


def test_a_single_class_is_refused() -> None:
    features, labels, weights = drawn(1, 2)
    with pytest.raises(ValueError, match="two classes or more"):
        LinearSvm(0.1).fit(features, np.full(labels.size, "calm"))
    with pytest.raises(ValueError, match="two classes or more"):
        LinearSvm(0.1).fit(features, labels, np.where(labels == "calm", weights, 0))


def test_the_rule() -> None:
    few, many = linear_svm.MANY_ROWS - 1, linear_svm.MANY_ROWS
    assert isinstance(linear_svm.machine((few, 136), 0.1), SVC)
    assert isinstance(linear_svm.machine((many, 136), 0.1), LinearSvm)
    # many rows, but not for so many features: a system as wide as they are costs more than the kernel
    assert isinstance(linear_svm.machine((many, 768), 0.1), SVC)
    assert isinstance(linear_svm.machine((5 * 768, 768), 0.1), LinearSvm)
    assert isinstance(linear_svm.machine((5 * 768 - 1, 768), 0.1), SVC)
    svc, mine = (linear_svm.machine((n, 136), 0.3, "balanced") for n in (few, many))
    assert (svc.kernel, svc.C, svc.class_weight) == ("linear", 0.3, "balanced")
    assert (mine.c, mine.class_weight) == (0.3, "balanced")


def test_on_many_correlated_overlapping_rows_both_decide_alike() -> None:
    rng = np.random.default_rng(6)
    codes = rng.choice(3, 3600, p=[0.15, 0.6, 0.25])
    latent = rng.standard_normal((3600, 12)) + rng.standard_normal((3, 12))[codes] * 0.6
    features = latent @ rng.standard_normal((12, 40)) / 3 + 0.4 * rng.standard_normal((3600, 40))
    labels, train, test = NAMES[codes], np.arange(1800), np.arange(1800, 3600)
    for c in (0.001, 0.1):
        mine = LinearSvm(c).fit(features[train], labels[train]).predict(features[test])
        theirs = SVC(kernel="linear", C=c).fit(features[train], labels[train]).predict(features[test])
        assert (mine == theirs).mean() >= 0.99
        found = [
            scores.overall(scores.confusions(labels[test], one, np.zeros(1800, dtype=str), list(NAMES[:3])))["macro_f1"]
            for one in (mine, theirs)
        ]
        assert abs(float(found[0][0]) - float(found[1][0])) < 0.005
        assert float(found[0][0]) > 0.4
