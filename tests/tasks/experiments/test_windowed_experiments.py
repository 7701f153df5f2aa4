"""Experiments on windows, on several corpora, and with thresholds: what is torn apart is found, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError, LeakError, NotEnoughData
from tasks.evaluation.protocols import Protocol
from tasks.experiments import data as rows_of
from tasks.experiments import folds, plan
from tasks.experiments.fit_item import Fit
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
STEPS: dict[str, Any] = {
    "features": ["toy-frames"],
    "model": {"name": "bilstm", "epochs": 8, "hidden": [8], "learning_rate": 0.05},
    "windows": {"length_s": 0.02, "hop_s": 0.01},
    "protocol": "speaker-out(2)",
}


def test_windows_are_learned_and_their_utterances_scored(toy: Toy) -> None:
    found = run(toy(**STEPS))
    assert found["n"] == 72
    assert found["windows"]["n"] > 72
    assert found["scores"]["uar"]["value"] > 0.85
    assert found["windows"]["scores"]["uar"]["value"] > 0.8
    rows = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    assert len({row["utterance_id"] for row in rows}) == 72
    assert not any("#" in row["utterance_id"] for row in rows)
    page = paths.page("trial").read_text()
    assert "0.02 s every 0.01 s" in page
    assert not list((paths.STATE / "training").glob("*")), "what is trained leaves nothing to go on with"


def test_windows_of_one_utterance_never_straddle_folds(toy: Toy) -> None:
    recipe = plan.plan("trial", toy(**STEPS))
    data = rows_of.load(recipe)
    for split in folds.folds(recipe, data, 7):
        assert not set(data.clips[split.train]) & set(data.clips[split.test])
        shown = folds.split_of(Fit(recipe, data.digest, "", 0, 7), data)
        assert not set(data.clips[shown.train]) & set(data.clips[shown.development])
    assert (data.columns["speaker"] != "").all()
    assert set(data.target[data.clips == data.clips[0]]) == {data.target[0]}


def test_torn_windows_are_found_and_declared_by_a_leaky_protocol(toy: Toy) -> None:
    found = run(toy(**{**STEPS, "protocol": "random(3)"}))
    torn = [one for one in found["audit"] if one["check"] == "torn utterances"]
    assert torn
    assert torn[0]["severity"] == "declared"
    assert found["leaky"]


def test_planted_torn_windows_stop_an_honest_run(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy(**STEPS)
    whole = Protocol.folds

    def torn(self: Protocol, columns: Any, labels: Any, seed: int) -> Any:
        first, *others = whole(self, columns, labels, seed)
        windows = first.test[np.flatnonzero(np.char.endswith(columns["utterance_id"][first.test], "#00001"))]
        moved = np.sort(np.concatenate([first.train, windows[:1]]))
        return (type(first)(first.name, moved, np.setdiff1d(first.test, windows[:1])), *others)

    monkeypatch.setattr(Protocol, "folds", torn)
    with pytest.raises(LeakError, match="torn utterances"):
        run(config)


@pytest.mark.parametrize(
    ("clips", "least"),
    [({"by": "vote"}, 0.8), ({"by": "max"}, 0.8), ({"by": "mean", "smooth": 3}, 0.8), ({"floor": 0.95}, 0.2)],
    ids=str,
)
def test_ways_from_windows_to_utterances(toy: Toy, clips: dict[str, Any], least: float) -> None:
    found = run(toy(**STEPS, clips=clips))
    assert found["scores"]["uar"]["value"] >= least
    assert ("none" in found["outputs"]) == ("floor" in clips)
    if "floor" in clips:
        said = pq.read_table(paths.experiment("trial") / "predictions.parquet")["predicted"].to_pylist()
        assert "none" in said
        real = [one for name, one in found["scores"]["per_class"].items() if name != "none"]
        assert found["scores"]["macro_f1"]["value"] == pytest.approx(np.mean([one["f1"] for one in real]))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"windows": {"length_s": 1.0, "hop_s": 0.5}}, "sequences with a fixed step"),
        ({**STEPS, "windows": {"length_s": 0.005, "hop_s": 0.01}}, "neither may be shorter"),
        ({"clips": {"by": "vote"}}, "the recipe has no windows"),
        ({"threshold": 0.3}, "several labels at once"),
    ],
    ids=str,
)
def test_recipes_that_cannot_be_cut(toy: Toy, recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan.plan("trial", toy(**recipe))


LABELS: dict[str, Any] = {"reader": "mosei", "extra": True, "target": "emotions", "protocol": "group-k-fold(4)"}


def test_a_lower_threshold_calls_more_labels(toy: Toy) -> None:
    called = {}
    for threshold in (0.5, 0.05):
        run(toy(**LABELS, strength=1.0, threshold=threshold))
        rows = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
        called[threshold] = sum(row["score happiness"] > 0.5 for row in rows if row["variant"] == "recipe")
    assert called[0.05] > called[0.5]


def test_tuned_thresholds_come_from_development_rows(toy: Toy) -> None:
    found = run(toy(**LABELS, strength=1.0, threshold="tuned"))
    assert any("thresholds of the labels" in note for note in found["notes"])
    assert found["scores"]["macro_f1"]["value"] > 0


def pooled(config: Config) -> None:
    """Say that the last speakers of the corpus are of another corpus."""
    path = paths.utterances("toy")
    table = tables.read_corpus(path)
    speakers = sorted(set(table["speaker"].to_pylist()))
    corpus = ["other" if one in speakers[5:] else "toy" for one in table["speaker"].to_pylist()]
    where = table.schema.get_field_index("corpus")
    tables.write(table.set_column(where, table.schema.field(where), [corpus]), path, table.schema)


def test_another_corpus_is_only_learned_from(toy: Toy) -> None:
    config = toy(only_in_training={"other": ["anger"]}, protocol="speaker-out(4)")
    pooled(config)
    recipe = plan.plan("trial", config)
    data = rows_of.load(recipe)
    other = data.columns["corpus"] == "other"
    assert set(data.target[other]) == {"anger"}
    for split in folds.folds(recipe, data, 7):
        assert not other[split.test].any()
        assert set(np.flatnonzero(other)) <= set(split.train)
        assert not set(data.columns["speaker"][split.train]) & set(data.columns["speaker"][split.test])
    found = run(config)
    assert found["n"] == int((~other).sum())
    assert found["only_in_training"] == {"other": ["anger"]}


def test_a_corpus_that_is_not_there(toy: Toy) -> None:
    with pytest.raises(NotEnoughData, match="only_in_training: no utterance is of nowhere; there are toy"):
        run(toy(only_in_training={"nowhere": []}))


def test_from_each_corpus_to_each_other_over_the_emotions_they_share(toy: Toy) -> None:
    config = toy(protocol="corpus-pairs", labels="shared")
    pooled(config)
    path = paths.utterances("toy")
    table = tables.read_corpus(path)
    rows = [row for row in table.to_pylist() if (row["corpus"], row["emotion"]) != ("other", "neutral")]
    tables.write(tables.from_rows(rows, table.schema), path, table.schema)
    found = run(config)
    assert found["outputs"] == ["anger", "happiness"]
    assert [one["fold"] for one in found["folds"]] == ["other → toy", "toy → other"]
    assert found["scores"]["uar"]["value"] == pytest.approx(np.mean([one["uar"] for one in found["folds"]]))
    assert ", trained on one corpus, tested on another" in paths.page("trial").read_text()
