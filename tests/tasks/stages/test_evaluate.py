"""Evaluate: held-out videos, baselines beside every figure, and people's votes where there are any."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import NotEnoughData
from tasks.stages import acoustic, evaluate, segments, train


@pytest.fixture
def trained(captioned: Callable[..., None], settings: Config) -> Config:
    """A project up to its trained model, with few resamples and shuffles."""
    captioned(5, 3, 6)
    config = settings.model_copy(
        update={
            "train": settings.train.model_copy(update={"c_grid": [0.01, 0.1], "outer_folds": 3, "inner_folds": 2}),
            "evaluate": settings.evaluate.model_copy(update={"bootstrap": 200, "shuffles": 3}),
        }
    )
    for stage in (segments, acoustic, train):
        stage.run(config, each=driver(config))
    return config


def driver(config: Config) -> each.Each:
    return each.local(config.runtime.model_copy(update={"workers": 1}))


def measured(config: Config) -> dict[str, Any]:
    evaluate.run(config, each=driver(config))
    found: dict[str, Any] = json.loads(paths.METRICS.read_text())
    return found


def test_classifier_beside_its_baselines(trained: Config) -> None:
    found = measured(trained)
    test = found["test"]
    assert test["classifier"]["n"] == test["majority"]["n"] == test["shuffled"]["n"] == 18
    assert test["classifier"]["macro_f1"]["low"] > test["shuffled"]["macro_f1"]["high"]
    assert test["majority"]["uar"]["value"] == pytest.approx(1 / 3)
    assert found["protocol"]["n_test_videos"] == 3
    assert "no video is in both" in found["protocol"]["words"]
    assert found["listeners"] is None
    predictions = tables.read(paths.PREDICTIONS, tables.PREDICTIONS).to_pylist()
    assert {row["split"] for row in predictions} == {"train", "test"}
    assert all((row["fold"] is None) == (row["split"] == "test") for row in predictions)
    first = paths.METRICS.read_bytes()
    measured(trained)
    assert paths.METRICS.read_bytes() == first


def test_listeners_are_the_second_truth(trained: Config) -> None:
    paths.LISTENERS.mkdir(parents=True)
    sentiments = ("negative", "neutral", "positive")
    rows = [f"0,{turn * 2.5},{turn * 2.5 + 2.4}," + ",".join([sentiments[turn % 3]] * 3) for turn in range(6)]
    (paths.LISTENERS / "heard.csv").write_text("Id,start_s,end_s,ann,bob,cid\n" + "\n".join(rows) + "\n")
    metrics = measured(trained)
    heard = metrics["listeners"]
    assert metrics["ratings"]["in_words"] == "6 of the 6 rated utterances are scored."
    assert heard["n"] == 6
    assert heard["annotators"] == ["ann", "bob", "cid"]
    assert heard["consensus"]["accuracy"]["value"] == 1.0
    assert heard["coverage"] == 1.0
    assert heard["classifier"]["n"] == heard["majority"]["n"] == 6
    assert {name: one["value"] for name, one in heard["agreement"].items()} == {"percent": 1, "kappa": 1, "alpha": 1}
    assert heard["leave_one_out_macro_f1"] == {"ann": 1.0, "bob": 1.0, "cid": 1.0}


def test_the_verdict_on_a_tie_is_the_truth(trained: Config) -> None:
    paths.LISTENERS.mkdir(parents=True)
    rows = [
        # test-0 says negative, neutral, positive, negative …
        "0,0,2.4,negative,positive,negative",
        "0,2.5,4.9,negative,positive,neutral",
        "0,5,7.4,positive,positive,",
        "0,7.5,9.9,negative,positive,",
        "1,0,2.4,neutral,neutral,",
    ]
    (paths.LISTENERS / "annotated.csv").write_text("Id,start_s,end_s,ann,bob,adjudicated\n" + "\n".join(rows) + "\n")
    heard = measured(trained)["listeners"]
    assert (heard["n"], heard["n_adjudicated"], heard["n_without_majority"]) == (4, 2, 1)
    assert heard["annotators"] == ["ann", "bob"]
    assert heard["consensus"]["accuracy"]["value"] == 1.0
    assert heard["agreement"]["percent"]["value"] == pytest.approx(2 / 5)
    assert heard["agreement"]["alpha"]["value"] == heard["alpha"]
    assert heard["agreement"]["percent"]["low"] < heard["agreement"]["percent"]["high"]


def test_ratings_that_match_no_utterance_are_counted(trained: Config) -> None:
    paths.LISTENERS.mkdir(parents=True)
    rows = ["0,1.3,3.7,negative", "77,0,2.4,negative", "train-0,0,2.4,negative"]
    (paths.LISTENERS / "heard.csv").write_text("Id,start_s,end_s,ann\n" + "\n".join(rows) + "\n")
    metrics = measured(trained)
    assert metrics["listeners"] is None
    assert metrics["ratings"]["in_words"] == (
        "2 of the 2 rows of ratings match no utterance (no utterance overlaps it by half: 1, no such video: 1)."
    )


def test_no_labelled_test_utterance_is_an_error_that_says_so(trained: Config) -> None:
    votes = tables.read(paths.VOTES, tables.VOTES)
    kept = votes.filter([one.startswith("weak/train") for one in votes["utterance_id"].to_pylist()])
    tables.write(kept, paths.VOTES, tables.VOTES)
    with pytest.raises(NotEnoughData, match="no test utterance has a label"):
        evaluate.run(trained, each=driver(trained))
