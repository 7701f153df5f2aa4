"""The linear SVM of several classes: which solver fits it, its agreement with `SVC`, and its ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.metrics import f1_score
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import _ovr_decision_function
from threadpoolctl import threadpool_limits

from tasks.models.base.estimator import Inputs
from tasks.models.support_vectors import LinearSvmSettings, Svm
from tasks.models.svm import linear_svm

Planes = tuple[np.ndarray, np.ndarray]

NAMES = np.array(["anger", "calm", "fear", "joy"])


@pytest.fixture
def rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of rows is enough for the rounded hinge loss."""
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 0)
    monkeypatch.setattr(linear_svm, "ROWS_PER_FEATURE", 0)


@pytest.fixture(params=[0, 10**6], ids=["rounded", "liblinear"])
def many_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of rows is enough for the solvers of many rows."""
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 0)
    monkeypatch.setattr(linear_svm, "ROWS_PER_FEATURE", request.param)


def drawn(seed: int, n_classes: int, n: int = 150, n_features: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Overlapping classes of unequal sizes, and weights."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_classes, 3.0))
    codes = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes, p=shares)])
    features = rng.standard_normal((n, n_features)) + rng.standard_normal((n_classes, n_features))[codes] * 0.7
    return features, NAMES[codes], rng.uniform(0.05, 1.0, n)


def correlated(n: int, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows as features of speech have them: 40 features of 12 factors, overlapping classes; first half to train."""
    rng = np.random.default_rng(6)
    codes = rng.choice(n_classes, n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    factors = rng.standard_normal((n, 12)) + rng.standard_normal((n_classes, 12))[codes] * 0.6
    return factors @ rng.standard_normal((12, 40)) / 3 + 0.4 * rng.standard_normal((n, 40)), NAMES[codes]


def run(model: bytes, features: np.ndarray) -> tuple[list[str], np.ndarray]:
    label, values = onnxruntime.InferenceSession(model).run(None, {"features": features})
    return list(label), values


def exported(mean: np.ndarray, scale: np.ndarray, planes: Planes, labels: np.ndarray) -> bytes:
    return linear_svm.to_onnx(mean, scale, *planes, np.unique(labels).tolist())


def decided(planes: Planes, labels: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and decision values as scikit-learn's `OneVsOneClassifier` makes them of planes, one column per class."""
    classes = np.unique(labels)
    # its planes are above 0 for the second class of a pair
    decisions = (features @ planes[0].T + planes[1]) * (1 if classes.size == 2 else -1)
    values = np.concatenate([-decisions, decisions], axis=1)
    if classes.size > 2:
        values = _ovr_decision_function(decisions > 0, decisions, classes.size)
    return classes[values.argmax(axis=1)], values


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_rows_per_class_pair_choose_the_solver(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weights = drawn(1, n_classes, n=120)
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 2 * 120 / n_classes)
    for rows, is_svc in ((slice(None), False), (slice(1, None), True)):
        planes = linear_svm.fit(features[rows], labels[rows], 0.1, class_weight="balanced", weights=weights[rows])
        svc = SVC(kernel="linear", C=0.1, class_weight="balanced").fit(features[rows], labels[rows], weights[rows])
        assert (planes[0].tolist() == svc.coef_.tolist()) is is_svc
        assert (planes[1].tolist() == svc.intercept_.tolist()) is is_svc


def test_many_rows_that_are_few_for_their_features_go_to_liblinear(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, _ = drawn(1, 3, n_features=6)
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 0)
    losses = []
    real = linear_svm._fit_liblinear

    def fit(machine: Any, *rest: Any) -> Planes:
        losses.append((machine.loss, machine.C))
        return real(machine, *rest)

    monkeypatch.setattr(linear_svm, "_fit_liblinear", fit)
    monkeypatch.setattr(linear_svm, "HINGE_LIMIT", 0.1 * 100)
    # 100 rows per pair
    monkeypatch.setattr(linear_svm, "ROWS_PER_FEATURE", 16)
    linear_svm.fit(features, labels, 0.1)
    assert losses == []
    monkeypatch.setattr(linear_svm, "ROWS_PER_FEATURE", 17)
    linear_svm.fit(features, labels, 0.1)
    # coordinate descent would need too many passes
    linear_svm.fit(features, labels, 0.11)
    assert losses == [("hinge", 0.1), ("squared_hinge", 0.055)]


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_planes_come_near_those_of_svc(
    many_rows: None, n_classes: int, class_weight: str | None, weighted: bool
) -> None:
    features, labels, weights = drawn(3, n_classes, n=600 * n_classes)
    given = weights if weighted else None
    planes = linear_svm.fit(features, labels, 0.1, class_weight=class_weight, weights=given)
    svc = SVC(kernel="linear", C=0.1, class_weight=class_weight).fit(features, labels, given)
    for ours, theirs in zip(planes, (svc.coef_, svc.intercept_), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=0.1)


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("c", [0.01, 0.1, 1.0])
def test_macro_f1_is_within_half_a_point_of_svc(n_classes: int, c: float) -> None:
    features, labels = correlated(7200, n_classes)
    train, test = slice(2400), slice(2400, None)
    planes = linear_svm.fit(features[train], labels[train], c)
    svc = SVC(kernel="linear", C=c).fit(features[train], labels[train])
    # more than 1,000 rows per pair
    assert planes[0].tolist() != svc.coef_.tolist()
    predicted = decided(planes, labels, features[test])[0], svc.predict(features[test])
    ours, theirs = (100 * f1_score(labels[test], some, average="macro") for some in predicted)
    assert abs(ours - theirs) < 0.5


def test_the_same_planes_for_any_number_of_threads(many_rows: None) -> None:
    features, labels = correlated(3000)
    fitted = set()
    for threads in (1, 4, 4):
        with threadpool_limits(threads):
            weights, intercepts = linear_svm.fit(features, labels, 0.1)
            fitted.add((weights.tobytes(), intercepts.tobytes()))
    assert len(fitted) == 1


def test_a_row_of_weight_0_has_no_effect(many_rows: None) -> None:
    features, labels, weights = drawn(1, 3)
    weights[::3] = 0
    kept = weights > 0
    some, others = (
        linear_svm.fit(features[rows], labels[rows], 0.1, weights=weights[rows]) for rows in (slice(None), kept)
    )
    assert some[0].tolist() == others[0].tolist()


def test_balanced_classes_have_the_same_total_weight(many_rows: None) -> None:
    features, labels, weights = drawn(1, 3)
    factors = compute_sample_weight("balanced", labels) * weights
    balanced = linear_svm.fit(features, labels, 0.1, class_weight="balanced", weights=weights)
    by_hand = linear_svm.fit(features, labels, 0.1, weights=factors)
    assert balanced[0].tolist() == by_hand[0].tolist()


@pytest.mark.parametrize("least_rows", [0, 1000])
def test_a_single_class_is_refused(least_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", least_rows)
    features, labels, _ = drawn(1, 2)
    with pytest.raises(ValueError, match=r"found only one class: \['calm'\]"):
        linear_svm.fit(features, np.full(labels.size, "calm"), 0.1)


def test_a_class_without_weight_is_refused(many_rows: None) -> None:
    features, labels, weights = drawn(1, 2)
    with pytest.raises(ValueError, match=r"found none in \['anger'\]"):
        linear_svm.fit(features, labels, 0.1, weights=np.where(labels == "calm", weights, 0))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_onnx_scales_and_decides_alike_and_is_small(rounded: None, n_classes: int) -> None:
    features, labels, weights = drawn(7, n_classes)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    planes = linear_svm.fit((features - mean) / scale, labels, 0.1, weights=weights)
    model = exported(mean, scale, planes, labels)
    assert model == exported(mean, scale, planes, labels)
    assert len(model) < 3000
    label, values = run(model, features)
    expected_label, expected = decided(planes, labels, (features - mean) / scale)
    assert label == expected_label.tolist()
    np.testing.assert_allclose(values, expected, atol=1e-12)
    no_labels, no_values = run(model, features[:0])
    assert no_labels == [] and no_values.shape == (0, n_classes)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_votes_values_and_ties_in_onnx_are_scikit_learns(n_classes: int) -> None:
    """On a grid of points with round weights pairs tie, and decisions are exactly 0."""
    labels, n_pairs = NAMES[:n_classes], n_classes * (n_classes - 1) // 2
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, -1.0], [0.0, -1.0]])
    intercepts = np.array([0.0, 1.0, 0.0, -1.0, 0.0, 0.0])
    sign = 1 if n_classes == 2 else -1
    planes = sign * weights[:n_pairs], sign * intercepts[:n_pairs]
    points = np.array([[x, y] for x in range(-3, 4) for y in range(-3, 4)], dtype=np.float64)
    assert (points @ planes[0].T + planes[1] == 0).any()
    label, values = run(exported(np.zeros(2), np.ones(2), planes, labels), points)
    expected_label, expected = decided(planes, labels, points)
    assert label == expected_label.tolist()
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_ties_go_to_the_first_class_on_request() -> None:
    """Around the crossing of three planes, each class wins one pair."""
    angles = 2 * np.pi * np.arange(3) / 3
    planes, classes = np.stack([np.cos(angles), np.sin(angles)], axis=1), ["anger", "calm", "fear"]
    machine = Svm(LinearSvmSettings(ties="first"))
    machine.outputs_, machine.support_, machine.gamma_ = tuple(classes), None, None
    machine.pairs_, machine.intercept_ = planes * [[1.0], [-1.0], [1.0]], np.full(3, [0.1, -0.1, 0.1])
    points = np.random.default_rng(3).uniform(-0.3, 0.3, (60, 2))
    rows = Inputs(np.full(60, ""), {"x": points})
    scores = machine.scores(rows)
    decisions = points @ machine.pairs_.T + machine.intercept_
    tied = (decisions[:, 0] >= 0) & (decisions[:, 1] < 0) & (decisions[:, 2] >= 0)
    assert 0 < tied.sum() < 60
    assert (scores[tied].argmax(axis=1) == 0).all()
    by_decisions = Svm(LinearSvmSettings()).read(machine.files()).scores(rows)
    assert (by_decisions[tied].argmax(axis=1) != 0).any()
    assert (by_decisions[~tied] == scores[~tied]).all()
    content = machine.to_onnx(np.zeros(2), np.ones(2))
    assert content is not None
    label, values = run(content, points)
    assert label == [classes[k] for k in scores.argmax(axis=1)]
    np.testing.assert_allclose(values, scores, atol=1e-12)
