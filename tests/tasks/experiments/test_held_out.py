"""Held-out folds inside the training part of a protocol with one fold: for calibration, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.experiments import data as experiment_data
from tasks.experiments import folds, plan
from tasks.experiments.fit_item import HELD_OUT, Fit
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
SVM: dict[str, Any] = {"protocol": "official", "model": {"name": "linear-svm"}, "strength": 1.0}
TUNED = {"tune": {"grid": {"c": [0.01, 1.0]}, "folds": 2}}


def held_out(config: Config, fold: int = 0) -> Fit:
    recipe = plan.plan("trial", config)
    return Fit(recipe, "", "", fold, 7, variant=HELD_OUT)


def test_groups_stay_together_and_the_test_part_stays_out(toy: Toy) -> None:
    item = held_out(toy(**SVM, calibration_folds=3))
    data = experiment_data.load(item.plan)
    assert folds.n_held_out(item, data) == 3
    splits = [folds.split_of(replace(item, fold=fold), data) for fold in range(3)]
    group, part = data.columns["group"], data.columns["split"]
    for split in splits:
        assert set(part[split.train]) == set(part[split.test]) == {"train"}
        assert not set(group[split.train]) & set(group[split.test])
    tested = np.sort(np.concatenate([split.test for split in splits]))
    assert tested.tolist() == np.flatnonzero(part == "train").tolist()


def test_never_more_folds_than_groups(toy: Toy) -> None:
    item = held_out(toy(**SVM, calibration_folds=50))
    assert folds.n_held_out(item, experiment_data.load(item.plan)) == 5


@pytest.mark.parametrize(
    ("size", "recipe"),
    [((4, 9), {}), ((5, 9), TUNED), ((8, 9), {"model": {"name": "feed-forward", "epochs": 1}})],
    ids=["one group", "one group to tune on", "trained in epochs"],
)
def test_no_folds(toy: Toy, size: tuple[int, int], recipe: dict[str, Any]) -> None:
    item = held_out(toy(**{**SVM, **recipe}, size=size))
    assert folds.n_held_out(item, experiment_data.load(item.plan)) == 0


def test_scores_and_temperature_of_the_training_part(toy: Toy) -> None:
    figures = run(toy(**SVM, **TUNED))
    crossed, calibration = figures["cross_validated"], figures["calibration"]
    assert (crossed["folds"], crossed["unit"], crossed["n"]) == (5, "group", 45)
    assert crossed["scores"]["uar"]["low"] < crossed["scores"]["uar"]["value"]
    assert [entry["fold"] for entry in crossed["tuned"]] == [0, 1, 2, 3, 4]
    assert calibration["n"] == 45
    assert calibration["fitted_on"] == "5 held-out folds of the training part"
    assert set(calibration) == {"method", "temperature", "fitted_on", "n", "before", "after", "alone"}
    assert set(figures["baselines"]) == {"majority", "shuffled labels"}
    assert len(figures["folds"]) == len(figures["tuned"]) == 1
    predictions = pq.read_table(paths.experiment("trial") / "predictions.parquet")
    assert set(predictions["variant"].to_pylist()) == {"recipe", "shuffled labels"}


def test_the_number_of_folds_changes_no_other_fit(toy: Toy) -> None:
    first, second = held_out(toy(**SVM)), held_out(toy(**SVM, calibration_folds=3))
    assert first.content != second.content
    assert replace(first, variant="recipe").content == replace(second, variant="recipe").content


def test_with_too_few_groups_the_experiment_runs_all_the_same(toy: Toy) -> None:
    figures = run(toy(**SVM, size=(4, 9)))
    assert figures["cross_validated"] is None
    assert figures["calibration"]["temperature"] is None
    assert figures["calibration"]["fitted_on"].startswith("nothing: ")
    assert json.loads((paths.experiment("trial") / "model" / "card.json").read_text())["calibration"] is None


def test_networks_are_calibrated_by_development_rows(toy: Toy) -> None:
    figures = run(toy(**{**SVM, "model": {"name": "feed-forward", "epochs": 1}}))
    assert figures["cross_validated"] is None
    assert figures["calibration"]["n"] == 9
    assert figures["calibration"]["fitted_on"].startswith("development rows")
    assert figures["calibration"]["temperature"] > 0


def test_folds_of_the_protocol_serve_themselves(toy: Toy) -> None:
    figures = run(toy(strength=1.0))
    assert figures["cross_validated"] is None
    assert figures["calibration"]["n"] == figures["n"] == 72
    assert figures["calibration"]["fitted_on"].startswith("the test rows")
