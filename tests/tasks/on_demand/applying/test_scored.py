"""Scored utterances of a model of several intensities: the values of the predictions, and the emotions in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.experiments import data as experiment_data
from tasks.experiments import kept_model, plan
from tasks.on_demand.applying import formats, scored
from tasks.on_demand.applying.formats import Origin
from tasks.on_demand.applying.scored import Certainty, RatedUtterance
from tasks.on_demand.applying.utterances import NewUtterance
from tests.tasks.experiment_runs import run

RECIPE: dict[str, Any] = {
    "reader": "mosei", "extra": True, "target": "intensities", "protocol": "official", "model": {"name": "ridge"},
}  # fmt: skip
SIX = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")


def test_intensities_are_those_of_the_predictions(toy: Callable[..., Config], tmp_path: Any) -> None:
    config = toy(**RECIPE)
    run(config)
    model = kept_model.load(paths.experiment("trial") / "model")
    table = pq.read_table(paths.experiment("trial") / "predictions.parquet")
    stored = table.filter(pc.equal(table["variant"], "recipe")).to_pylist()
    data = experiment_data.load(plan.plan("trial", config))
    places = np.flatnonzero(np.isin(data.ids, [row["utterance_id"] for row in stored]))
    utterances = [NewUtterance(str(k), float(k), k + 1.0) for k in range(len(places))]
    rows = scored.score(model, data.inputs.rows(places), utterances, 100.0, Certainty())
    assert [dict(row.scores) for row in rows] == [{name: row[f"score {name}"] for name in SIX} for row in stored]
    assert [row.predicted for row in rows] == [[name for name in SIX if row[f"score {name}"] > 0.5] for row in stored]
    assert all(row.probability is None and row.unsure is None for row in rows)
    formats.write(rows, Origin("clip.wav", "trial"), tmp_path / "clip.csv", "csv")
    head = (tmp_path / "clip.csv").read_text().splitlines()[0]
    assert [name for name in head.split(",") if name.startswith("score ")] == [f"score {name}" for name in SIX]


@pytest.mark.parametrize(
    ("predicted", "words"),
    [(["happiness", "anger"], "anger 1.33, happiness 0.60"), ([], "none (strongest: anger 1.33)")],
)
def test_the_strongest_emotion_is_named_first(predicted: list[str], words: str) -> None:
    scores = {"happiness": 0.6, "anger": 4 / 3, "fear": 0.1}
    assert RatedUtterance(0.0, 1.0, predicted, None, None, {}, scores, None, None, "").in_words == words
