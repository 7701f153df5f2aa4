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
