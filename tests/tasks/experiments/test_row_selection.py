"""A recipe about some of a corpus's rows: improvised speech, one script, a kind of recording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import NotEnoughData
from tasks.experiments import data as rows_of
from tasks.experiments import plan
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]


def test_rows_are_chosen_by_a_column_and_the_rest_is_told(toy: Toy) -> None:
    config = toy(only={"script": ["toy/t0", "toy/t3", "toy/t5"]}, protocol="speaker-out(2)")
    found = run(config)
    assert found["n"] == 24
    assert found["left_out"] == {"not what the recipe is about": 48}
    assert found["only"] == {"script": ["toy/t0", "toy/t3", "toy/t5"]}
    page = paths.page("trial").read_text()
    assert "rows chosen by" in page


def test_every_column_counts(toy: Toy) -> None:
    recipe = plan.plan("trial", toy(only={"script": ["toy/t0", "toy/t1"], "sentiment": ["negative", "neutral"]}))
    data = rows_of.load(recipe)
    assert set(data.target) == {"anger", "neutral"}
    assert set(data.columns["script"]) == {"toy/t0", "toy/t1"}
    assert rows_of.load(plan.plan("trial", toy())).digest != data.digest


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"script": ["toy/t0", "toy/t77"]}, "no utterance of toy has toy/t77 as its script; there are toy/t0, toy/t1"),
        ({"kind": ["improvised"]}, "has improvised as its kind; columns are .*utterance_id"),
    ],
)
def test_what_nobody_has_is_told(toy: Toy, only: dict[str, list[str]], message: str) -> None:
    with pytest.raises(NotEnoughData, match=message):
        rows_of.load(plan.plan("trial", toy(only=only)))


def test_the_corpus_s_own_codes_are_a_target_with_their_own_classes(toy: Toy) -> None:
    results = run(toy(reader="meld", target="native_label"))
    assert results["outputs"] == ["ang", "hap", "neu"]
    assert results["scores"]["uar"]["value"] > 0.9
    data = rows_of.load(plan.plan("trial", toy(target="native_label", labels={"hap": "joy", "ang": "ang"})))
    assert set(data.target) == {"joy", "ang"}
    assert data.left_out == {"no label among the classes": 24}


def test_classes_can_be_listed_or_merged(toy: Toy) -> None:
    data = rows_of.load(plan.plan("trial", toy(labels=["anger", "neutral"])))
    assert data.outputs == ("anger", "neutral")
    results = run(toy(labels={"anger": "moved", "happiness": "moved", "neutral": "neutral"}))
    assert results["outputs"] == ["moved", "neutral"]
    assert results["labels"] == "anger as moved, happiness as moved, neutral"
    assert "anger as moved" in paths.page("trial").read_text()


def test_a_label_that_no_utterance_has_is_an_error(toy: Toy) -> None:
    with pytest.raises(NotEnoughData, match="no utterance of toy has boredom as its emotion; there are anger"):
        rows_of.load(plan.plan("trial", toy(labels=["anger", "boredom"])))
    with pytest.raises(NotEnoughData, match="has exc as its native_label; there are ang, hap, neu"):
        rows_of.load(plan.plan("trial", toy(target="native_label", labels={"ang": "a", "exc": "b"})))


def test_rows_are_excluded_by_id_and_counted(toy: Toy) -> None:
    results = run(toy(exclude=["toy/s0-00", "toy/s1-*"], protocol="speaker-out(2)"))
    assert results["n"] == 72 - 10
    assert results["left_out"] == {"excluded by the recipe": 10}
    assert "excluded by the recipe" in paths.page("trial").read_text()
    data = rows_of.load(plan.plan("trial", toy(exclude=["toy/s0-00"])))
    assert "toy/s0-00" not in data.ids


def test_an_excluded_id_that_does_not_exist_is_an_error(toy: Toy) -> None:
    with pytest.raises(NotEnoughData, match="no utterance of toy has the id toy/s0-0; an id is written like toy/s0-00"):
        rows_of.load(plan.plan("trial", toy(exclude=["toy/s0-0", "toy/s0-01"])))
