"""Mistakes that only the corpus shows are reported before extraction: place, found, expected, what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core import paths
from tasks.core.config import Config, load
from tasks.core.errors import ConfigError
from tasks.corpora import intake
from tasks.experiments import plan, plan_checks
from tasks.features.base import checkpoints

Toy = Callable[..., Config]
TUNE = {"grid": {"c": [0.1, 1.0]}}

INVALID: list[tuple[dict[str, Any], str]] = [
    ({"protocol": "speaker-out(9)"}, r"\.protocol: speaker-out\(9\) needs 9 speakers .* there are 8; possible here"),
    ({"protocol": "group-k-fold(20)"}, r"\.protocol: group-k-fold\(20\) needs 20 groups .* there are 8; possible"),
    ({"protocol": "script-out(10)"}, r"\.protocol: script-out\(10\) needs 10 scripts or more, and there are 9"),
    ({"protocol": "fixed(s0, s77)"}, r"\.protocol: fixed\(s0, s77\): there is no speaker s77; there are s0, s1"),
    ({"protocol": "corpus-out"}, r"\.protocol: corpus-out needs 2 corpora or more, and there is 1; possible here"),
    ({"protocol": "official", "only": {"split": ["train"]}}, r"\.protocol: official needs a training and a test part"),
    ({"only": {"script": ["toy/t77"]}}, r"\.only: no utterance of toy has toy/t77 as its script; there are toy/t0"),
    ({"only": {"mood": ["good"]}}, r"\.only: no utterance of toy has good as its mood; columns are .*emotion"),
    ({"exclude": ["toy/nobody-*"]}, r"\.exclude: no utterance of toy has the id toy/nobody-\*; an id is written like"),
    ({"only_in_training": {"tess": []}}, r"\.only_in_training: no utterance is of tess; there are toy"),
    ({"labels": ["anger", "boredom"]}, r"\.labels: no utterance of toy has boredom as its emotion; there are anger"),
    ({"labels": "iemocap-3-text", "only": {"emotion": ["anger"]}}, r"\.labels: found a single class, anger; expected"),
    ({"labels": "mosei-6", "only": {"emotion": ["neutral"]}}, r"trial: no utterance of toy can be used: 48 not what"),
    ({"protocol": "speaker-out(2)", "only": {"speaker": ["toy/s0", "toy/s1"]}, "tune": TUNE},
     r"\.tune\.folds: .*a single speaker in training; .*Use tune\.folds: 0, which takes development rows"),
    ({"protocol": "script-out(2)", "only": {"script": ["toy/t0", "toy/t1"], "speaker": ["toy/s0"]}},
     r"\.protocol: fold 1 of 2 trains on 1 utterances of a single class, (anger|happiness); expected two classes or"),
    ({"features": ["toy-film"], "model": {"name": "bilstm"}},
     r"\.features: they read video, and none of the 72 utterances of toy has it \(0 have"),
]  # fmt: skip


@pytest.fixture
def recipe_of(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., plan.Plan]:
    """Return a function that resolves a recipe over the toy's texts; no features are extracted yet."""
    monkeypatch.setattr(checkpoints, "demand", lambda *_: None)

    def resolved(**recipe: Any) -> plan.Plan:
        config = toy(**{"features": ["toy-more"], **recipe})
        film = config.features["toy-more"].model_copy(update={"extractor": "frame-states"})
        shutil.rmtree(paths.features("toy", "toy-more").parent)
        return plan.plan("trial", config.model_copy(update={"features": {**config.features, "toy-film": film}}))

    return resolved


@pytest.mark.parametrize(("recipe", "message"), INVALID, ids=[message for _, message in INVALID])
def test_a_recipe_that_its_corpus_cannot_serve(
    recipe_of: Callable[..., plan.Plan], recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        plan_checks.demand_corpus([recipe_of(**recipe)])
    assert str(caught.value).startswith("params.yaml: experiments.trial")


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"protocol": "official"},
        {"protocol": "speaker-and-script-out(2)", "tune": TUNE},
        {"protocol": "speaker-out(2)", "only": {"speaker": ["toy/s0", "toy/s1"]}, "tune": {**TUNE, "folds": 0}},
        {"protocol": "random(3)", "tune": TUNE},
        {"target": "sentiment", "balance": "smote"},
    ],
)
def test_a_recipe_that_works(recipe_of: Callable[..., plan.Plan], recipe: dict[str, Any]) -> None:
    plan_checks.demand_corpus([recipe_of(**recipe)])


def test_all_recipes_are_checked_at_once_and_their_lines_are_named(toy: Toy) -> None:
    config = toy()
    entry = {"corpus": "toy", "target": "emotion", "model": {"name": "tf-idf"}}
    intake.write_entries(
        paths.PARAMS,
        {
            "corpora": {"toy": {"reader": "plain", "path": "nowhere"}},
            "features": {"toy-text": {"corpus": "toy", "extractor": "text"}},
            "experiments": {
                "one": {**entry, "features": ["toy-text"], "protocol": "speaker-out(9)"},
                "two": {
                    **entry,
                    "features": ["toy-text"],
                    "protocol": "speaker-out(2)",
                    "labels": ["anger", "boredom"],
                },
            },
        },
    )
    config = load(paths.PARAMS)
    with pytest.raises(ConfigError) as caught:
        plan_checks.demand_corpus([plan.plan(name, config) for name in ("one", "two")])
    lines = paths.PARAMS.read_text().splitlines()
    for message, key in zip(str(caught.value).splitlines(), ("protocol: speaker-out(9)", "labels:"), strict=True):
        assert key in lines[int(message.split(":")[1]) - 1]


def test_a_corpus_that_is_not_read_yet_is_checked_later(toy: Toy) -> None:
    config = toy(protocol="speaker-out(9)")
    paths.utterances("toy").unlink()
    plan_checks.demand_corpus([plan.plan("trial", config)])


def test_missing_checkpoints_are_named_with_what_to_do(toy: Toy, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    (tmp_path / "empty").mkdir()
    base = {"text": {"name": "fine-tuned", "checkpoint": "./nowhere"}, "vector": {"name": "logistic"}}
    config = toy(features=["toy-words", "toy-more"], model={"name": "stacking", "base": base})
    more = config.features["toy-more"].model_copy(update={"settings": {"checkpoint": str(tmp_path / "empty")}})
    config = config.model_copy(update={"features": {**config.features, "toy-more": more}})
    with pytest.raises(ConfigError) as caught:
        plan_checks.demand_corpus([plan.plan("trial", config)])
    of_features, of_model = str(caught.value).splitlines()
    assert of_features.startswith("params.yaml: features.toy-more.settings.checkpoint: ")
    assert "lacks a configuration (config.json) and weights (model.safetensors" in of_features
    assert of_model.startswith("params.yaml: experiments.trial.model.base.text.checkpoint: ")
    assert "there is no folder" in of_model
    for message in (of_features, of_model):
        assert "Its folder needs config.json, model.safetensors and tokenizer.json" in message
        assert "undertone experiment run trial --tiny" in message


def test_random_weights_are_never_missing(toy: Toy) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    config = toy(features=["toy-words"], model={"name": "fine-tuned", "checkpoint": "tiny:text"})
    resolved = plan.plan("trial", config)
    plan_checks.demand_corpus([resolved])
    assert resolved.random_weights
    assert not plan.plan("trial", toy()).random_weights
