"""The linear SVM of several classes: which solver fits it, its agreement with `SVC`, and its ONNX file."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import _ovr_decision_function
from threadpoolctl import threadpool_limits

from tasks.models.base.estimator import Inputs
from tasks.models.support_vectors import LinearSvmSettings, Svm
from tasks.models.svm import linear_svm

NAMES = np.array(["anger", "calm", "fear", "joy"])


@pytest.fixture
def liblinear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of rows is enough for liblinear."""
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 0)


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


def exported(mean: np.ndarray, scale: np.ndarray, svm: OneVsOneClassifier) -> bytes:
    return linear_svm.to_onnx(mean, scale, *linear_svm.coefficients(svm), svm.classes_.tolist())


def columns(svm: OneVsOneClassifier, features: np.ndarray) -> np.ndarray:
    """Decision values, one column per class."""
    values = svm.decision_function(features)
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_rows_per_class_pair_choose_the_solver(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weights = drawn(1, n_classes, n=120)
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 2 * 120 / n_classes)
    assert isinstance(linear_svm.fit(features, labels, 0.1, weights=weights), OneVsOneClassifier)
    svc = linear_svm.fit(features[1:], labels[1:], 0.1, class_weight="balanced", weights=weights[1:])
    expected = SVC(kernel="linear", C=0.1, class_weight="balanced").fit(features[1:], labels[1:], weights[1:])
    assert linear_svm.coefficients(svc)[0].tolist() == expected.coef_.tolist()
    assert linear_svm.coefficients(svc)[1].tolist() == expected.intercept_.tolist()


def test_the_hinge_loss_gives_way_where_its_solver_needs_too_many_passes(
    liblinear: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, _ = drawn(1, 3)
    monkeypatch.setattr(linear_svm, "HINGE_LIMIT", 0.1 * 100)
    assert linear_svm.fit(features, labels, 0.1).estimator.loss == "hinge"
    squared = linear_svm.fit(features, labels, 0.11).estimator
    assert (squared.loss, squared.dual, squared.C) == ("squared_hinge", False, 0.055)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_liblinear_comes_near_the_planes_of_svc(
    liblinear: None, n_classes: int, class_weight: str | None, weighted: bool
) -> None:
    features, labels, weights = drawn(3, n_classes, n=600 * n_classes)
    given = weights if weighted else None
    planes = linear_svm.coefficients(linear_svm.fit(features, labels, 0.1, class_weight=class_weight, weights=given))
    svc = SVC(kernel="linear", C=0.1, class_weight=class_weight).fit(features, labels, given)
    for ours, theirs in zip(planes, (svc.coef_, svc.intercept_), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=0.1)


def compared(n_classes: int, c: float) -> tuple[float, float]:
    """Macro F1 of liblinear and of `SVC` on held-out rows, in points."""
    features, labels = correlated(7200, n_classes)
    train, test = slice(2400), slice(2400, None)
    svm, svc = linear_svm.fit(features[train], labels[train], c), SVC(kernel="linear", C=c)
    assert isinstance(svm, OneVsOneClassifier)
    predicted = (machine.predict(features[test]) for machine in (svm, svc.fit(features[train], labels[train])))
    ours, theirs = (100 * f1_score(labels[test], one, average="macro") for one in predicted)
    return float(ours), float(theirs)


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("c", [0.01, 0.1])
def test_macro_f1_is_within_half_a_point_of_svc(n_classes: int, c: float) -> None:
    ours, theirs = compared(n_classes, c)
    assert abs(ours - theirs) < 0.5


@pytest.mark.parametrize("n_classes", [3, 4])
def test_the_squared_hinge_loss_is_not_worse_than_svc(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_svm, "HINGE_LIMIT", 1000)
    ours, theirs = compared(n_classes, 1.0)
    assert ours > theirs - 0.5


@pytest.mark.parametrize("c", [0.01, 100.0])
def test_the_same_planes_for_any_number_of_threads(liblinear: None, c: float) -> None:
    features, labels = correlated(900)
    fitted = []
    for threads in (1, 4, 4):
        with threadpool_limits(threads):
            fitted.append(linear_svm.coefficients(linear_svm.fit(features, labels, c)))
    assert len({(weights.tobytes(), intercepts.tobytes()) for weights, intercepts in fitted}) == 1


def test_too_few_passes_are_reported(liblinear: None) -> None:
    features, labels, _ = drawn(2, 2)
    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        linear_svm.fit(features * [1, 1, 1, 1, 1, 1000], labels, 1.0)


def test_a_row_of_weight_0_has_no_effect(liblinear: None) -> None:
    features, labels, weights = drawn(1, 3)
    weights[::3] = 0
    kept = weights > 0
    some, others = (
        linear_svm.coefficients(linear_svm.fit(features[rows], labels[rows], 0.1, weights=weights[rows]))
        for rows in (slice(None), kept)
    )
    assert some[0].tolist() == others[0].tolist()


def test_balanced_classes_have_the_same_total_weight(liblinear: None) -> None:
    features, labels, weights = drawn(1, 3)
    factors = compute_sample_weight("balanced", labels) * weights
    balanced = linear_svm.fit(features, labels, 0.1, class_weight="balanced", weights=weights)
    by_hand = linear_svm.fit(features, labels, 0.1, weights=factors)
    assert linear_svm.coefficients(balanced)[0].tolist() == linear_svm.coefficients(by_hand)[0].tolist()


def test_a_single_class_is_refused(liblinear: None) -> None:
    features, labels, weights = drawn(1, 2)
    with pytest.raises(ValueError, match="only one class"):
        linear_svm.fit(features, np.full(labels.size, "calm"), 0.1)
    with pytest.raises(ValueError, match=r"found none in \['anger'\]"):
        linear_svm.fit(features, labels, 0.1, weights=np.where(labels == "calm", weights, 0))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_onnx_scales_and_decides_alike_and_is_small(liblinear: None, n_classes: int) -> None:
    features, labels, weights = drawn(7, n_classes)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    svm = linear_svm.fit((features - mean) / scale, labels, 0.1, weights=weights)
    model = exported(mean, scale, svm)
    assert model == exported(mean, scale, svm)
    assert len(model) < 3000
    label, values = run(model, features)
    assert label == svm.predict((features - mean) / scale).tolist()
    planes, intercepts = linear_svm.coefficients(svm)
    decision = (features - mean) / scale @ planes[0] + intercepts[0]
    expected = columns(svm, (features - mean) / scale) if n_classes > 2 else np.stack([-decision, decision], axis=1)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    no_labels, no_values = run(model, features[:0])
    assert no_labels == [] and no_values.shape == (0, n_classes)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_votes_values_and_ties_in_onnx_are_scikit_learns(liblinear: None, n_classes: int) -> None:
    """On a grid of points with round weights pairs tie, and decisions are exactly 0."""
    features, labels, _ = drawn(7, n_classes, n_features=2)
    svm = linear_svm.fit(features, labels, 0.1)
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [2.0, -1.0], [0.0, -1.0]])
    for machine, weight, bias in zip(svm.estimators_, weights, (0.0, 1.0, 0.0, -1.0, 0.0, 0.0), strict=False):
        machine.coef_, machine.intercept_ = weight[None], np.array([bias])
    points = np.array([[x, y] for x in range(-3, 4) for y in range(-3, 4)], dtype=np.float64)
    decisions = np.stack([machine.decision_function(points) for machine in svm.estimators_], axis=1)
    assert (decisions == 0).any()
    label, values = run(exported(np.zeros(2), np.ones(2), svm), points)
    assert label == svm.predict(points).tolist()
    expected = np.concatenate([-decisions, decisions], axis=1)
    if n_classes > 2:
        expected = _ovr_decision_function(decisions > 0, decisions, n_classes)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_ties_go_to_the_first_class_on_request(liblinear: None) -> None:
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
