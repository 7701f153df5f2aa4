"""The leak of iemocap-fusion and meld-trimodal: what has learned the test by heart looks good on nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import ConfigError, LeakError
from tasks.experiments import plan
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
FUSED: dict[str, Any] = {
    "features": ["toy-voice", "toy-more"],
    # as good as a memory: every row of training is its own neighbourhood
    "model": {"name": "fusion", "branches": {"vector": {"name": "rbf-svm", "c": 1000.0, "gamma": 5.0}}, "c": 1.0},
    "protocol": "random(3)",
    "strength": 0.0,
}  # fmt: skip


def test_features_that_say_nothing_are_at_chance_unless_branches_have_seen_the_test(toy: Toy) -> None:
    honest = run(toy(**FUSED))
    assert honest["scores"]["uar"]["low"] < 1 / 3 + 0.05
    assert not [one for one in honest["audit"] if one["check"] == "learned in parts"]
    leaky = run(toy(**FUSED, branches_see="everything"))
    assert leaky["scores"]["uar"]["low"] > honest["scores"]["uar"]["high"] + 0.2
    assert leaky["scores"]["uar"]["value"] > 0.9
    # labels in random order teach the last layer to trust its branches, and those know the test's own labels
    shuffled = [one["baselines"]["shuffled labels"]["uar"]["value"] for one in (honest, leaky)]
    assert shuffled[0] < 0.5 < 0.9 < shuffled[1]
    (told,) = [one for one in leaky["audit"] if one["check"] == "learned in parts"]
    assert (told["severity"], told["n"], told["of"]) == ("declared", 72, 72)
    page = paths.page("trial").read_text()
    assert "100.0% of the test utterances have been learned by parts of the model" in page


def test_under_an_honest_protocol_it_stops_the_run_unless_it_is_declared(toy: Toy) -> None:
    seen = {**FUSED, "protocol": "speaker-out(2)", "branches_see": "everything"}
    with pytest.raises(LeakError, match=r"learned in parts: 100\.0% of the test utterances"):
        run(toy(**seen))
    declared = run(toy(**seen, declare=["learned-in-parts"]))
    assert declared["branches_see"] == "everything"
    page = paths.page("trial").read_text()
    assert "LEAKY" in page


def test_it_is_about_fusions(toy: Toy) -> None:
    with pytest.raises(
        ConfigError,
        match="branches_see: it works with fusion and cross-modal-svm only; found the model logistic",
    ):
        plan.plan("trial", toy(branches_see="everything"))


@pytest.mark.long
def test_an_svm_on_a_network_that_has_seen_the_test_looks_good_on_nothing(toy: Toy) -> None:
    pytest.importorskip("lightning")
    model = {
        "name": "cross-modal-svm", "projection": 48, "hidden": 24, "heads": 2, "epochs": 150, "learning_rate": 0.01,
        "dropout": 0.0, "restore_best": False,
    }  # fmt: skip
    trained: dict[str, Any] = {
        "features": ["toy-voice", "toy-steps"], "model": model, "protocol": "random(3)", "strength": 0.0,
    }  # fmt: skip
    honest, leaky = run(toy(**trained)), run(toy(**trained, branches_see="everything"))
    assert honest["scores"]["uar"]["low"] < 1 / 3 + 0.05
    assert leaky["scores"]["uar"]["value"] > 0.9
    assert (
        leaky["baselines"]["shuffled labels"]["uar"]["value"] > honest["baselines"]["shuffled labels"]["uar"]["value"]
    )
