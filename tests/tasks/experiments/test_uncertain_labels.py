"""Labels with weights: voters' probabilities count in training, shuffled labels carry theirs, ratings' shares do not.

The recipe `source` is compared with its parts as scikit-learn and imbalanced-learn have them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tasks.core import paths, tables
from tasks.core.config import Config, Experiment
from tasks.experiments import data as experiment_data
from tasks.experiments import fitted_model, fitting, plan, recipe_book
from tasks.experiments.fit_item import SHUFFLED, Fit
from tasks.experiments.folds import split_of
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
SPEAKERS, TURNS = 8, 9


def weigh(label_source: str = "model", *, uncertain: bool = True) -> None:
    """Give the labels of the toy corpus a source, and weights that differ from row to row; drop half of one class."""
    path = paths.utterances("toy")
    table = tables.read(path, tables.UTTERANCES)
    weights = np.random.default_rng(8).uniform(0.4, 1.0, len(table)) if uncertain else np.ones(len(table))
    pairs = enumerate(table["sentiment"].to_pylist())
    sentiments = [None if name == "positive" and number % 2 else name for number, name in pairs]
    columns = {
        "weight": pa.array(weights),
        "label_source": pa.array([label_source] * len(table)),
        "sentiment": pa.array(sentiments, pa.string()),
    }
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), tables.UTTERANCES.field(name), column)
    tables.write(table, path, tables.UTTERANCES)


def source(toy: Toy, **changed: Any) -> Config:
    """The recipe `source` of the book, on features of the toy corpus."""
    config = toy(strength=0.8)
    _, entries = recipe_book.entries("interviews", "source", "toy")
    entry = {**entries["toy-source"], "features": ["toy-voice"], **changed}
    return config.model_copy(update={"experiments": {"trial": Experiment(**entry)}})


def test_the_source_is_standardisation_smote_and_a_weighted_linear_svm(toy: Toy) -> None:
    config = source(toy)
    weigh()
    recipe = plan.plan("trial", config)
    data = experiment_data.load(recipe)
    (split,) = recipe.protocol.folds(data.columns, data.strata, 7)
    assert data.weights is not None
    point = 2
    fitted = fitted_model.train(recipe, data.inputs, data.target, split, weights=data.weights, point=point, seed=7)

    rows, labels = data.inputs.matrix()[split.train], data.target[split.train]
    weights = data.weights[split.train]
    scaler = StandardScaler().fit(rows)
    balanced, classes = SMOTE(k_neighbors=5, random_state=7).fit_resample(scaler.transform(rows), labels)
    assert len(balanced) > len(rows)
    means = {name: weights[labels == name].mean() for name in set(labels)}
    factors = np.concatenate([weights, [means[name] for name in classes[len(rows) :]]])
    svm = SVC(kernel="linear", C=recipe.points[point]["c"], decision_function_shape="ovr")
    svm.fit(balanced, classes, factors)

    tested = data.inputs.rows(split.test)
    expected = svm.decision_function(scaler.transform(tested.matrix()))
    scores = fitted.scores(tested)
    assert np.unique(labels)[scores.argmax(axis=1)].tolist() == svm.predict(scaler.transform(tested.matrix())).tolist()
    tied = np.isclose(np.sort(scores, axis=1)[:, -1], np.sort(scores, axis=1)[:, -2], atol=1e-12)
    np.testing.assert_allclose(scores[~tied], expected[~tied], atol=1e-9)
    unweighted = fitted_model.train(recipe, data.inputs, data.target, split, weights=None, point=point, seed=7)
    assert not np.allclose(unweighted.scores(tested), expected, atol=1e-3)


def test_the_kept_model_is_onnx_as_well_and_scores_alike(toy: Toy) -> None:
    metrics = run(source(toy, shuffles=1))
    assert metrics["balance"] == "smote"
    folder = paths.experiment("trial") / "model"
    recipe = plan.plan("trial", source(toy, shuffles=1))
    data = experiment_data.load(recipe)
    (split,) = recipe.protocol.folds(data.columns, data.strata, 7)
    content = (folder / "model.onnx").read_bytes()
    rows = data.inputs.matrix()[split.test]
    label, scores = onnxruntime.InferenceSession(content).run(None, {"features": rows})
    stored = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    mine = [row for row in stored if row["variant"] == "recipe"]
    assert label.tolist() == [row["predicted"] for row in mine]
    expected = [[row[f"score {name}"] for name in data.outputs] for row in mine]
    np.testing.assert_allclose(scores, expected, atol=1e-9)


@pytest.mark.parametrize(("label_source", "uncertain"), [("listeners", True), ("consensus", False)])
def test_shares_of_raters_and_certain_labels_weigh_nothing(toy: Toy, label_source: str, uncertain: bool) -> None:
    recipe = plan.plan("trial", source(toy))
    weigh("corpus", uncertain=False)
    plain = experiment_data.load(recipe)
    weigh(label_source, uncertain=uncertain)
    again = experiment_data.load(recipe)
    assert again.weights is None
    assert again.digest == plain.digest


def test_the_weights_are_part_of_the_key_of_a_fit(toy: Toy) -> None:
    recipe = plan.plan("trial", source(toy))
    weigh("model", uncertain=False)
    certain = experiment_data.load(recipe)
    weigh("model")
    assert experiment_data.load(recipe).digest != certain.digest


def test_shuffled_labels_keep_their_weights(toy: Toy) -> None:
    config = source(toy)
    weigh()
    recipe = plan.plan("trial", config)
    data = experiment_data.load(recipe)
    assert data.weights is not None
    item = Fit(recipe, data.digest, "", 0, 7, variant=SHUFFLED, number=1)
    split = split_of(item, data)
    labels, weights = fitting._labels(item, data, split)
    assert weights is not None
    assert not (labels == data.target).all()
    for part in (split.train, split.test):
        before = sorted(zip(data.target[part], data.weights[part], strict=True))
        assert sorted(zip(labels[part], weights[part], strict=True)) == before
    assert (labels[split.test] == data.target[split.test]).all()
    plain, _ = fitting._labels(replace(item, variant="recipe"), data, split)
    assert plain is data.target
