"""Scores: equal to scikit-learn's, intervals where there are groups, and no score where none is defined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from tasks.evaluation.scores import Bootstrap
from tasks.experiments import scoring
from tasks.experiments.scoring import Run

BOOTSTRAP = Bootstrap(500, 0.95, 3)
CLASSES = ("a", "b", "c")


def classes_run(n: int = 300, skill: float = 1.0, seed: int = 1, n_groups: int = 10) -> Run:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    noise = rng.normal(size=(n, 3))
    noise[np.arange(n), codes] += skill
    probabilities = np.exp(noise) / np.exp(noise).sum(axis=1, keepdims=True)
    groups = np.array([f"g{k % n_groups}" for k in range(n)])
    return Run(np.array([f"c/{k}" for k in range(n)]), np.array(CLASSES)[codes], probabilities, groups, codes % 2)


def test_classes_as_scikit_learn_has_them() -> None:
    run = classes_run()
    found = scoring.of_classes([run], CLASSES, BOOTSTRAP, per_fold=False)
    said = scoring.predicted(run.scores, CLASSES)
    assert found["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(run.actual, said))
    assert found["uar"]["value"] == pytest.approx(metrics.balanced_accuracy_score(run.actual, said))
    assert found["weighted_f1"]["value"] == pytest.approx(metrics.f1_score(run.actual, said, average="weighted"))
    auc = metrics.roc_auc_score(run.actual, run.scores, multi_class="ovr", average="macro", labels=CLASSES)
    assert found["auc"]["macro"] == pytest.approx(auc)
    assert found["uar"]["low"] < found["uar"]["value"] < found["uar"]["high"]


def test_folds_are_averaged_where_the_protocol_says_so() -> None:
    run = classes_run()
    found = scoring.of_classes([run], CLASSES, BOOTSTRAP, per_fold=True)
    said = scoring.predicted(run.scores, CLASSES)
    each = [
        metrics.recall_score(
            run.actual[run.fold == k], said[run.fold == k], labels=np.unique(run.actual[run.fold == k]), average="macro"
        )
        for k in (0, 1)
    ]
    assert found["uar"]["value"] == pytest.approx(np.mean(each))
    assert min(each) <= found["uar"]["low"] <= found["uar"]["high"] <= max(each)


def test_seeds_are_averaged() -> None:
    one, two = classes_run(skill=0.2), classes_run(skill=4.0)
    values = [scoring.of_classes([run], CLASSES, BOOTSTRAP, per_fold=False)["uar"]["value"] for run in (one, two)]
    both = scoring.of_classes([one, two], CLASSES, BOOTSTRAP, per_fold=False)
    assert both["uar"]["value"] == pytest.approx(np.mean(values))


def test_roc_curves_run_from_corner_to_corner() -> None:
    rows = scoring.roc([classes_run()], CLASSES)
    for name in CLASSES:
        mine = [row for row in rows if row["class"] == name]
        assert (mine[0]["false_positive_rate"], mine[-1]["true_positive_rate"]) == (0.0, 1.0)
        assert len(mine) <= 200


def test_curves_and_areas_are_those_of_scikit_learn_to_the_last_bit() -> None:
    for skill, decimals in ((1.0, 9), (0.5, 1), (9.0, 2)):
        run = classes_run(150, skill)
        # rounded, so that scores are tied
        run = replace(run, scores=run.scores.round(decimals))
        areas = scoring.of_classes([run], CLASSES, BOOTSTRAP, per_fold=False)["auc"]["per_class"]
        rows = scoring.roc([run], CLASSES)
        for column, name in enumerate(CLASSES):
            false, true, _ = metrics.roc_curve(run.actual == name, run.scores[:, column])
            mine = [row for row in rows if row["class"] == name]
            assert [row["false_positive_rate"] for row in mine] == false.tolist()
            assert [row["true_positive_rate"] for row in mine] == true.tolist()
            assert areas[name] == metrics.roc_auc_score(run.actual == name, run.scores[:, column])


def test_a_class_that_never_occurs_has_no_curve() -> None:
    run = classes_run()
    kept = run.actual != "c"
    without = Run(run.ids[kept], run.actual[kept], run.scores[kept], run.groups[kept], run.fold[kept])
    assert {row["class"] for row in scoring.roc([without], CLASSES)} == {"a", "b"}
    assert scoring.of_classes([without], CLASSES, BOOTSTRAP, per_fold=False)["auc"]["per_class"]["c"] is None


def test_labels_as_scikit_learn_has_them() -> None:
    rng = np.random.default_rng(2)
    actual = (rng.uniform(size=(200, 4)) < 0.3).astype(float)
    found = np.clip(actual * 0.4 + rng.uniform(size=actual.shape) * 0.6, 0, 1)
    run = Run(np.arange(200).astype(str), actual, found, np.arange(200).astype(str), np.zeros(200, dtype=int))
    scores = scoring.of_labels([run], ["w", "x", "y", "z"], BOOTSTRAP)
    called = found > 0.5
    assert scores["micro_f1"]["value"] == pytest.approx(metrics.f1_score(actual, called, average="micro"))
    assert scores["macro_f1"]["value"] == pytest.approx(metrics.f1_score(actual, called, average="macro"))
    assert scores["accuracy"]["value"] == pytest.approx((actual == called).mean())
    expected = metrics.precision_recall_fscore_support(actual, called)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [of_label[name] for of_label in scores["per_label"].values()] == pytest.approx(values)
    assert scores["micro_f1"]["low"] < scores["micro_f1"]["value"] < scores["micro_f1"]["high"]


def test_values() -> None:
    rng = np.random.default_rng(2)
    actual = rng.integers(-3, 4, 400).astype(float)
    found = actual + rng.normal(size=400)
    run = Run(np.arange(400).astype(str), actual, found[:, None], np.arange(400).astype(str), np.zeros(400, dtype=int))
    scores = scoring.of_values([run], BOOTSTRAP)
    assert scores["mae"]["value"] == pytest.approx(np.abs(actual - found).mean())
    assert scores["correlation"]["value"] == pytest.approx(np.corrcoef(actual, found)[0, 1])
    rated = actual != 0
    assert scores["acc2"]["value"] == pytest.approx(((actual > 0) == (found > 0))[rated].mean())
    assert scores["acc7"]["value"] == pytest.approx((np.rint(np.clip(found, -3, 3)) == actual).mean())


def test_a_single_group_has_no_interval() -> None:
    run = classes_run(n_groups=1)
    assert scoring.of_classes([run], CLASSES, BOOTSTRAP, per_fold=False)["uar"]["low"] is None


@pytest.mark.parametrize(("scores", "filled"), [([[0.4, 0.6]], 0.0), ([[-0.5, 0.6]], -1.5)])
def test_a_class_unknown_in_training_scores_lowest(scores: list[list[float]], filled: float) -> None:
    found = scoring.aligned(np.array(scores), ("a", "c"), CLASSES)
    assert found.tolist() == [[scores[0][0], filled, scores[0][1]]]


@pytest.mark.parametrize("by", ["uar", "macro_f1", "weighted_f1", "accuracy"])
def test_better_is_judged_better(by: str) -> None:
    good, bad = classes_run(skill=4.0), classes_run(skill=0.0)
    assert scoring.judged(good.actual, good.scores, CLASSES, by) > scoring.judged(bad.actual, bad.scores, CLASSES, by)


def test_a_smaller_error_is_judged_better() -> None:
    actual = np.array([1.0, 2.0])
    near, far = np.array([[1.1], [2.0]]), np.array([[0.0], [0.0]])
    assert scoring.judged(actual, near, ("v",), "mae") > scoring.judged(actual, far, ("v",), "mae")


EMOTIONS = ("happiness", "fear")
ACTUAL = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1 / 3], [3.0, 0.0]])


def several(given: np.ndarray, actual: np.ndarray = ACTUAL, groups: str = "aabb") -> Run:
    n = len(actual)
    return Run(np.arange(n).astype(str), actual, given, np.array(list(groups)), np.zeros(n, dtype=int))


def test_several_values_with_an_error_that_is_set() -> None:
    scores = scoring.of_several_values([several(ACTUAL + np.array([0.5, -0.1]))], EMOTIONS, BOOTSTRAP)
    of = scores["per_value"]
    assert [of[name]["mse"]["value"] for name in EMOTIONS] == pytest.approx([0.25, 0.01])
    assert [of[name]["mae"]["value"] for name in EMOTIONS] == pytest.approx([0.5, 0.1])
    assert [of[name]["correlation"]["value"] for name in EMOTIONS] == pytest.approx([1.0, 1.0])
    assert scores["mse"]["value"] == pytest.approx(0.13)
    assert scores["mae"]["value"] == pytest.approx(0.3)
    assert (scores["mse"]["low"], scores["mse"]["high"]) == (pytest.approx(0.13), pytest.approx(0.13))
    reversed_ = scoring.of_several_values([several(3 - ACTUAL)], EMOTIONS, BOOTSTRAP)
    assert reversed_["correlation"]["value"] == pytest.approx(-1.0)


def test_a_value_that_is_the_same_everywhere_has_no_correlation() -> None:
    scores = scoring.of_several_values([several(np.zeros((4, 2)))], EMOTIONS, BOOTSTRAP)
    assert scores["correlation"]["value"] == 0.0
    assert scores["mse"]["value"] == pytest.approx((ACTUAL**2).mean())


def test_an_emotion_is_there_above_zero_and_predicted_above_the_threshold() -> None:
    given = np.array([[0.4, 0.6], [0.4, 0.4], [0.6, 0.4], [0.0, 0.0]])
    scores = scoring.of_several_values([several(given)], EMOTIONS, BOOTSTRAP)
    low, high = (scores["per_label_above"][bound] for bound in ("0.3", "0.5"))
    assert [low[name]["support"] for name in EMOTIONS] == [high[name]["support"] for name in EMOTIONS] == [3, 1]
    assert [low["happiness"][name] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert [high["happiness"][name] for name in ("precision", "recall", "f1")] == pytest.approx([1.0, 1 / 3, 0.5])
    assert [low["fear"][name] for name in ("precision", "recall", "f1")] == pytest.approx([1 / 3, 1.0, 0.5])
    assert high["fear"]["f1"] == 0.0
    for digits, bound in (("03", 0.3), ("05", 0.5)):
        for average in ("micro", "macro"):
            expected = metrics.f1_score(ACTUAL > 0, given > bound, average=average)
            assert scores[f"{average}_f1_{digits}"]["value"] == pytest.approx(expected)
        assert scores[f"accuracy_{digits}"]["value"] == pytest.approx(((ACTUAL > 0) == (given > bound)).mean())


def test_several_values_have_the_scores_of_each_alone() -> None:
    rng = np.random.default_rng(4)
    actual = rng.integers(0, 10, (200, 2)) / 3
    given = actual + rng.normal(size=actual.shape)
    groups = np.arange(200).astype(str)
    run = Run(groups, actual, given, groups, np.zeros(200, dtype=int))
    scores = scoring.of_several_values([run], EMOTIONS, BOOTSTRAP)
    for k, name in enumerate(EMOTIONS):
        alone = Run(groups, actual[:, k], given[:, [k]], groups, run.fold)
        one = scoring.of_values([alone], BOOTSTRAP)
        for measure in ("mae", "correlation"):
            for bound in ("value", "low", "high"):
                assert scores["per_value"][name][measure][bound] == pytest.approx(one[measure][bound])


@pytest.mark.parametrize("by", ["mse", "mae"])
def test_a_smaller_error_of_several_values_is_judged_better(by: str) -> None:
    near, far = (scoring.judged(ACTUAL, ACTUAL + error, EMOTIONS, by) for error in (0.1, 0.2))
    assert near == pytest.approx(-0.01 if by == "mse" else -0.1)
    assert near > far
