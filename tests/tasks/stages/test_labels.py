"""Stage labels: inputs from earlier stages, scores against listeners, reproducible bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.stages import labels

VOTED = ("vader",)


@pytest.fixture
def voted(captioned: Callable[..., None], settings: Config) -> Config:
    """A project with one voter's votes and no ratings."""
    captioned(4, 3, 9)
    return settings.model_copy(
        update={
            "polarity": settings.polarity.model_copy(update={"voters": list(VOTED)}),
            "evaluate": settings.evaluate.model_copy(update={"bootstrap": 200}),
        }
    )


def listen(wrong: int = 0) -> None:
    """Write one listener's ratings of every test utterance: the votes, except for the first few of each video."""
    votes = {row["utterance_id"]: row["sentiment"] for row in tables.read(paths.VOTES, tables.VOTES).to_pylist()}
    lines = ["Id,start_s,end_s,ada,text"]
    for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist():
        if row["split"] == "test":
            label = votes[row["utterance_id"]]
            rating = {"positive": "negative"}.get(label, "positive") if row["turn"] < wrong else label
            lines.append(f"{row['group'].removeprefix('test-')},{row['start_s']},{row['end_s']},{rating},x")
    paths.LISTENERS.mkdir(parents=True, exist_ok=True)
    (paths.LISTENERS / "ada.csv").write_text("\n".join(lines) + "\n")


def measured(config: Config) -> dict[str, Any]:
    labels.run(config, each=each.local(config.runtime))
    report: dict[str, Any] = json.loads(paths.LABELS.read_text())
    return report


def test_without_listeners_there_is_coverage_and_no_score(voted: Config) -> None:
    for file in paths.LISTENERS.glob("*.csv"):
        file.unlink()
    report = measured(voted)
    assert (report["n"], report["n_heard"], report["coverage"]) == (63, 0, 1.0)
    assert report["disagreements"] == []
    assert report["proposed"] is None
    assert report["licences"] == {"vader": "MIT"}


def test_labels_are_scored_against_listeners(voted: Config) -> None:
    listen(wrong=2)
    report = measured(voted)
    assert report["n_heard"] == 27
    (voter,) = report["voters"]
    assert voter["gold"]["accuracy"]["value"] == pytest.approx(21 / 27)
    assert len(report["disagreements"]) == 6
    assert all(entry["heard"] != entry["label"] for entry in report["disagreements"])
    assert report["proposed"]["parameter"] == "min_score"
    assert paths.CURVE.read_text().splitlines()[0].startswith("threshold,coverage")
    first = paths.LABELS.read_bytes()
    measured(voted)
    assert paths.LABELS.read_bytes() == first


def test_listeners_are_checked(voted: Config) -> None:
    listen()
    file = paths.LISTENERS / "ada.csv"
    header, *rows = file.read_text().splitlines()
    lines = [f"{header},ada:played_s,ada:plays", *(f"{row},0.5,1" for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    (ada,) = measured(voted)["listeners"]
    assert (ada["name"], ada["n_timed"], ada["reasons"]) == ("ada", len(rows), ["too short"])
    assert measured(voted)["ratings"]["n_scored"] == len(rows), "reported, and nothing else"


def test_utterances_left_out_by_their_length_are_counted_among_the_rated(voted: Config) -> None:
    listen(wrong=2)
    votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    rated = [row for row in votes if "/test-" in row["utterance_id"]]
    for row in rated[:4]:
        row["left_out"] = "too short"
    for row in votes:
        row["votes"] = list(dict(row["votes"]).items())
    tables.write(tables.from_rows(votes, tables.VOTES), paths.VOTES, tables.VOTES)
    report = measured(voted)
    assert report["n_heard"] == 23
    assert report["ratings"]["in_words"] == "23 of the 27 rated utterances are scored (too short: 4)."


def test_the_number_of_disagreements_is_limited(voted: Config) -> None:
    listen(wrong=3)
    few = voted.model_copy(update={"labels": voted.labels.model_copy(update={"disagreements": 2})})
    assert len(measured(few)["disagreements"]) == 2
