"""References: the weak labels and the listeners, on the same rows, beside the lexicons' vote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score, recall_score

from tasks.core import paths, tables
from tasks.core.config import Config
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
EXTRA = pa.schema([(name, pa.string()) for name in ("vote", "listeners", "ratings")])
OFFICIAL: dict[str, Any] = {"target": "sentiment", "protocol": "official"}


def write_extra(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    """Change the rows of the utterance table, by number and content; return them."""
    empty = dict.fromkeys(EXTRA.names)
    path = paths.utterances("toy")
    rows = [row | empty | change(number, row) for number, row in enumerate(tables.read_corpus(path).to_pylist())]
    schema = tables.utterances(EXTRA)
    tables.write(tables.from_rows(rows, schema), path, schema)
    return rows


def rated(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row's extra columns: every second row is rated; every fourth has no label, but a vote or a tie."""
    columns: dict[str, Any] = {"vote": row["sentiment"]}
    if number % 4 == 0:
        columns |= {"sentiment": None, "vote": "neutral" if number % 8 else None}
    if number % 2 == 0:
        heard = "positive" if number % 6 == 0 else row["sentiment"]
        columns |= {"listeners": heard, "ratings": json.dumps({"anna": heard, "ben": heard, "cleo": "negative"})}
    if number % 10 == 0:
        columns |= {"listeners": None, "ratings": json.dumps({"anna": "neutral", "ben": "positive"})}
    return columns


def references(figures: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["name"], entry["rows"]): entry for entry in figures["references"]}


def uar(truth: list[str], predicted: list[str]) -> float:
    value: float = recall_score(truth, predicted, average="macro", labels=sorted(set(truth)))
    return value


def test_both_references_on_the_same_rows(toy: Toy) -> None:
    config = toy(**OFFICIAL, strength=1.0)
    rows = {row["utterance_id"]: row for row in write_extra(rated)}
    entries = references(run(config))
    assert list(entries) == [
        ("labels", "labelled"), ("labels", "rated"), ("listeners", "rated"), ("listeners", "all rated"),
    ]  # fmt: skip
    predictions = pq.read_table(Path("data/experiment/trial/predictions.parquet")).to_pylist()
    predicted = {row["utterance_id"]: row["predicted"] for row in predictions if row["variant"] == "recipe"}
    both = [name for name in predicted if rows[name]["listeners"]]
    assert entries["labels", "labelled"]["n"] == len(predicted)
    assert entries["labels", "rated"]["n"] == entries["listeners", "rated"]["n"] == len(both)
    for reference, column in (("labels", "sentiment"), ("listeners", "listeners")):
        truth = [rows[name][column] for name in both]
        value = entries[reference, "rated"]["scores"]["uar"]["value"]
        assert value == pytest.approx(uar(truth, [predicted[name] for name in both]))
    truth, votes = ([rows[name][column] for name in both] for column in ("listeners", "vote"))
    vote = entries["listeners", "rated"]["baselines"]["lexicons' vote"]
    assert vote["macro_f1"]["value"] == pytest.approx(f1_score(truth, votes, average="macro"))
    assert entries["labels", "rated"]["baselines"]["lexicons' vote"]["uar"]["value"] == 1.0
    assert set(entries["listeners", "rated"]["baselines"]) == {"majority", "shuffled labels", "lexicons' vote"}


def test_labels_are_scored_as_in_the_headline(toy: Toy) -> None:
    config = toy(**OFFICIAL, strength=1.0)
    write_extra(rated)
    figures = run(config)
    entry = references(figures)["labels", "labelled"]
    for name, score in entry["scores"].items():
        assert score == figures["scores"][name]
    for name in ("majority", "shuffled labels"):
        assert entry["baselines"][name] == figures["baselines"][name]
    assert entry["n_groups"] == 2


def test_rated_rows_without_a_label_are_scored_by_the_kept_model(toy: Toy) -> None:
    config = toy(**OFFICIAL, strength=9.0)
    rows = [row for row in write_extra(rated) if row["split"] == "test"]
    entry = references(run(config))["listeners", "all rated"]
    assert entry["n"] == sum(row["listeners"] is not None for row in rows)
    assert any(row["listeners"] and not row["sentiment"] for row in rows)
    assert entry["n_without_majority"] == sum(bool(row["ratings"] and not row["listeners"]) for row in rows)
    assert entry["annotators"] == ["anna", "ben", "cleo"]
    assert set(entry["leave_one_out_macro_f1"]) == set(entry["annotator_macro_f1"]) == {"anna", "ben", "cleo"}
    assert entry["agreement"]["alpha"]["value"] == entry["alpha"]
    assert -1 < entry["alpha"] < 1
    assert set(entry["baselines"]) == {"majority", "lexicons' vote"}
    truth = [row["listeners"] for row in rows if row["listeners"]]
    heard = [row["native_label"] for row in rows if row["listeners"]]
    sentiment = {"ang": "negative", "hap": "positive", "neu": "neutral"}
    expected = uar(truth, [sentiment[label] for label in heard])
    assert entry["scores"]["uar"]["value"] == pytest.approx(expected), "features are strong: all classes are recognised"


def test_a_tie_of_the_lexicons_is_no_answer(toy: Toy) -> None:
    config = toy(**OFFICIAL)
    write_extra(lambda number, row: {**rated(number, row), "vote": None})
    votes = references(run(config))["listeners", "rated"]["baselines"]["lexicons' vote"]
    assert {name: score["value"] for name, score in votes.items()} == dict.fromkeys(votes, 0.0)


def test_windows_are_pooled_first(toy: Toy) -> None:
    windows = {"length_s": 0.02, "hop_s": 0.02}
    config = toy(**OFFICIAL, features=["toy-frames"], model={"name": "feed-forward", "epochs": 1}, windows=windows)
    rows = [row for row in write_extra(rated) if row["split"] == "test"]
    entries = references(run(config))
    assert entries["labels", "labelled"]["n"] == sum(row["sentiment"] is not None for row in rows)
    assert entries["listeners", "all rated"]["n"] == sum(row["listeners"] is not None for row in rows)


def test_folds_of_the_protocol_have_no_model_for_rows_without_a_label(toy: Toy) -> None:
    config = toy(**{**OFFICIAL, "protocol": "group-k-fold(4)"})
    write_extra(rated)
    assert list(references(run(config))) == [("labels", "labelled"), ("labels", "rated"), ("listeners", "rated")]


def test_without_ratings_the_vote_stands_beside_the_labels(toy: Toy) -> None:
    config = toy(**OFFICIAL)
    write_extra(lambda _, row: {"vote": row["sentiment"]})
    assert list(references(run(config))) == [("labels", "labelled")]


def test_ratings_of_training_rows_alone_do_not_count(toy: Toy) -> None:
    config = toy(**OFFICIAL)
    write_extra(lambda number, row: rated(number, row) if row["split"] == "train" else {"vote": row["sentiment"]})
    assert list(references(run(config))) == [("labels", "labelled")]


@pytest.mark.parametrize("target", ["emotion", "sentiment"])
def test_other_corpora_and_targets_have_no_references(toy: Toy, target: str) -> None:
    config = toy(target=target)
    if target == "emotion":
        write_extra(rated)
    assert run(config)["references"] == []


def test_the_vote_may_be_a_class_that_no_label_has(toy: Toy) -> None:
    config = toy(**OFFICIAL, strength=1.0)

    def without_negative(number: int, row: dict[str, Any]) -> dict[str, Any]:
        heard = "neutral" if row["sentiment"] == "negative" else row["sentiment"]
        vote = "negative" if number % 3 == 0 else heard
        return {"sentiment": heard, "vote": vote, "listeners": heard, "ratings": json.dumps({"anna": heard})}

    rows = [row for row in write_extra(without_negative) if row["split"] == "test"]
    entry = references(run(config))["listeners", "rated"]
    expected = uar([row["listeners"] for row in rows], [row["vote"] for row in rows])
    assert entry["baselines"]["lexicons' vote"]["uar"]["value"] == pytest.approx(expected)
