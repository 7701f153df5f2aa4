"""Linear models and SVMs: the arrays that are kept say what scikit-learn says."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.utils.multiclass import _ovr_decision_function

from tasks.core.errors import ConfigError
from tasks.models import classical, support_vectors
from tasks.models.base import array_files, registry
from tasks.models.base.estimator import Inputs
from tasks.models.svm import linear_svm


def drawn(n_classes: int, n: int = 150, n_features: int = 5) -> tuple[Inputs, np.ndarray]:
    rng = np.random.default_rng(n_classes)
    codes = rng.integers(0, n_classes, n)
    features = rng.standard_normal((n, n_features)) + rng.standard_normal((n_classes, n_features))[codes]
    return Inputs(rng.integers(0, 9, n).astype(str), {"f": features}), np.array([f"class-{code}" for code in codes])


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("balanced", ["none", "balanced"])
def test_logistic_regression_is_scikit_learns(n_classes: int, balanced: str) -> None:
    inputs, target = drawn(n_classes)
    weights = np.random.default_rng(0).uniform(0.2, 1.8, target.size)
    settings = classical.LogisticSettings(c=0.3, class_weight=balanced)
    fitted = classical.Logistic(settings).fit(inputs, target, weights=weights)
    theirs = LogisticRegression(C=0.3, max_iter=2000, class_weight=None if balanced == "none" else balanced)
    theirs.fit(inputs.matrix(), target, sample_weight=weights)
    np.testing.assert_allclose(fitted.scores(inputs), theirs.predict_proba(inputs.matrix()), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_svms_decide_as_scikit_learn_does(n_classes: int, kernel: str) -> None:
    inputs, target = drawn(n_classes)
    weights = np.random.default_rng(0).uniform(0.2, 1.8, target.size)
    model = registry.model(f"{kernel}-svm")
    fitted = model.make(model.settings(c=0.5), 0).fit(inputs, target, weights=weights)
    theirs = SVC(kernel=kernel, C=0.5, break_ties=n_classes > 2).fit(inputs.matrix(), target, sample_weight=weights)
    scores, expected = fitted.scores(inputs), theirs.decision_function(inputs.matrix())
    if n_classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-9)
    assert np.array(fitted.outputs_)[scores.argmax(axis=1)].tolist() == theirs.predict(inputs.matrix()).tolist()


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("balanced", ["none", "balanced"])
def test_a_linear_svm_over_many_rows_scores_as_scikit_learn_does(
    n_classes: int, balanced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 0)
    monkeypatch.setattr(linear_svm, "ROWS_PER_FEATURE", 0)
    inputs, target = drawn(n_classes)
    weights = np.random.default_rng(0).uniform(0.2, 1.8, target.size)
    settings = support_vectors.LinearSvmSettings(c=0.5, class_weight=balanced)
    fitted = support_vectors.Svm(settings).fit(inputs, target, weights=weights)
    asked = None if balanced == "none" else balanced
    planes = linear_svm.fit(inputs.matrix(), target.astype(str), 0.5, class_weight=asked, weights=weights)
    decisions = inputs.matrix() @ planes[0].T + planes[1]
    expected = np.concatenate([-decisions, decisions], axis=1)
    if n_classes > 2:
        # scikit-learn's decisions above 0 are for the second class of a pair
        expected = _ovr_decision_function(decisions < 0, -decisions, n_classes)
    np.testing.assert_allclose(fitted.scores(inputs), expected, atol=1e-9)
    loaded = registry.model("linear-svm").load(settings, fitted.files())
    assert loaded.scores(inputs).tolist() == fitted.scores(inputs).tolist()


def test_many_rows_score_as_few_do() -> None:
    inputs, target = drawn(3)
    fitted = support_vectors.Svm(support_vectors.RbfSvmSettings()).fit(inputs, target)
    many = np.tile(np.arange(150), 20)
    np.testing.assert_allclose(fitted.scores(inputs.rows(many)), np.tile(fitted.scores(inputs), (20, 1)), atol=1e-12)


def test_gamma_may_be_a_number() -> None:
    inputs, target = drawn(3)
    fitted = support_vectors.Svm(support_vectors.RbfSvmSettings(gamma=0.7)).fit(inputs, target)
    theirs = SVC(gamma=0.7).fit(inputs.matrix(), target)
    np.testing.assert_allclose(fitted.scores(inputs), theirs.decision_function(inputs.matrix()), atol=1e-9)


def test_labels_are_told_one_against_the_rest_and_a_label_that_never_varies_scores_the_same_everywhere() -> None:
    inputs, target = drawn(3)
    labels = np.stack([target == "class-0", target != "class-1", np.zeros(150), np.ones(150)], axis=1).astype(float)
    fitted = classical.Logistic(classical.LogisticSettings()).fit(inputs, labels)
    scores = fitted.scores(inputs)
    assert fitted.outputs_ == ("0", "1", "2", "3")
    for label in (0, 1):
        theirs = LogisticRegression().fit(inputs.matrix(), labels[:, label])
        np.testing.assert_allclose(scores[:, label], theirs.predict_proba(inputs.matrix())[:, 1], atol=1e-5)
    assert (scores[:, 2] == scores[0, 2]).all()
    assert 0 < scores[0, 2] < 0.01
    assert 0.99 < scores[0, 3] < 1
    assert len(fitted.notes_) == 2
    loaded = registry.model("logistic").load(classical.LogisticSettings(), fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), scores)


def test_ridge_finds_the_line_and_weights_bend_it() -> None:
    rng = np.random.default_rng(2)
    features = rng.standard_normal((80, 3))
    values = features @ [1.0, -2.0, 0.5] + 3
    inputs = Inputs(np.array(["a"] * 80), {"f": features})
    model = registry.model("ridge")
    fitted = model.make(model.settings(alpha=1e-6), 0).fit(inputs, values)
    assert fitted.outputs_ == ("value",)
    np.testing.assert_allclose(fitted.scores(inputs)[:, 0], values, atol=1e-5)
    loaded = model.load(model.settings(), fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    wrong = np.arange(80) < 50
    weights = np.where(wrong, 1e-9, 1.0)
    bent = model.make(model.settings(alpha=1e-6), 0).fit(inputs, np.where(wrong, 0, values), weights=weights)
    np.testing.assert_allclose(bent.scores(inputs)[:, 0], values, atol=1e-3)


def test_ridge_over_several_values_is_a_ridge_for_each() -> None:
    rng = np.random.default_rng(2)
    features = rng.standard_normal((80, 3))
    # zeros and ones alone, as labels have them
    values = (features @ rng.standard_normal((3, 4)) > 0).astype(float)
    inputs, weights = Inputs(np.array(["a"] * 80), {"f": features}), rng.uniform(0.2, 1.8, 80)
    model = registry.model("ridge")
    fitted = model.make(model.settings(alpha=2.0), 0).fit(inputs, values, weights=weights, task="values")
    assert fitted.outputs_ == ("0", "1", "2", "3")
    for column in range(4):
        alone = model.make(model.settings(alpha=2.0), 0).fit(inputs, values[:, column], weights=weights)
        np.testing.assert_allclose(fitted.scores(inputs)[:, column], alone.scores(inputs)[:, 0], atol=1e-10)
    loaded = model.load(model.settings(), fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_least_squares_are_those_of_a_value_for_each_class(n_classes: int) -> None:
    inputs, target = drawn(n_classes)
    weights = np.random.default_rng(3).uniform(0.2, 1.8, len(target))
    model, values = registry.model("ridge-classifier"), registry.model("ridge")
    fitted = model.make(model.settings(alpha=2.0), 0).fit(inputs, target, weights=weights)
    assert fitted.outputs_ == tuple(np.unique(target))
    scores = fitted.scores(inputs)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    expected = []
    for name in fitted.outputs_:
        signs = np.where(target == name, 1.0, -1.0)
        alone = values.make(values.settings(alpha=2.0), 0).fit(inputs, signs, weights=weights)
        expected.append(np.exp(alone.scores(inputs)[:, 0]))
    np.testing.assert_allclose(scores, np.transpose(expected / np.sum(expected, axis=0)), atol=1e-10)
    loaded = model.load(model.settings(), fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), scores)


def test_least_squares_with_balanced_classes_call_the_rare_class() -> None:
    rng = np.random.default_rng(4)
    features = np.concatenate([rng.normal(0, 1, (190, 2)), rng.normal(1.5, 1, (10, 2))])
    target = np.array(["common"] * 190 + ["rare"] * 10)
    inputs, model = Inputs(target, {"f": features}), registry.model("ridge-classifier")
    called = {
        weight: (
            model.make(model.settings(class_weight=weight), 0).fit(inputs, target).scores(inputs).argmax(1) == 1
        ).sum()
        for weight in ("none", "balanced")
    }
    assert called["none"] < 5 < called["balanced"]


def test_versions_of_an_utterance_are_rows_whose_scores_are_averaged() -> None:
    rng = np.random.default_rng(8)
    target = np.repeat(np.array(["a", "b", "c"]), 12)
    plain = rng.normal(size=(36, 5)) + np.eye(3, 5)[np.searchsorted(["a", "b", "c"], target)]
    fast = plain + rng.normal(0.3, 0.2, (36, 5))
    weights = rng.uniform(0.5, 1.5, 36)
    model = registry.model("ridge-classifier")
    settings, joined = model.settings(alpha=3.0, blocks="versions"), model.settings(alpha=3.0)
    both = Inputs(target, {"plain": plain, "fast": fast})
    fitted = model.make(settings, 0).fit(both, target, weights=weights)
    stacked = Inputs(np.tile(target, 2), {"f": np.concatenate([plain, fast])})
    expected = model.make(joined, 0).fit(stacked, np.tile(target, 2), weights=np.tile(weights / 2, 2))
    alone = [expected.scores(Inputs(target, {"f": version})) for version in (plain, fast)]
    np.testing.assert_allclose(fitted.scores(both), np.mean(alone, axis=0), atol=1e-12)
    np.testing.assert_array_equal(model.load(settings, fitted.files()).scores(both), fitted.scores(both))
    # the same version twice: as often as once
    single = model.make(joined, 0).fit(Inputs(target, {"f": plain}), target).scores(Inputs(target, {"f": plain}))
    twice = Inputs(target, {"one": plain, "two": plain})
    np.testing.assert_allclose(model.make(settings, 0).fit(twice, target).scores(twice), single, atol=1e-10)
    with pytest.raises(ConfigError, match="different widths: plain 5, fast 4"):
        model.make(settings, 0).fit(Inputs(target, {"plain": plain, "fast": fast[:, 1:]}), target)


def test_what_does_not_converge_is_noted_and_kept() -> None:
    inputs, target = drawn(3)
    fitted = classical.Logistic(classical.LogisticSettings(max_iter=2)).fit(inputs, target)
    assert len(fitted.notes_) == 1
    assert "failed to converge" in fitted.notes_[0]
    loaded = registry.model("logistic").load(classical.LogisticSettings(), fitted.files())
    assert loaded.notes_ == fitted.notes_


def test_other_warnings_are_passed_on() -> None:
    with pytest.warns(UserWarning, match="mind this"), warnings.catch_warnings():
        warnings.simplefilter("always")
        with classical.noted() as notes:
            warnings.warn("mind this", UserWarning, stacklevel=1)
    assert notes == []


def test_rows_of_another_width_are_refused() -> None:
    inputs, target = drawn(3)
    narrow = Inputs(inputs.units, {"f": inputs.vectors["f"][:, 1:]})
    for name in ("logistic", "linear-svm", "rbf-svm"):
        model = registry.model(name)
        fitted = model.make(model.settings(), 0).fit(inputs, target)
        with pytest.raises(ValueError, match=r"expected features of shape \(n_rows, 5\), found \(150, 4\)"):
            fitted.scores(narrow)


def test_arrays_come_back_as_they_were_whatever_their_layout() -> None:
    across = np.arange(6.0).reshape(2, 3).T
    files = array_files.to_files({"b": 0.1, "a": "é"}, {"across": across, "strided": np.arange(10)[::3]})
    card, kept = array_files.from_files(files)
    np.testing.assert_array_equal(kept["across"], across)
    np.testing.assert_array_equal(kept["strided"], [0, 3, 6, 9])
    assert card == {"a": "é", "b": 0.1}
    assert files == array_files.to_files({"a": "é", "b": 0.1}, {"strided": np.arange(10)[::3], "across": across})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: classical.LogisticSettings(c=0), "c must be above 0, found 0"),
        (lambda: classical.LogisticSettings(c=float("nan")), "c must be above 0"),
        (lambda: classical.LogisticSettings(max_iter=0), "max_iter must be above 0"),
        (lambda: support_vectors.LinearSvmSettings(c=-1), "c must be above 0"),
        (lambda: support_vectors.RbfSvmSettings(gamma=0), "gamma must be above 0"),
        (lambda: classical.RidgeSettings(alpha=0), "alpha must be above 0"),
    ],
)
def test_impossible_settings_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
