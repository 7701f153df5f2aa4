"""The classifier of the weak path: its ONNX file decides as scikit-learn does, and has the same bytes each time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.evaluation import balance, scores, splits
from tasks.models.svm import linear_svm, weak_svm

CLASSES = ["negative", "neutral", "positive"]
RECIPE = weak_svm.Recipe((0.001, 0.01, 0.1), folds=3, smote_neighbours=5, seed=7)


def drawn(n: int = 240, n_features: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    labels = rng.choice(CLASSES, n, p=[0.2, 0.5, 0.3])
    centres = {name: rng.standard_normal(n_features) * 0.5 for name in CLASSES}
    scale, shift = rng.uniform(0.001, 1000, n_features), rng.uniform(-100, 100, n_features)
    features = (rng.standard_normal((n, n_features)) + np.array([centres[label] for label in labels])) * scale + shift
    return features, labels, rng.integers(0, 12, n).astype(str)


def card() -> str:
    return json.dumps({"features": [f"f{i}" for i in range(30)], "classes": CLASSES})


def test_onnx_decides_as_scikit_learn_does() -> None:
    features, labels, _ = drawn()
    model = weak_svm.fit(weak_svm.Examples.alike(features[:200], labels[:200]), 0.01, RECIPE)
    predicted, values = weak_svm.Classifier(weak_svm.to_onnx(model), card()).predict(features)
    expected, decisions = weak_svm.decisions(model, features, CLASSES)
    assert predicted.tolist() == expected.tolist() == model.predict(features).tolist()
    np.testing.assert_allclose(values, decisions, atol=1e-3)


def test_the_same_data_give_the_same_bytes() -> None:
    features, labels, _ = drawn()
    first, second = (
        weak_svm.to_onnx(weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE)) for _ in range(2)
    )
    assert first == second


def test_many_rows_are_fitted_by_liblinear_and_decide_alike_in_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, _ = drawn(1200)
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 10**9)
    few = weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE)
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", 1000)
    many = weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE)
    assert weak_svm.described(few) == "StandardScaler → SVC(kernel='linear'); SMOTE on the training part"
    assert weak_svm.described(many).startswith("StandardScaler → OneVsOneClassifier(LinearSVC(loss='hinge'));")
    content = weak_svm.to_onnx(many)
    assert content == weak_svm.to_onnx(weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE))
    predicted, values = weak_svm.Classifier(content, card()).predict(features)
    expected, decisions = weak_svm.decisions(many, features, CLASSES)
    assert predicted.tolist() == expected.tolist()
    np.testing.assert_allclose(values, decisions, atol=1e-12)
    by_libsvm, theirs = weak_svm.Classifier(weak_svm.to_onnx(few), card()).predict(features)
    assert (predicted == by_libsvm).mean() > 0.99
    assert np.isclose(values, theirs, atol=0.05).mean() > 0.98


def test_both_graphs_have_the_same_inputs_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    features, labels, _ = drawn()
    signatures = []
    for many in (10**9, 1):
        monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", many)
        content = weak_svm.to_onnx(weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE))
        session = onnxruntime.InferenceSession(content)
        ends = (*session.get_inputs(), *session.get_outputs())
        signatures.append([(end.name, end.type, end.shape) for end in ends])
    assert signatures[0] == signatures[1]


@pytest.mark.parametrize("many", [10**9, 1])
def test_c_is_what_fitting_every_fold_for_every_c_chooses(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """A fold is scaled and balanced once; the scores are those of doing it anew each time."""
    monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", many)
    features, labels, groups = drawn()
    given = weak_svm.Examples(features, labels, np.random.default_rng(5).uniform(0.1, 1, labels.size))
    choice = weak_svm.choose_c(given, groups, RECIPE)
    folds = splits.group_k_fold(labels, groups, RECIPE.folds, RECIPE.seed)
    for c, macro_f1 in choice.macro_f1.items():
        predicted = labels.copy()
        for fold in folds:
            predicted[fold.test] = weak_svm.fit(given.rows(fold.train), c, RECIPE).predict(features[fold.test])
        pooled = scores.confusions(labels, predicted, np.zeros(labels.size, dtype=str), CLASSES)
        assert macro_f1 == scores.overall(pooled)["macro_f1"][0]


def test_a_fold_is_balanced_once_for_all_c(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, groups = drawn()
    made, smote = [], balance.smote
    monkeypatch.setattr(balance, "smote", lambda *asked: (made.append(1), smote(*asked))[1])
    weak_svm.choose_c(weak_svm.Examples.alike(features, labels), groups, RECIPE)
    assert len(made) == RECIPE.folds


def test_c_is_chosen_over_groups_and_says_what_gave_way() -> None:
    features, labels, groups = drawn()
    choice = weak_svm.choose_c(weak_svm.Examples.alike(features, labels), groups, RECIPE)
    assert set(choice.macro_f1) == set(RECIPE.c_grid)
    assert choice.macro_f1[choice.c] == max(choice.macro_f1.values())
    assert choice.warnings == ()
    few = np.where(np.isin(groups, ["0", "1", "2", "3", "4", "5"]), "a", "b")
    fewer = weak_svm.choose_c(weak_svm.Examples.alike(features, labels), few, RECIPE)
    assert any("2 folds instead of 3" in note for note in fewer.warnings)
    alone = weak_svm.choose_c(weak_svm.Examples.alike(features, labels), np.full(labels.size, "a"), RECIPE)
    assert alone.c == 0.01
    assert any("unsearched" in note for note in alone.warnings)


def test_wrong_width_is_refused_and_nothing_gives_nothing() -> None:
    features, labels, _ = drawn()
    classifier = weak_svm.Classifier(
        weak_svm.to_onnx(weak_svm.fit(weak_svm.Examples.alike(features, labels), 0.01, RECIPE)), card()
    )
    with pytest.raises(ValueError, match=r"expected features of shape \(n, 30\), found \(3, 29\)"):
        classifier.predict(features[:3, 1:])
    predicted, values = classifier.predict(features[:0])
    assert predicted.shape == (0,)
    assert values.shape == (0, 3)


def test_rows_that_count_for_little_decide_little() -> None:
    """Half of the labels are wrong; what they are worth says which half is believed."""
    features, labels, _ = drawn()
    wrong = np.roll(np.array(CLASSES), 1)[[CLASSES.index(label) for label in labels]]
    half = np.arange(labels.size) % 2 == 0
    given = np.where(half, labels, wrong)
    believed, doubted = (
        weak_svm.fit(weak_svm.Examples(features, given, np.where(half, weight, 1.01 - weight)), 0.01, RECIPE)
        for weight in (1.0, 0.01)
    )
    right = [float((model.predict(features) == labels).mean()) for model in (believed, doubted)]
    assert right[0] > 0.9 > 0.1 > right[1]


def test_what_smote_makes_counts_as_its_class_and_a_repeated_row_as_itself() -> None:
    rng = np.random.default_rng(3)
    labels = np.array(["a"] * 6 + ["b"] * 3)
    weights = np.array([1.0] * 6 + [0.2, 0.4, 0.6])
    interpolating, repeating = balance.smote(labels, 2, 0), balance.smote(labels, 0, 0)
    for sampler in (interpolating, repeating):
        features, balanced = sampler.fit_resample(rng.standard_normal((9, 2)), labels)
        found = balance.weights(sampler, labels, balanced, weights)
        assert found[:9].tolist() == weights.tolist()
        assert len(found) == len(features) == 12
    assert balance.weights(interpolating, labels, balanced, weights)[9:] == pytest.approx([0.4] * 3)
    assert set(found[9:]) <= {0.2, 0.4, 0.6}
