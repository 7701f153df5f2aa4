"""The stage `leaderboard`: all experiments that have results."""

from __future__ import annotations

from collections.abc import Callable

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.stages import leaderboard
from tests.tasks.experiment_runs import run


def test_experiments_without_results_are_left_out(toy: Callable[..., Config]) -> None:
    config = toy()
    leaderboard.run(config, each=each.local(config.runtime))
    assert "trial" not in paths.LEADERBOARD.read_text()
    run(config)
    leaderboard.run(config, each=each.local(config.runtime))
    assert "trial" in paths.LEADERBOARD.read_text()
