"""What the published corpora yield through recipes of the book: figures that the docs quote (`make measure`)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.project import workspace
from tasks.__main__ import run as run_stage
from tasks.core import each, paths
from tasks.core.config import Config, Corpus, Experiment, Extraction, load
from tasks.corpora import intake
from tasks.experiments import recipe_book
from tasks.on_demand import recipe_adaptation
from tasks.weights import store

pytest.importorskip("torch", reason="sentence embeddings need the extra `deep`")
pytestmark = [pytest.mark.bench, pytest.mark.real, pytest.mark.timeout(7200), pytest.mark.filterwarnings("default")]
Measure = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all figures: features are computed once."""
    made = tmp_path_factory.mktemp("measured") / "project"
    workspace.create(made)
    return made


@pytest.fixture
def measure(folder: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Run a recipe of the book on a real corpus, print its figures, and return them."""
    monkeypatch.chdir(folder)

    def run(system: str, recipe: str, corpus: str) -> dict[str, Any]:
        features, experiments = recipe_book.entries(system, recipe, corpus)
        known = load(paths.PARAMS)
        entry = {corpus: {"reader": corpus, "path": str(real_data / corpus)}}
        intake.write_entries(paths.PARAMS, {"corpora": {} if corpus in known.corpora else entry})
        ((name, recipe_entry),) = experiments.items()
        stock = recipe_book.stock(system, recipe)
        adapted, _ = recipe_adaptation.adapted(stock, features, name, recipe_entry, load(paths.PARAMS))
        intake.write_entries(paths.PARAMS, {"features": features, "experiments": {name: adapted}})
        settings = load(paths.PARAMS)
        done = [] if paths.utterances(corpus).is_file() else [f"corpus@{corpus}"]
        done += [f"extract@{one}" for one in features if not paths.features(corpus, one).is_dir()]
        for stage in (*done, f"experiment@{name}"):
            run_stage(stage, settings, each.local(settings.runtime), by="make measure")
        found: dict[str, Any] = json.loads((paths.experiment(name) / "results.json").read_text())
        cost = json.loads(paths.cost(name).read_text())
        shown = {one: f"{found['scores'][one]['value']:.3f} ({found['scores'][one]['low']:.3f}–"
                      f"{found['scores'][one]['high']:.3f})" for one in ("weighted_f1", "uar", "accuracy")}  # fmt: skip
        print(
            f"\n{name}: {found['protocol']}, n = {found['n']:,}, {shown}, trained in {cost['training_s']['recipe']} s"
        )
        return found

    return run


@pytest.mark.parametrize(("target", "expected"), [("emotion", 0.556), ("sentiment", 0.649)])
def test_frozen_embeddings_reproduce_what_was_measured(measure: Measure, target: str, expected: float) -> None:
    found = measure("meld-text-audio", f"logistic-{target}", "meld")
    assert found["scores"]["weighted_f1"]["value"] == pytest.approx(expected, abs=0.01)
    assert found["baselines"]["shuffled labels"]["uar"]["value"] < 1 / len(found["outputs"]) + 0.03


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        ("random-minilm-logistic-sentiment", 0.504),
        ("random-minilm-logistic-emotion", 0.481),
        ("random-minilm-xgboost-sentiment", 0.524),
        ("random-minilm-xgboost-emotion", 0.520),
    ],
)
def test_published_figures_are_beaten_under_their_own_protocol(measure: Measure, recipe: str, published: float) -> None:
    found = measure("meld-text-audio", recipe, "meld")
    assert found["leaky"]
    assert found["scores"]["accuracy"]["low"] > published


@pytest.mark.parametrize(("target", "least"), [("emotion", 0.60), ("sentiment", 0.68)])
def test_a_fine_tuned_encoder(measure: Measure, target: str, least: float) -> None:
    assert measure("meld-text-audio", f"fine-tuned-{target}", "meld")["scores"]["weighted_f1"]["value"] >= least


@pytest.mark.skipif(not store.is_here("all-mpnet-base-v2"), reason=store.missing("all-mpnet-base-v2"))
@pytest.mark.parametrize(("target", "least"), [("emotion", 0.60), ("sentiment", 0.68)])
def test_frozen_layers_of_an_utterance_and_its_neighbours(measure: Measure, target: str, least: float) -> None:
    found = measure("meld-text-audio", f"dialogue-logistic-{target}", "meld")
    assert found["scores"]["weighted_f1"]["value"] >= least
    assert found["baselines"]["shuffled labels"]["uar"]["value"] < 1 / len(found["outputs"]) + 0.03


def test_functionals_of_ravdess(measure: Measure) -> None:
    found = measure("acoustic", "functionals-svm", "ravdess")
    assert found["scores"]["uar"]["value"] >= 0.56
    assert found["n"] == 1080
    errors = [found["calibration"][when]["ece"] for when in ("before", "after")]
    print(f"calibration error: {errors[0]:.3f} before, {errors[1]:.3f} after")
    assert errors[1] <= 0.08


def test_the_best_network_from_scratch_on_ravdess(measure: Measure) -> None:
    found = measure("ser-bench", "ravdess-feed-forward-eight", "ravdess")
    assert found["scores"]["uar"]["value"] >= 0.58
    assert found["baselines"]["shuffled labels"]["uar"]["value"] < 1 / 8 + 0.04


@pytest.mark.parametrize("recipe", ["cnn-1d-3", "cnn-1d-5", "cnn-1d-8", "cnn-2d-2", "cnn-2d-6", "cnn-lstm-attention"])
def test_networks_over_spectrograms_hear_emotions(measure: Measure, recipe: str) -> None:
    found = measure("ser-bench", f"ravdess-{recipe}-eight", "ravdess")
    scores, shuffled = found["scores"]["uar"], found["baselines"]["shuffled labels"]["uar"]
    assert scores["low"] > shuffled["high"]


def test_late_fusion_is_no_worse_than_the_better_of_its_branches(measure: Measure) -> None:
    fused = measure("ser-bench", "ravdess-late-fusion-eight", "ravdess")["scores"]["uar"]["value"]
    heard = measure("ser-bench", "ravdess-cnn-1d-3-eight", "ravdess")["scores"]["uar"]["value"]
    assert fused >= heard
    assert fused >= measure("acoustic", "functionals-svm", "ravdess")["scores"]["uar"]["value"]


def test_the_price_of_the_leak_on_tess(measure: Measure) -> None:
    across = measure("ser-bench", "tess-cnn-1d-3", "tess")
    at_random = measure("ser-bench", "tess-cnn-1d-3-random", "tess")
    assert not across["leaky"]
    assert at_random["leaky"]
    assert at_random["scores"]["uar"]["value"] > across["scores"]["uar"]["value"] + 0.1


@pytest.mark.skipif(not store.is_here("whisper-base"), reason=store.missing("whisper-base"))
@pytest.mark.parametrize(("corpus", "uar"), [("ravdess", 0.76), ("tess", 0.68)])
def test_whispers_encoder_tells_emotions_of_unheard_speakers(measure: Measure, corpus: str, uar: float) -> None:
    found = measure("speech-models", "whisper", corpus)
    assert found["scores"]["uar"]["value"] >= uar
    assert found["baselines"]["shuffled labels"]["uar"]["value"] < 1 / len(found["outputs"]) + 0.04


@pytest.mark.skipif(not store.is_here("whisper-base"), reason=store.missing("whisper-base"))
def test_ten_unlabelled_clips_of_each_test_speaker(measure: Measure) -> None:
    adapted = measure("speech-models", "whisper-adapted", "ravdess")["adaptation"]
    draws, scores = adapted["one_sided"]["draws"], adapted["scores"]["uar"]
    print(f"{adapted['name']}: {scores}, clips of one class {adapted['one_class']['uar']['value']:.3f}")
    print(f"called one-sided: {draws['one class']['share']:.3f} of one class, {draws['random']['share']:.3f} of random")
    assert scores["value"] >= 0.81
    assert draws["one class"]["share"] > 0.9 > 0.1 > draws["random"]["share"]


@pytest.mark.skipif(not store.is_here("whisper-base"), reason=store.missing("whisper-base"))
def test_speakers_of_another_corpus_standardised_without_labels(
    project: Path, settings: Config, real_data: Path
) -> None:
    for name in ("ravdess", "tess"):
        shutil.copytree(real_data / name, project / "acted" / name)
    features, experiments = recipe_book.entries("speech-models", "pool-whisper-adapted", "acted")
    chosen = settings.model_copy(
        update={
            "corpora": {"acted": Corpus(reader="pool", path="acted")},
            "features": {name: Extraction(**entry) for name, entry in features.items()},
            "experiments": {name: Experiment(**entry) for name, entry in experiments.items()},
        }
    )
    (name,) = experiments
    for stage in ("corpus@acted", "extract@acted-whisper", f"experiment@{name}"):
        run_stage(stage, chosen, each.local(settings.runtime), by="make measure")
    found = json.loads((paths.experiment(name) / "results.json").read_text())
    plain, adapted = ({fold["fold"]: fold["uar"] for fold in part["folds"]} for part in (found, found["adaptation"]))
    print(f"RAVDESS → TESS: plain {plain['ravdess → tess']:.3f}, adapted {adapted['ravdess → tess']:.3f}")
    assert adapted["ravdess → tess"] >= 0.66


def test_least_squares_over_functionals_without_pretrained_weights(measure: Measure) -> None:
    assert measure("acoustic", "functionals-ridge", "ravdess")["scores"]["uar"]["value"] >= 0.64
