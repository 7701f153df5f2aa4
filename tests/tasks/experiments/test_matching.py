"""Match of results with their recipe: what a result depends on changes the digest, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.core.config import Config
from tasks.experiments import matching

Toy = Callable[..., Config]


def changed(config: Config, section: str, name: str, **values: Any) -> Config:
    entries = getattr(config, section)
    return config.model_copy(update={section: {**entries, name: entries[name].model_copy(update=values)}})


@pytest.mark.parametrize(
    ("section", "name", "values"),
    [
        ("experiments", "trial", {"seeds": [8]}),
        ("experiments", "trial", {"declare": ["seen-speakers"]}),
        ("experiments", "trial", {"features": ["toy-more"]}),
        ("features", "toy-voice", {"settings": {"window_s": 2.0}}),
        ("corpora", "toy", {"reader": "emodb"}),
        ("corpora", "toy", {"path": "elsewhere"}),
    ],
    ids=str,
)
def test_what_decides_a_result_is_matched(toy: Toy, section: str, name: str, values: dict[str, Any]) -> None:
    config = toy()
    metrics = {matching.DIGEST: matching.digest("trial", config)}
    assert matching.matches(metrics, "trial", config)
    assert not matching.matches(metrics, "trial", changed(config, section, name, **values))


def test_the_bootstrap_is_matched(toy: Toy) -> None:
    config = toy()
    more = config.evaluate.model_copy(update={"bootstrap": config.evaluate.bootstrap + 1})
    assert matching.digest("trial", config) != matching.digest("trial", config.model_copy(update={"evaluate": more}))


def test_notes_other_entries_and_stated_defaults_are_not(toy: Toy) -> None:
    config = toy()
    metrics = {matching.DIGEST: matching.digest("trial", config)}
    assert matching.matches(metrics, "trial", changed(config, "experiments", "trial", note="a remark"))
    assert matching.matches(metrics, "trial", changed(config, "experiments", "trial", balance="none", shuffles=1))
    assert matching.matches(metrics, "trial", changed(config, "features", "toy-more", settings={"a": 1}))
    assert not matching.matches({}, "trial", config)


def test_a_recipe_whose_names_are_gone_has_a_digest(toy: Toy) -> None:
    config = toy()
    assert matching.digest("trial", config.model_copy(update={"corpora": {}, "features": {}}))
