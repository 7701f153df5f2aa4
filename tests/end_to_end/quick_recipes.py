"""Recipes of the book made quick: small networks of random weights, one epoch, two folds, on simulated corpora."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.core import config, paths
from tasks.core.config import Config, Corpus
from tasks.experiments import plan, recipe_book
from tasks.on_demand import simulated_corpora as simulated
from tasks.on_demand.recipe_variants import Sections, variant, with_entries

ROOT = Path(__file__).resolve().parents[2]
# what a recipe is made of stays as it is: one epoch, the smallest pictures that the networks take, two blocks
_ONE_EPOCH: dict[str, Any] = {"epochs": 1, "patience": 0}
_IMAGE = {**_ONE_EPOCH, "head_epochs": 0, "frames": 16, "blocks": [1, 1]}
_QUICK: dict[str, dict[str, Any]] = {
    "feed-forward": {**_ONE_EPOCH, "hidden": [8]},
    "cnn-1d": {**_ONE_EPOCH, "frames": 16},
    "cnn-2d": {**_ONE_EPOCH, "frames": 16},
    "cnn-lstm": {**_ONE_EPOCH, "frames": 16, "hidden": 8},
    "alexnet": {**_ONE_EPOCH, "frames": 64},
    "resnet": {**_IMAGE, "find_learning_rate": False},
    "densenet": {**_IMAGE, "growth": 8},
    "resnext": _IMAGE,
    "speech-fine-tuned": {"epochs": 1, "max_duration_s": 1.0},
    "whisper-fine-tuned": {"epochs": 1, "max_duration_s": 1.0},
    "fine-tuned": {"epochs": 1, "max_tokens": 16},
    "cross-modal": {**_ONE_EPOCH, "projection": 8, "hidden": 4, "heads": 2},
    "cross-modal-svm": {**_ONE_EPOCH, "projection": 8, "hidden": 4, "heads": 2},
    "gated": {**_ONE_EPOCH, "hidden": 8},
    "bilstm": {**_ONE_EPOCH, "hidden": [8, 4]},
    "xgboost": {"n_estimators": 5},
    "stacking": {"folds": 2},
}
_QUICK_FEATURES: dict[str, dict[str, Any]] = {
    "log-mel": {"n_mels": 64},
    "log-spectrogram": {"min_frames": 20},
    "frame-states": {"n_frames": 3, "size": 32},
    "ast-input": {"max_length": 64, "num_mel_bins": 32},
}
# two folds, or one; what is kept apart stays
_QUICK_PROTOCOLS = {
    "speaker-out(6)": "speaker-out(2)",
    "speaker-out(5)": "speaker-out(2)",
    "random(5)": "random(2)",
    "random(10)": "random(2)",
    "script-out(5)": "script-out(2)",
    "fixed(01, 02, 03, 04)": "fixed(01)",
    "fixed(01, 02, 03)": "fixed(01)",
    "fixed(1082, 1083, 1084, 1085, 1086, 1087, 1088, 1089, 1090, 1091)": "fixed(1001)",
    "session-out": "fixed(Ses01F, Ses01M)",
}
_POOLS = {
    "-pairs": ("ravdess", "tess", "crema-d"),
    "-with-iemocap": ("iemocap", "mosei"),
    "-with-iemocap-smile": ("iemocap", "mosei", "smile"),
}


def corpus_of(system: str, recipe: str) -> str:
    """Return what the corpus of a recipe is called here: after its reader, or after what it pools."""
    reader = recipe_book.stock(system, recipe).reader
    if reader == "pool":
        return next(f"pool{end}" for end in _POOLS if recipe.endswith(end))
    # labels of sentiment and an official split, as those of interviews
    return {recipe_book.ANY: "ravdess", "interviews": "meld"}.get(reader, reader)


def simulate(folder: Path) -> dict[str, Corpus]:
    """Make every corpus, as small as it can be, and pools of them; return them by name."""
    known = {}
    for reader in ("ravdess", "tess", "crema-d", "iemocap", "mosei", "aesdd", "meld", "smile"):
        simulated.make(reader, folder / reader)
        known[reader] = Corpus(reader=reader, path=str(folder / reader))
    _thin_out(folder)
    for end, readers in _POOLS.items():
        pool = folder / f"pool{end}"
        for reader in readers:
            shutil.copytree(folder / reader, pool / reader)
        shutil.copy(folder / "tess" / paths.SIMULATED, pool)
        known[pool.name] = Corpus(reader="pool", path=str(pool))
    return known


def _thin_out(folder: Path) -> None:
    """Take away what a simulated corpus has more of than two folds need: every class stays, by every speaker."""
    for clip in (folder / "ravdess").rglob("*.wav"):
        _, _, _, intensity, _, repetition, _ = clip.stem.split("-")
        if (intensity, repetition) != ("01", "01"):
            clip.unlink()
    for clip in (folder / "tess").rglob("*.wav"):
        if clip.stem.split("_")[1] not in ("back", "bar", "base"):
            clip.unlink()


def settings() -> Config:
    """Return the shipped settings, for one process and with few resamples."""
    shipped = config.load(ROOT / paths.PARAMS)
    alone = shipped.runtime.model_copy(update={"workers": 1, "progress": "never"})
    evaluate = shipped.evaluate.model_copy(update={"bootstrap": 100})
    return shipped.model_copy(update={"features": {}, "evaluate": evaluate, "runtime": alone})


def quick(system: str, recipe: str, corpora: Mapping[str, Corpus]) -> tuple[Config, Sections]:
    """Return settings with the corpus of a recipe, and its sections of params.yaml.

    Args:
        system: of the recipe
        recipe: its name
        corpora: from `simulate`
    """
    mine = corpus_of(system, recipe)
    features, experiments = recipe_book.entries(system, recipe, mine)
    ((name, entry),) = experiments.items()
    entry["model"] = _quick(entry["model"])
    if system == "interviews":
        entry["declare"] = ["overlapping spans"]
    if (mine, entry["protocol"]) == ("iemocap", "leave-one-speaker-out"):
        entry["protocol"] = "fixed(Ses01F)"
    entry["protocol"] = _QUICK_PROTOCOLS.get(entry["protocol"], entry["protocol"])
    if "windows" in entry:
        entry["windows"] = {"length_s": min(1.0, entry["windows"]["length_s"]), "hop_s": 0.5}
    if "tune" in entry:
        n_points = 1 if entry["protocol"] == "corpus-pairs" else 2
        grid = {key: values[:n_points] for key, values in entry["tune"]["grid"].items()}
        entry["tune"] = {**entry["tune"], "folds": 2, "grid": grid}
    for feature in features.values():
        feature.setdefault("settings", {}).update(_QUICK_FEATURES.get(feature["extractor"], {}))
    with_corpus = settings().model_copy(update={"corpora": {mine: corpora[mine]}})
    return with_corpus, variant(plan.plan(name, with_entries(with_corpus, features, experiments)), tiny=True)


def shortened(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an experiment's entry with a single seed, networks of one epoch, and two points of its grid.

    Args:
        entry: as the book has it
    """
    short = {**entry, "model": _quick(entry["model"]), "seeds": [7]}
    if "tune" in entry:
        grid = {key: values[:2] for key, values in entry["tune"]["grid"].items()}
        short["tune"] = {**entry["tune"], "folds": 2, "grid": grid}
    return short


def _quick(model: dict[str, Any]) -> dict[str, Any]:
    for key in ("branches", "base"):
        if key in model:
            last = {"last": _quick(model["last"])} if "last" in model else {}
            return {
                **model,
                **_QUICK.get(model["name"], {}),
                key: {kind: _quick(one) for kind, one in model[key].items()},
                **last,
            }
    # a second cycle needs an epoch of its own
    two_cycles = {"epochs": 2, "head_epochs": 1} if "second_learning_rate" in model else {}
    return {**model, **_QUICK.get(model["name"], {}), **two_cycles}
