"""Train: folds by video, nothing learned from the test part, the same model twice, and clear words for too little."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import LeakError, NotEnoughData
from tasks.experiments.weak_path import training_rows
from tasks.models.svm import linear_svm, weak_svm
from tasks.models.svm.weak_svm import Classifier
from tasks.stages import acoustic, segments, train


@pytest.fixture
def featured(captioned: Callable[..., None], settings: Config) -> Callable[..., Config]:
    """A project up to its features, with a small grid."""

    def make(*arguments: int) -> Config:
        captioned(*arguments)
        quick = settings.train.model_copy(update={"c_grid": [0.01, 0.1], "outer_folds": 3, "inner_folds": 2})
        config = settings.model_copy(update={"train": quick})
        for stage in (segments, acoustic):
            stage.run(config, each=driver(config))
        return config

    return make


def driver(config: Config, workers: int = 1) -> each.Each:
    return each.local(config.runtime.model_copy(update={"workers": workers, "progress": "never"}))


def written() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(paths.TRAIN.iterdir())}


def test_model_card_folds_and_metrics(featured: Callable[..., Config]) -> None:
    config = featured(6, 2)
    train.run(config, each=driver(config))
    folds = tables.read(paths.FOLDS, tables.PREDICTIONS)
    assert folds.num_rows == 54
    by_group = {}
    for row in folds.to_pylist():
        assert by_group.setdefault(row["group"], row["fold"]) == row["fold"], "a video lies in two folds"
    metrics = json.loads(paths.CROSS_VALIDATION.read_text())
    assert metrics["n_videos"] == 6
    assert len(metrics["folds"]) == 3
    assert metrics["macro_f1"]["low"] > 0.5, "the sound says the sentiment plainly here"
    rows = training_rows.load("train")
    predicted, _ = Classifier(paths.MODEL.read_bytes(), paths.CARD.read_text()).predict(rows.features)
    assert np.mean(predicted == rows.labels) > 0.8


def test_the_card_says_which_solver_fitted(featured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    config = featured(4, 1, 6)
    models = []
    for many in (linear_svm.ROWS_PER_PAIR, 1):
        monkeypatch.setattr(linear_svm, "ROWS_PER_PAIR", many)
        for entry in paths.MEMO.rglob("train/**/*.arrow"):
            entry.unlink()
        train.run(config, each=driver(config))
        models.append(json.loads(paths.CARD.read_text())["model"])
        rows = training_rows.load("train")
        predicted, _ = Classifier(paths.MODEL.read_bytes(), paths.CARD.read_text()).predict(rows.features)
        assert np.mean(predicted == rows.labels) > 0.8
    assert models[0] == "StandardScaler → SVC(kernel='linear'); SMOTE on the training part"
    assert "LinearSVC" in models[1]


def test_the_same_bytes_whatever_the_workers(featured: Callable[..., Config]) -> None:
    config = featured(4, 1, 6)
    train.run(config, each=driver(config))
    first = written()
    for entry in paths.MEMO.rglob("train/**/*.arrow"):
        entry.unlink()
    train.run(config, each=driver(config, workers=2))
    assert written() == first


def test_test_videos_do_not_touch_the_model(featured: Callable[..., Config]) -> None:
    config = featured(4, 2, 6)
    train.run(config, each=driver(config))
    first = paths.MODEL.read_bytes()
    votes = tables.read(paths.VOTES, tables.VOTES)
    kept = votes.filter([not one.startswith("weak/test") for one in votes["utterance_id"].to_pylist()])
    tables.write(kept, paths.VOTES, tables.VOTES)
    train.run(config, each=driver(config))
    assert paths.MODEL.read_bytes() == first


def test_a_label_counts_as_much_as_it_is_probable(featured: Callable[..., Config]) -> None:
    """Half of the labels are turned around; those that are left alone are sure, or the others are."""
    config = featured(6, 1)
    said = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    turned = {"negative": "neutral", "neutral": "positive", "positive": "negative"}
    truth = training_rows.load("train").labels
    right = {}
    for sure in ("true", "turned"):
        rows = [
            {
                **row,
                "sentiment": row["sentiment"] if k % 2 else turned[row["sentiment"]],
                "weight": 1.0 if (k % 2 == 1) == (sure == "true") else 0.01,
            }
            for k, row in enumerate(said)
        ]
        tables.write(tables.from_rows(rows, tables.VOTES), paths.VOTES, tables.VOTES)
        train.run(config, each=driver(config))
        features = training_rows.load("train").features
        predicted, _ = Classifier(paths.MODEL.read_bytes(), paths.CARD.read_text()).predict(features)
        right[sure] = float(np.mean(predicted == truth))
    assert right["true"] > 0.7 > 0.3 > right["turned"]


def test_few_videos_give_fewer_folds_and_say_so(featured: Callable[..., Config]) -> None:
    config = featured(2, 1, 6)
    train.run(config, each=driver(config))
    notes = json.loads(paths.CROSS_VALIDATION.read_text())["warnings"]
    assert any("2 outer folds instead of 3" in note for note in notes)
    assert any("unsearched" in note for note in notes)


def test_a_missing_class_is_named(featured: Callable[..., Config], project: Path) -> None:
    config = featured(3, 1, 3)
    votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    for row in votes:
        row["sentiment"] = None if row["sentiment"] == "negative" else row["sentiment"]
    tables.write(tables.from_rows(votes, tables.VOTES), paths.VOTES, tables.VOTES)
    with pytest.raises(NotEnoughData, match=r"negative falls short .*negative 0 in 0 videos.*lower polarity.min_score"):
        train.run(config, each=driver(config))


def test_a_scaler_that_saw_more_than_the_fold_stops_the_run() -> None:
    rng = np.random.default_rng(1)
    labels = np.array(["negative", "neutral", "positive"] * 10)
    names = np.array([f"v{i // 6}" for i in range(30)])
    rows = training_rows.Rows(
        np.array([f"u{i}" for i in range(30)]), rng.normal(size=(30, 4)) + 3, labels, names, np.ones(30)
    )
    how = weak_svm.Recipe((0.1,), 2, 2, 1)
    inside = np.arange(18)
    honest = weak_svm.fit(weak_svm.Examples.alike(rows.features[inside], labels[inside]), 0.1, how)
    train._demand_fitted_inside(honest, rows, inside, "fold 1 of 2")
    careless = weak_svm.fit(weak_svm.Examples.alike(rows.features, labels), 0.1, how)
    with pytest.raises(LeakError, match=r"fold 1 of 2: .*scale \(mean_.* as fitted on all rows\)"):
        train._demand_fitted_inside(careless, rows, inside, "fold 1 of 2")
