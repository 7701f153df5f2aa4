"""A recipe with another pretrained model: of a folder, or a small one with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import paths
from tasks.core.config import Config, load
from tasks.core.errors import InputError
from tasks.corpora import intake
from tasks.experiments import plan, recipe_book
from tasks.features.base import checkpoints
from tasks.on_demand.recipe_variants import variant, with_entries
from tests.tasks.experiment_runs import run

pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("transformers", reason="the extra deep is not installed")

Toy = Callable[..., Config]


def stock(toy: Toy, system: str, recipe: str, reader: str) -> plan.Plan:
    features, experiments = recipe_book.entries(system, recipe, "toy")
    ((name, _),) = experiments.items()
    return plan.plan(name, with_entries(toy(reader=reader), features, experiments))


def test_every_pretrained_model_gets_random_weights(toy: Toy) -> None:
    whole = stock(toy, "ser-bench", "iemocap-wav2vec2-bert-four", "iemocap")
    assert {use.kind for use in whole.checkpoint_uses} == {"text", "speech"}
    sections = variant(whole, tiny=True)
    small = plan.plan(f"{whole.name}-tiny", with_entries(whole.config, **sections))
    assert set(small.checkpoints) == {"tiny:text", "tiny:speech"}
    assert small.random_weights
    assert small.protocol == whole.protocol
    assert whole.recipe.model_dump(exclude={"model", "features"}) == small.recipe.model_dump(
        exclude={"model", "features"}
    )


def test_feature_sets_with_random_weights_have_names_of_their_own(toy: Toy) -> None:
    sections = variant(stock(toy, "meld-trimodal", "trimodal", "meld"), tiny=True)
    (entry,) = sections["experiments"].values()
    assert set(entry["features"]) == set(sections["features"])
    assert {name for blocks in entry["model"]["together"].values() for name in blocks} == set(entry["features"])
    of_pretrained = [name for name in entry["features"] if name.endswith("-tiny")]
    assert 0 < len(of_pretrained) < len(entry["features"]), "prosody needs no pretrained model"


def test_a_tokenizer_keeps_its_kind_and_a_network_its_layers(toy: Toy) -> None:
    roberta = variant(stock(toy, "ser-bench", "mosei-roberta-four", "mosei"), tiny=True)
    assert roberta["experiments"]["toy-mosei-roberta-four-tiny"]["model"]["checkpoint"] == "tiny:roberta"
    densenet = variant(stock(toy, "ser-bench", "ravdess-densenet-eight", "ravdess"), tiny=True)
    model = densenet["experiments"]["toy-ravdess-densenet-eight-tiny"]["model"]
    assert {"checkpoint": "tiny:network", "head_epochs": 0, "epochs": 1, "blocks": [1, 1]}.items() <= model.items()


def test_a_recipe_without_a_pretrained_model_stays_as_it_is(toy: Toy) -> None:
    whole = stock(toy, "acoustic", "functionals-svm", "ravdess")
    sections = variant(whole, tiny=True)
    assert list(sections["experiments"]) == [whole.name]
    again = plan.plan(whole.name, with_entries(whole.config, **sections))
    assert again == whole


def test_results_say_that_weights_were_random(toy: Toy) -> None:
    whole = plan.plan("trial", toy(features=["toy-words"], model={"name": "fine-tuned", "max_tokens": 16}))
    config = with_entries(whole.config, **variant(whole, tiny=True))
    assert run(config, "trial-tiny")["random_weights"]
    assert "random weights" in paths.page("trial-tiny").read_text().lower()
    assert run(toy())["random_weights"] is False


def test_a_folder_replaces_models_of_its_kind_alone(toy: Toy) -> None:
    text = checkpoints.folder_of("tiny:text")
    whole = stock(toy, "ser-bench", "iemocap-wav2vec2-bert-four", "iemocap")
    sections = variant(whole, [text])
    changed = plan.plan(whole.name, with_entries(whole.config, **sections))
    speech = {use.place: use.checkpoint for use in whole.checkpoint_uses if use.kind == "speech"}
    assert {use.place: use.checkpoint for use in changed.checkpoint_uses if use.kind == "speech"} == speech
    assert {use.checkpoint for use in changed.checkpoint_uses if use.kind == "text"} == {text}
    both = variant(whole, [text, checkpoints.folder_of("tiny:speech")])
    assert len(set(plan.plan(whole.name, with_entries(whole.config, **both)).checkpoints)) == 2


def test_features_that_other_recipes_read_are_not_changed(toy: Toy) -> None:
    text = checkpoints.folder_of("tiny:text")
    whole = stock(toy, "meld-text-audio", "logistic-emotion", "meld")
    assert list(variant(whole, [text])["features"]) == ["toy-minilm"]
    sections = variant(whole, [text], shared=["toy-minilm"])
    ((name, entry),) = sections["features"].items()
    assert name.startswith("toy-minilm-tiny-text-")
    assert entry["settings"]["checkpoint"] == text
    assert sections["experiments"][whole.name]["features"] == [name]


def test_a_folder_of_another_kind_is_refused(toy: Toy, tmp_path: Path) -> None:
    whole = stock(toy, "meld-text-audio", "fine-tuned-emotion", "meld")
    image = checkpoints.folder_of("tiny:image")
    with pytest.raises(InputError, match=r"is of the kind image; pretrained models of .*: all-MiniLM-L6-v2 \(text, "):
        variant(whole, [image])
    with pytest.raises(InputError, match="there is no folder"):
        variant(whole, ["./nowhere"])
    with pytest.raises(InputError, match="lacks a configuration"):
        variant(whole, [str(tmp_path)])


@pytest.mark.parametrize(("name", "kind"), [("tiny:text", "text"), ("tiny:roberta", "text"), ("tiny:ast", "ast"),
                                            ("tiny:speech", "speech"), ("tiny:image", "image")])  # fmt: skip
def test_the_kind_of_a_folder(project: Path, name: str, kind: str) -> None:
    assert checkpoints.kind_of(checkpoints.folder_of(name)) == kind


def test_an_entry_is_changed_in_place_and_keeps_its_comments(project: Path) -> None:
    text = paths.PARAMS.read_text().replace("corpora: {}", "corpora:\n  mine: {reader: plain, path: here}  # ours")
    start, end = text.index("\nfeatures:"), text.index("\nexperiments:")
    own = "\nfeatures:\n  # of the whole text\n  mine-text:\n    corpus: mine  # all of it\n    extractor: text\n"
    paths.PARAMS.write_text(text[:start] + own + text[end:] if start < end else text + own)
    changed = {"corpus": "mine", "extractor": "text-embedding", "settings": {"checkpoint": "tiny:text"}}
    intake.write_entries(paths.PARAMS, {"features": {"mine-text": changed}})
    written = paths.PARAMS.read_text()
    assert "corpus: mine  # all of it" in written
    assert load(paths.PARAMS).features["mine-text"].model_dump() == changed
