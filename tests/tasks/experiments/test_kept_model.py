"""Kept models: every family gives the stored predictions; damaged, incomplete and old folders are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config, Section
from tasks.core.errors import ConfigError, InputError, TableError
from tasks.experiments import data as experiment_data
from tasks.experiments import folds, kept_model, model_folder, plan
from tasks.experiments.fit_item import Fit
from tasks.experiments.fitting import fit_one
from tasks.experiments.kept_model import KeptModel
from tasks.experiments.runs import Fits
from tasks.features.base import store
from tasks.features.base.tiny_checkpoints import tiny_speech_encoder, tiny_text_encoder
from tasks.models.base import registry
from tests.tasks.conftest import EMOTIONS
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
MODEL = Path("data/experiment/trial/model")
VECTOR, MORE, STEPS, WORDS = "toy-voice", "toy-more", "toy-steps", "toy-words"
SMALL, BLOCKS = {"epochs": 1, "batch_size": 16}, {"epochs": 1, "batch_size": 16, "blocks": [1, 1]}
BRANCHES = {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm", "epochs": 1}, "text": {"name": "tf-idf"}}
NETWORKS = {"vector": {"name": "feed-forward", "epochs": 1}, "sequence": {"name": "bilstm", "epochs": 1}}
FAMILIES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "alexnet": ([STEPS], SMALL),
    "bilstm": ([STEPS], SMALL),
    "cnn-1d": ([STEPS], SMALL),
    "cnn-2d": ([STEPS], SMALL),
    "cnn-lstm": ([STEPS], SMALL),
    "cross-modal": ([VECTOR, STEPS], SMALL),
    "cross-modal-svm": ([VECTOR, STEPS], SMALL),
    "densenet": ([STEPS], {**BLOCKS, "growth": 4}),
    "feed-forward": ([VECTOR], SMALL),
    "fine-tuned": ([WORDS], {**SMALL, "max_tokens": 12}),
    "fusion": ([VECTOR, STEPS], {"branches": NETWORKS}),
    "gated": ([VECTOR, MORE], SMALL),
    "late-fusion": ([VECTOR, STEPS], {"branches": BRANCHES}),
    "linear-svm": ([VECTOR], {}),
    "logistic": ([VECTOR, MORE], {}),
    "rbf-svm": ([VECTOR], {}),
    "resnet": ([STEPS], BLOCKS),
    "resnext": ([STEPS], BLOCKS),
    "ridge": ([VECTOR], {}),
    "ridge-classifier": ([VECTOR], {}),
    "speech-fine-tuned": ([STEPS], {**SMALL, "accumulate": 1, "spec_augment": False}),
    "stacking": ([VECTOR, STEPS], {"base": BRANCHES, "folds": 2}),
    "tf-idf": ([WORDS], {}),
    "whisper-fine-tuned": ([STEPS], {**SMALL, "accumulate": 1, "checkpoint": "tiny:whisper", "trained_layers": 1}),
    "xgboost": ([VECTOR], {"n_estimators": 5}),
}  # fmt: skip
IMAGES, LARGE = {"alexnet", "resnet", "resnext", "densenet"}, {"alexnet"}
METRICS = {
    "measure": "uar", "scores": {"uar": {"value": 0.6, "low": 0.5, "high": 0.7}}, "baselines": {}, "calibration": None,
    "protocol": "official", "protocol_in_words": "as published", "leaky": False, "simulated": True, "versions": {},
    "recipe_sha256": "0" * 64,
}  # fmt: skip


def write_sequences(rows: list[dict[str, Any]], shape: Callable[[np.random.Generator], tuple[int, int]]) -> None:
    """Replace `toy-steps` by sequences of other shapes."""
    rng = np.random.default_rng(3)
    values = [
        store.row(row["utterance_id"], rng.normal(size=shape(rng)) + EMOTIONS.index(row["emotion"])) for row in rows
    ]
    card = {"extractor": "toy", "title": "toy", "settings": {}, "gives": "sequence", "step_s": 0.01}
    store.write(paths.features("toy", STEPS), [tables.from_rows(values, store.EXTRACTED)], card)


def kept(config: Config) -> tuple[KeptModel, Any, Mapping[str, Any]]:
    """Fit a recipe's only fold, write its folder, and load it; return the model, the test rows and their record."""
    recipe = plan.plan("trial", config)
    data = experiment_data.load(recipe)
    item = Fit(recipe, data.digest, "", 0, 7, keep=True)
    record = fit_one(item, Section()).rows.to_pylist()[0]
    model_folder.write(
        MODEL, recipe, data, model_folder.kept(recipe, data, Fits("recipe", (item,), (record,))), METRICS
    )
    split = folds.split_of(item, data)
    return kept_model.load(MODEL), data.inputs.rows(split.test), record


def test_every_family_is_tested() -> None:
    assert set(FAMILIES) == set(registry.names())


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in sorted(FAMILIES)]
)
def test_a_loaded_model_gives_the_stored_predictions(name: str, toy: Toy, tmp_path: Path) -> None:
    features, settings = FAMILIES[name]
    if name == "fine-tuned":
        settings = {**settings, "checkpoint": str(tiny_text_encoder(tmp_path / "text"))}
    if name == "speech-fine-tuned":
        settings = {**settings, "checkpoint": str(tiny_speech_encoder(tmp_path / "speech"))}
    target = {"reader": "mosei", "extra": True, "target": "sentiment_intensity"} if name == "ridge" else {}
    config = toy(protocol="official", size=(5, 6), features=features, model={"name": name, **settings}, **target)
    rows = tables.read_corpus(paths.utterances("toy")).to_pylist()
    if name in IMAGES:
        write_sequences(rows, lambda rng: (int(rng.integers(70, 80)), 72))
    if name == "speech-fine-tuned":
        write_sequences(rows, lambda rng: (int(rng.integers(1600, 3200)), 1))
    if name == "whisper-fine-tuned":
        write_sequences(rows, lambda rng: (int(rng.integers(20, 40)), 80))
    model, inputs, record = kept(config)
    shutil.rmtree(tmp_path / "text", ignore_errors=True)
    shutil.rmtree(tmp_path / "speech", ignore_errors=True)
    assert model.card.experiment == "trial"
    assert model.scores(inputs).tolist() == record["scores"]


def stored(columns: list[str]) -> dict[str, list[float]]:
    """Return columns of the recipe's stored predictions by utterance."""
    table = pq.read_table(paths.experiment("trial") / "predictions.parquet")
    table = table.filter(pc.equal(table["variant"], "recipe"))
    return {row["utterance_id"]: [row[name] for name in columns] for row in table.to_pylist()}


def utterances_of_test(config: Config) -> tuple[list[str], Any]:
    """Return ids and features of the test utterances, not cut into windows."""
    recipe = plan.plan("trial", config)
    data = experiment_data.load(recipe)
    (split,) = folds.folds(recipe, data, 7)
    ids = sorted(set(data.clips[split.test].tolist()))
    sets = {part.name: store.read(paths.features("toy", part.name)) for part in recipe.parts}
    places = {name: store.positions(features, ids) for name, features in sets.items()}
    units = np.full(len(ids), "", dtype=str)
    return ids, experiment_data.inputs_of(recipe.parts, recipe.recipe.missing, sets, places, units)


WINDOWS = {"windows": {"length_s": 0.02, "hop_s": 0.01}, "clips": {"by": "mean", "floor": 0.6, "smooth": 3}}
LABELS = {"reader": "mosei", "extra": True, "target": "emotions", "model": {"name": "logistic"}}


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param({"features": ["toy-frames"], "model": {"name": "bilstm", "epochs": 2}, **WINDOWS}, id="windows"),
        pytest.param({**LABELS, "threshold": 0.3}, id="labels"),
        pytest.param({**LABELS, "threshold": "tuned"}, id="tuned"),
        pytest.param({**LABELS, "target": "intensities", "model": {"name": "ridge"}}, id="intensities"),
        pytest.param(
            {
                **LABELS,
                "target": "intensities",
                "features": ["toy-frames"],
                "model": {"name": "bilstm", "epochs": 2},
                "windows": {"length_s": 0.02, "hop_s": 0.01},
                "clips": {"by": "mean", "smooth": 3},
            },
            id="intensities of windows",
        ),
    ],
)
def test_windows_and_labels_are_scored_as_in_the_predictions(toy: Toy, recipe: dict[str, Any]) -> None:
    config = toy(protocol="official", **recipe)
    run(config)
    model = kept_model.load(MODEL)
    ids, inputs = utterances_of_test(config)
    assert dict(zip(ids, model.scores(inputs).tolist(), strict=True)) == stored([f"score {n}" for n in model.outputs])
    if recipe.get("threshold") == "tuned":
        assert len(model.card.thresholds or ()) == len(model.outputs)
        assert model.probabilities(model.scores(inputs)) is None


def test_probabilities_are_calibrated_and_keep_the_order(toy: Toy) -> None:
    run(toy(protocol="official", model={"name": "linear-svm"}))
    model = kept_model.load(MODEL)
    sums = np.random.default_rng(1).normal(size=(50, 3))
    scores = sums.argsort(axis=1).argsort(axis=1) + sums / (3 * (np.abs(sums) + 1))
    probabilities = model.probabilities(scores)
    assert probabilities is not None
    assert model.card.calibration is not None
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == scores.argmax(axis=1)).all()
    logs = np.log(probabilities) * model.card.calibration.temperature
    np.testing.assert_allclose(logs - logs[:, :1], sums - sums[:, :1], atol=1e-5)


def test_novelty_is_the_distance_from_the_training_rows(toy: Toy) -> None:
    config = toy(protocol="official", features=["toy-voice"])
    model, inputs, _ = kept(config)
    near = model.novelty(inputs)
    far = model.novelty(type(inputs)(inputs.units, {"toy-voice": inputs.vectors["toy-voice"] + 40}))
    assert near is not None
    assert far is not None
    assert model.card.novelty is not None
    assert near.mean() < model.card.novelty.bound < far.min()


def test_no_novelty_of_texts(toy: Toy) -> None:
    model, inputs, _ = kept(toy(protocol="official", features=[WORDS], model={"name": "tf-idf"}))
    assert model.novelty(inputs) is None


@pytest.fixture
def folder(toy: Toy) -> Path:
    """A kept model."""
    kept(toy(protocol="official", size=(5, 6)))
    return MODEL


def test_every_file_is_verified(folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for damaged in (content[: len(content) // 2], content[:-3] + b"\0" + content[-2:], b""):
            path.write_bytes(damaged)
            with pytest.raises(TableError, match=path.name):
                kept_model.load(folder)
        path.unlink()
        with pytest.raises(TableError, match=path.name):
            kept_model.load(folder)
        path.write_bytes(content)
    kept_model.load(folder)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the card and give it its own digest again, as someone could who made the folder."""
    fields = {k: v for k, v in artifacts.read_json(folder / "card.json").items() if k != artifacts.OWN_DIGEST}
    change(fields)
    (folder / "card.json").write_text(artifacts.card_text(fields))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.pop("feature_sets"), "earlier version"),
        (lambda card: card.update(files_sha256={}), "lists no files"),
        (lambda card: card["files_sha256"].update({"../../params.yaml": "0" * 64}), r"\.\./\.\./params"),
        (lambda card: card["files_sha256"].update({"/etc/passwd": "0" * 64}), "/etc/passwd"),
        (lambda card: card["recipe"].update(unknown=1), "unknown"),
        (lambda card: card.update(model="perceptron"), "perceptron"),
        (lambda card: card["feature_sets"][0].update(extractor="ears"), "ears"),
        (lambda card: card["settings"].update(c=-1), "settings"),
        (lambda card: card.update(task="labels"), "threshold"),
        (lambda card: card.update(task="songs"), "task"),
    ],
)
def test_a_card_that_cannot_be_used_is_refused(folder: Path, change: Any, message: str) -> None:
    rewritten(folder, change)
    with pytest.raises((TableError, InputError, ConfigError), match=message):
        kept_model.load(folder)


def test_a_model_is_found_by_its_experiment_or_its_folder(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "exported")
    assert kept_model.folder_of("trial") == folder
    assert kept_model.folder_of(str(tmp_path / "exported")) == tmp_path / "exported"
    with pytest.raises(InputError, match=r"trial is|trained are trial"):
        kept_model.folder_of("trail")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no model"):
        kept_model.folder_of(str(tmp_path / "empty"))


def test_training_media_are_listed(folder: Path) -> None:
    model = kept_model.load(folder)
    listed = json.loads((folder / "training_media.json").read_text())
    assert model.training_media == frozenset(listed)
