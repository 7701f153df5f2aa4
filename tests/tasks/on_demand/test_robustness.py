"""Robustness: models of the folds on altered sound, on the same utterances, and no model trained on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.core import artifacts, each, paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.experiments import plan
from tasks.on_demand import robustness
from tasks.pages.experiment import robustness as robustness_section
from tests.tasks.on_demand.applying.conftest import _built, trained  # noqa: F401  (fixtures)


def measure(config: Config, name: str, **more: Any) -> dict[str, Any]:
    alone = each.local(config.runtime.model_copy(update={"workers": 1, "progress": "never"}))
    return robustness.measure(name, config, each=alone, **more)


def test_every_alteration_is_scored_on_the_same_utterances(trained: Config) -> None:  # noqa: F811
    result = measure(trained, "adapted")
    names = [entry["alteration"] for entry in result["alterations"]]
    assert names == list(robustness.ALTERATIONS)
    assert (result["n"], result["of"]) == (36, 36)
    assert all(entry["n"] == 36 for entry in result["alterations"])
    for entry in result["alterations"]:
        loss = result["scores"]["uar"]["value"] - entry["scores"]["uar"]["value"]
        assert entry["loss"]["uar"]["value"] == pytest.approx(loss)
        assert 0 <= entry["changed"] <= 1
    by_name = {entry["alteration"]: entry for entry in result["alterations"]}
    # functionals have the level of a clip as a single feature
    assert by_name["12 dB softer"]["changed"] < 0.4
    results = artifacts.read_json(paths.experiment("adapted") / "results.json")
    section = robustness_section.section(results, json.loads(json.dumps(result)))
    assert section is not None
    assert [row.alteration for row in section.rows] == ["as it is", *robustness.ALTERATIONS]
    assert (section.n, section.of, section.is_outdated) == (36, 36, False)
    assert section.sentence == robustness_section.sentence(result)


def test_fewer_utterances_are_drawn_by_their_ids(trained: Config) -> None:  # noqa: F811
    result = measure(trained, "adapted", most=12)
    assert (result["n"], result["of"]) == (12, 36)
    assert measure(trained, "adapted", most=12) == result


def test_sound_as_it_is_gives_the_stored_predictions(
    trained: Config,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(robustness, "ALTERATIONS", {"none": lambda samples, _, __: samples})
    (entry,) = measure(trained, "adapted")["alterations"]
    assert entry["changed"] == 0
    assert entry["loss"]["uar"] == {"value": 0, "low": 0, "high": 0}


@pytest.mark.parametrize(("name", "message"), [("words", "found the features text"), ("frames", "found windows")])
def test_other_recipes_are_refused(name: str, message: str, trained: Config) -> None:  # noqa: F811
    with pytest.raises(InputError, match=message):
        robustness.demand_acoustic(plan.plan(name, trained))
