"""Mistakes in a recipe are told before anything is computed: where, what was found, what is allowed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tasks.core.config import Config, Corpus, Extraction
from tasks.core.errors import ConfigError
from tasks.experiments import plan

Toy = Callable[..., Config]

MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("meld", {"corpus": "mled"}, "did you mean toy|There are toy"),
    ("meld", {"features": ["toy-vioce"]}, "did you mean toy-voice"),
    ("meld", {"features": ["toy-voice", "toy-voice"]}, "names one twice"),
    ("meld", {"model": {"name": "logistik"}}, "did you mean logistic"),
    ("meld", {"model": {"c": 1.0}}, "a model needs a name"),
    ("meld", {"model": {"name": "logistic", "C": 1.0}}, "unknown key 'C'"),
    ("meld", {"model": {"name": "logistic", "c": "much"}}, r"model\.c"),
    ("meld", {"model": {"name": "logistic", "c": -1.0}}, "above 0"),
    ("meld", {"features": ["toy-words"]}, "give a text per utterance, and logistic takes vector"),
    ("meld", {"target": "mood"}, "there is no target 'mood'"),
    ("ravdess", {"target": "sentiment"}, r"states no sentiment; it states emotion"),
    ("meld", {"target": "sentiment_intensity", "model": {"name": "ridge"}}, "states no sentiment_intensity"),
    ("meld", {"labels": "ekmann"}, "did you mean ekman"),
    ("meld", {"target": "sentiment", "labels": "ekman"}, "chooses among emotions"),
    ("meld", {"target": "native_label", "labels": "ekman"}, "no set of classes of native_labels 'ekman'"),
    ("meld", {"labels": ["anger", "hapiness"]}, "there is no emotion 'hapiness'; did you mean happiness"),
    ("meld", {"labels": {"anger": "bad", "sadness": "bad"}}, "anger as bad, sadness as bad: a single class"),
    ("meld", {"protocol": "speakers-out(5)"}, r"did you mean speaker-out\(k\)"),
    ("meld", {"protocol": "speaker-out"}, "needs a number of folds"),
    ("ravdess", {"protocol": "official"}, "needs the split of every utterance.*possible here: speaker-out"),
    ("mosei", {"protocol": "speaker-out(5)"}, "needs the speaker of every utterance"),
    ("meld", {"protocol": "script-out(5)"}, "needs the script of every utterance"),
    ("meld", {"balance": "smot"}, "found the balancing method"),
    ("meld", {"balance": "first-n"}, r"first-n\(N\)"),
    ("meld", {"balance": "smote", "features": ["toy-words"], "model": {"name": "tf-idf"}}, "that needs vectors"),
    ("meld", {"tune": {"grid": {"gamma": [1.0]}}}, "unknown key 'gamma'"),
    ("meld", {"tune": {"grid": {"c": [1.0]}, "folds": 1}}, "leaves nothing to judge by"),
    ("meld", {"tune": {"grid": {"c": [1.0]}, "by": "mae"}}, "cannot judge the target emotion"),
    ("meld", {"model": {"name": "logistic", "c": 1.0}, "tune": {"grid": {"c": [1.0]}}}, "keep one of the two"),
    ("meld", {"declare": ["overlaping spans"]}, "did you mean overlapping spans"),
    ("meld", {"seeds": [7, 7]}, "names a seed twice"),
    ("mosei", {"target": "emotions", "protocol": "official", "model": {"name": "linear-svm"}}, "cannot learn the"),
    ("ravdess", {"target": "intensities", "model": {"name": "ridge"}}, "states no intensities; it states emotion"),
    ("mosei", {"target": "intensities", "protocol": "official"}, "logistic cannot learn the target intensities"),
    ("mosei", {"target": "intensities", "protocol": "official", "model": {"name": "ridge"}, "threshold": 0.3},
     "threshold: it needs several labels at once; the target is intensities, which is scored at 0.3 and 0.5"),
    ("mosei", {"target": "intensities", "protocol": "official", "model": {"name": "ridge"},
      "tune": {"grid": {"alpha": [1.0]}}}, "uar cannot judge the target intensities; use mse or mae"),
    ("mosei", {"target": "intensities", "protocol": "official", "model": {"name": "ridge"}, "labels": "mosei-6"},
     "chooses among emotions or native labels, and the target is intensities"),
    ("savee", {"features": ["toy-words"], "model": {"name": "tf-idf"}}, "savee has none"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "recipe", "message"), MISTAKES, ids=[message for _, _, message in MISTAKES])
def test_a_mistake_is_told_at_once(toy: Toy, reader: str, recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        plan.plan("trial", toy(reader, **recipe))
    assert str(caught.value).startswith("params.yaml")
    assert "trial" in str(caught.value)


def test_features_of_another_corpus(toy: Toy) -> None:
    config = toy()
    config = config.model_copy(
        update={
            "corpora": {**config.corpora, "other": Corpus(reader="plain", path="x")},
            "features": {**config.features, "toy-voice": Extraction(corpus="other", extractor="functionals")},
        }
    )
    with pytest.raises(ConfigError, match="are of corpus other, not of toy; of toy there are toy-more"):
        plan.plan("trial", config)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"corpus": "tyo", "extractor": "text"}, "there is no corpus 'tyo'"),
        ({"corpus": "toy", "extractor": "txt"}, "did you mean text"),
        ({"corpus": "toy", "extractor": "text", "settings": {"cleanng": "none"}}, "did you mean 'cleaning'"),
        ({"corpus": "toy", "extractor": "text", "settings": {"context": "three"}}, r"settings\.context"),
    ],
)
def test_a_mistake_in_features(toy: Toy, entry: dict[str, Any], message: str) -> None:
    config = toy().model_copy(update={"features": {"mine": Extraction(**entry)}, "experiments": {}})
    with pytest.raises(ConfigError, match=message) as caught:
        plan.demand(config)
    assert str(caught.value).startswith("params.yaml: features.mine")


def test_a_good_recipe_travels_between_processes(toy: Toy) -> None:
    made = plan.plan("trial", toy(model={"name": "linear-svm"}, tune={"grid": {"c": [0.1, 1.0]}}))
    assert [dict(point) for point in made.points] == [{"c": 0.1}, {"c": 1.0}]
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.settings(1).c == 1.0


def test_pretrained_models_are_known_to_the_audit(toy: Toy) -> None:
    made = plan.plan("trial", toy(features=["toy-voice", "toy-more"]))
    assert made.checkpoints == ("all-MiniLM-L6-v2",)
    base = {"vector": {"name": "logistic"}, "text": {"name": "fine-tuned", "checkpoint": "bert-base-uncased"}}
    stacked = plan.plan("trial", toy(features=["toy-voice", "toy-words"], model={"name": "stacking", "base": base}))
    assert stacked.checkpoints == stacked.model_checkpoints == ("bert-base-uncased",)
    assert made.modalities == {"sound": ("toy-voice",), "text": ("toy-more",)}


def test_pretrained_models_that_branches_have_by_default_are_known_too(toy: Toy) -> None:
    pytest.importorskip("torch")
    branches = {"vector": {"name": "logistic"}, "text": {"name": "fine-tuned"}}
    fused = plan.plan("trial", toy(features=["toy-voice", "toy-words"], model={"name": "fusion", "branches": branches}))
    assert fused.model_checkpoints == ("all-MiniLM-L6-v2",)
    without = plan.plan("trial", toy(features=["toy-voice"], model={"name": "fusion", "branches": branches}))
    assert without.model_checkpoints == (), "no text, no text encoder"
    scratch = plan.plan("trial", toy(features=["toy-frames"], model={"name": "resnet", "checkpoint": ""}))
    assert scratch.checkpoints == ()
