"""Marks of results: of an earlier recipe or version, or older than a run that is going on or did not finish."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tasks.core import each, locks, paths
from tasks.core.config import Config
from tasks.pages.common import result_marks
from tasks.stages import leaderboard
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]


def with_seeds(config: Config, *seeds: int) -> Config:
    recipe = config.experiments["trial"].model_copy(update={"seeds": list(seeds)})
    return config.model_copy(update={"experiments": {"trial": recipe}})


def test_results_are_marked_until_they_are_those_of_the_recipe(toy: Toy) -> None:
    config = toy()
    metrics = run(config)
    assert result_marks.all_of(metrics, config) == []
    later = with_seeds(config, 7, 8)
    assert result_marks.outdated(metrics, later).startswith("of an earlier recipe")
    leaderboard.run(later, each=each.local(config.runtime))
    assert "of an earlier recipe" in paths.LEADERBOARD.read_text()
    assert "undertone experiment run NAME" in paths.LEADERBOARD.read_text()
    assert result_marks.outdated(run(later), later) == ""
    leaderboard.run(later, each=each.local(config.runtime))
    assert "of an earlier recipe" not in paths.LEADERBOARD.read_text()


def test_a_mark_names_the_settings_that_changed(toy: Toy) -> None:
    config = toy()
    metrics = run(config)
    card = paths.experiment("trial") / "model" / "card.json"
    card.write_text(json.dumps({"recipe": config.experiments["trial"].model_dump(mode="json")}))
    assert result_marks.outdated(metrics, with_seeds(config, 8)) == "of an earlier recipe (seeds changed)"
    elsewhere = config.corpora["toy"].model_copy(update={"path": "elsewhere"})
    moved = config.model_copy(update={"corpora": {"toy": elsewhere}})
    assert result_marks.outdated(metrics, moved) == "of an earlier recipe (features, corpora or evaluate changed)"
    card.unlink()
    assert result_marks.outdated(metrics, moved) == "of an earlier recipe"
    del metrics["recipe_sha256"]
    assert result_marks.outdated(metrics, config) == "of an earlier version of undertone"


def test_results_are_older_than_a_run_that_is_going_on_or_did_not_finish(toy: Toy) -> None:
    config = toy()
    metrics = run(config)
    with (
        pytest.raises(KeyboardInterrupt),
        locks.alone("experiment@trial", "undertone run", wait_s=0, waiting=print),
    ):
        (mark,) = result_marks.all_of(metrics, config)
        assert mark.startswith("older than a run in progress by undertone run (process ")
        raise KeyboardInterrupt
    (mark,) = result_marks.all_of(metrics, config)
    assert mark.startswith("older than a run that did not finish, started by undertone run (process ")


def test_random_weights_are_marked_in_lists_and_on_the_leaderboard(toy: Toy) -> None:
    config = toy()
    path = paths.experiment("trial") / "results.json"
    metrics = {**run(config), "random_weights": True}
    path.write_text(json.dumps(metrics))
    assert result_marks.all_of(metrics, config) == ["random weights: the scores only show that the recipe runs"]
    leaderboard.run(config, each=each.local(config.runtime))
    assert "random weights" in paths.LEADERBOARD.read_text()
    assert "undertone experiment run NAME" not in paths.LEADERBOARD.read_text()
