"""Learning curve: rises where ratings teach something, is flat elsewhere, and uses no rating of the tested fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.core import tables
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import learning_curve
from tasks.labelling.quality.learning_curve import CHOSEN, STACKED, RatedTexts
from tasks.labelling.votes import combine

BOOTSTRAP = Bootstrap(300, 0.95, 1)
CLASSES = np.array(tables.SENTIMENTS)


def texts(n: int, n_groups: int, *, teachable: bool, seed: int = 1) -> RatedTexts:
    """Two voters: right in four of five cases; or one whose sign is reversed, which only ratings can show."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=(0.3, 0.4, 0.3))
    answers = [np.where(rng.random(n) < 0.8, truth, rng.integers(0, 3, n)) for _ in range(2)]
    if teachable:
        answers = [2 - answers[0], rng.integers(0, 3, n)]
    votes = np.stack([(answer - 1) * 0.5 for answer in answers], axis=1)
    names = ("first", "second")
    candidates = learning_curve.labels_without_ratings(combine.Votes(names, votes))
    groups = np.array([f"v{number % n_groups}" for number in range(n)])
    chances = np.full((n, 2, 3), np.nan)
    return RatedTexts(votes, chances, names, CLASSES[truth], groups, candidates, candidates["majority"])


def measured(rated: RatedTexts) -> dict[str, Any]:
    report = learning_curve.measured(rated, BOOTSTRAP, repeats=2)
    assert report is not None
    return report


def test_ratings_help_where_the_votes_alone_mislead() -> None:
    report = measured(texts(160, 12, teachable=True))
    stacked = next(way for way in report["ways"] if way["name"] == STACKED)
    assert report["best"] == STACKED
    assert stacked["points"][-1]["value"] > report["used"]["value"] + 0.3
    assert stacked["gain"]["low"] > 0.2
    assert stacked["points"][0]["value"] < stacked["points"][-1]["value"]
    assert (report["by"], report["n"], report["n_groups"], report["folds"]) == ("videos", 160, 12, 5)


def test_the_curve_is_flat_where_there_is_nothing_to_learn() -> None:
    report = measured(texts(400, 40, teachable=False))
    assert abs(report["ways"][0]["doubling"]["value"]) < 0.02
    assert report["in_words"].startswith("The curve is flat: from ")


def test_no_rating_of_the_tested_fold_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rated = texts(60, 6, teachable=True)
    seen: list[tuple[set[str], set[str]]] = []
    labels = learning_curve._labels

    def watched(given: RatedTexts, rows: Any, test: Any) -> Any:
        seen.append((set(given.groups[rows]), set(given.groups[test])))
        return labels(given, rows, test)

    monkeypatch.setattr(learning_curve, "_labels", watched)
    measured(rated)
    assert seen
    assert all(not training & tested for training, tested in seen)


def test_one_video_is_split_by_utterances_and_few_ratings_have_no_curve() -> None:
    assert measured(texts(24, 1, teachable=False))["by"] == "utterances"
    assert learning_curve.measured(texts(19, 3, teachable=False), BOOTSTRAP) is None


def test_ratings_of_one_class_train_no_model() -> None:
    rated = texts(30, 5, teachable=False)
    only = RatedTexts(
        rated.polarities, rated.chances, rated.names, np.full(30, "neutral"), rated.groups, rated.candidates, rated.used
    )
    chosen, stacked = measured(only)["ways"]
    assert chosen["points"] == stacked["points"]
    assert (chosen["name"], stacked["name"]) == (CHOSEN, STACKED)


@pytest.mark.parametrize("most", [20, 37, 90, 1000])
def test_the_grid_ends_with_a_doubling(most: int) -> None:
    sizes = learning_curve.grid(most)
    assert sizes == sorted(set(sizes))
    assert (sizes[-1], sizes[-3]) == (most, round(most / 2))
    assert min(sizes) >= 10


@pytest.mark.parametrize(
    ("doubling", "start"),
    [
        ((0.03, 0.01, 0.05), "More ratings help: from 50 to 100 ratings macro F1 (stacking) changed by +0.030"),
        ((0.001, -0.02, 0.02), "The curve is flat: from 50 to 100 ratings macro F1 (stacking) changed by +0.001"),
        ((0.01, -0.06, 0.07), "Whether more ratings would help cannot be said yet: from 50 to 100"),
        ((-0.02, -0.04, -0.01), "Whether more ratings would help cannot be said yet: from 50 to 100"),
    ],
)
def test_the_sentence_follows_the_interval(doubling: tuple[float, float, float], start: str) -> None:
    value, low, high = doubling
    way = {"name": STACKED, "doubling": {"from": 50, "to": 100, "value": value, "low": low, "high": high}}
    sentence = learning_curve.in_words({"n": 120, "ways": [way], "best": STACKED}, 0.95)
    assert sentence.startswith(start)
    assert "95% interval" in sentence
    assert sentence.endswith(".")
