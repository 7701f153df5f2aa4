"""Ways to balance: what they promise of the training part, and that they touch nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.experiments import balancing

LABELS = np.array(["a"] * 30 + ["b"] * 12 + ["c"] * 6)


@pytest.mark.parametrize("form", [one for one in balancing.FORMS if one != "first-n"])
def test_every_way_is_parsed_and_works(form: str) -> None:
    way = balancing.parse(form)
    assert way.name == form
    if way.way == "new rows":
        features = np.random.default_rng(1).normal(size=(LABELS.size, 4))
        features[LABELS == "c"] += 1.0
        made, labels = way.sampler(LABELS, 3).fit_resample(features, LABELS)
        assert len(made) == len(labels) >= LABELS.size * 0.8
        assert np.unique(labels, return_counts=True)[1].min() > 6


def test_class_weights_weigh_classes_alike() -> None:
    weights = balancing.parse("class-weights").weights(LABELS)
    assert weights is not None
    assert weights.mean() == pytest.approx(1.0)
    sums = [weights[one == LABELS].sum() for one in "abc"]
    assert sums == pytest.approx([sums[0]] * 3)


def test_first_n_takes_the_first() -> None:
    assert balancing.parse("first-n(10)").rows(LABELS, 1).tolist() == [*range(10), *range(30, 40), *range(42, 48)]


def test_random_under_leaves_as_many_as_the_rarest_class_has() -> None:
    rows = balancing.parse("random-under").rows(LABELS, 1)
    assert np.unique(LABELS[rows], return_counts=True)[1].tolist() == [6, 6, 6]
    assert (rows == balancing.parse("random-under").rows(LABELS, 1)).all()


def test_random_over_repeats_rows() -> None:
    rows = balancing.parse("random-over").rows(LABELS, 1)
    assert np.unique(LABELS[rows], return_counts=True)[1].tolist() == [30, 30, 30]
    assert set(rows) == set(range(48))


def test_a_class_of_one_row_is_repeated() -> None:
    labels = np.array(["a"] * 8 + ["b"])
    made, balanced = balancing.parse("smote").sampler(labels, 1).fit_resample(np.arange(9.0)[:, None], labels)
    assert (balanced == "b").sum() == 8
    assert set(made[balanced == "b"].ravel()) == {8.0}


@pytest.mark.parametrize("kind", ["smote", "borderline-smote", "svm-smote", "adasyn", "smote-tomek"])
def test_interpolated_rows_weigh_as_much_as_their_class_does(kind: str) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(LABELS.size, 4)) + (LABELS == "c")[:, None]
    weights = np.where(LABELS == "b", 0.25, rng.uniform(0.5, 1.0, LABELS.size))
    rows, labels, balanced = balancing.parse(f"{kind}(3)").resampled(features, LABELS, weights, 3)
    assert balanced is not None
    own = {row.tobytes(): weight for row, weight in zip(features, weights, strict=True)}
    synthetic = np.array([row.tobytes() not in own for row in rows])
    assert synthetic.any()
    assert balanced[~synthetic].tolist() == [own[row.tobytes()] for row in rows[~synthetic]]
    means = {name: weights[name == LABELS].mean() for name in "abc"}
    assert balanced[synthetic].tolist() == [means[label] for label in labels[synthetic]]


def test_a_repeated_row_keeps_its_weight() -> None:
    labels = np.array(["a"] * 8 + ["b"])
    weights = np.linspace(0.1, 0.9, 9)
    rows, balanced, factors = balancing.parse("smote").resampled(np.arange(9.0)[:, None], labels, weights, 1)
    assert factors is not None
    assert factors.tolist() == [weights[int(row)] for row in rows.ravel()]
    assert (balanced == "b").sum() == 8


def test_class_weights_multiply_those_of_labels() -> None:
    given = np.random.default_rng(5).uniform(0.3, 1.0, LABELS.size)
    weights = balancing.parse("class-weights").weights(LABELS, given)
    assert weights is not None
    assert weights.mean() == pytest.approx(given.mean())
    assert [weights[name == LABELS].sum() for name in "abc"] == pytest.approx([given.sum() / 3] * 3)
    ratios = weights / given
    assert all(np.ptp(ratios[name == LABELS]) < 1e-12 for name in "abc")
    assert balancing.parse("none").weights(LABELS, given) is given


def test_the_number_of_neighbours_is_that_of_the_recipe_or_the_largest_possible() -> None:
    # the number in a search includes the row itself
    for form, n_neighbours in {"smote": 5, "smote(3)": 3, "smote(40)": 5}.items():
        assert balancing.parse(form).sampler(LABELS, 1).k_neighbors.n_neighbors == n_neighbours + 1
    assert balancing.parse("smote(3)").name == "smote(3)"


@pytest.mark.parametrize("form", ["smote(0)", "none(3)", "class-weights(1)", "first-n", "first-n(0)", "", "SMOTE!"])
def test_unknown_ways(form: str) -> None:
    with pytest.raises(ConfigError, match="found the balancing method"):
        balancing.parse(form)


@pytest.mark.parametrize("sizes", [(50, 20, 10), (40, 40, 12), (30, 3, 7), (25, 9)])
def test_smote_class_by_class_makes_the_same_rows(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    labels = rng.permutation(np.repeat(np.array(["a", "b", "c"])[: len(sizes)], sizes))
    features, balance = rng.normal(size=(labels.size, 4)), balancing.parse("smote")
    rows, classes = balance.sampler(labels, 3).fit_resample(features, labels)
    made, made_classes, _ = balance.resampled(features, labels, None, 3)
    assert np.array_equal(made, rows)
    assert np.array_equal(made_classes, classes)
