"""Every recipe of the book, whole, in one process, on simulated corpora, with random weights in place of pretrained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.core import config, each, paths
from tasks.core.config import Config, Corpus, Experiment
from tasks.corpora.labels import LABEL_SETS
from tasks.evaluation import protocols
from tasks.experiments import plan, recipe_book
from tasks.on_demand import simulated_corpora as simulated
from tasks.on_demand.recipe_variants import variant, with_entries
from tasks.stages import corpus, experiment, extract, page

pytest.importorskip("torch", reason="the benchmark's systems need the extra `deep`")
pytest.importorskip("lightning", reason="the benchmark's systems need the extra `deep`")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(480), pytest.mark.filterwarnings("default")]

FUSION = "iemocap-fusion"
# what else stands in the book of iemocap-fusion differs in protocol and rows alone (test_recipe_book.py)
_ENDINGS = ("bert-improvised", "bert-scripts", "bert-random", "bert-alexnet-seen-random")
RECIPES = [
    (stock.system, stock.name)
    for stock in recipe_book.all_recipes()
    if stock.system != FUSION
    or stock.name in _ENDINGS
    or not stock.name.endswith(("-improvised", "-scripts", "-random"))
]
_AT_EVERY_CHANGE = ("source-ravdess-cnn-2d-2-six", "ravdess-late-fusion-eight", "trimodal", "bert-alexnet")
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def spoken(folder: Path) -> dict[str, Corpus]:
    """Every corpus, as small as it can be, and pools of them."""
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


@pytest.fixture
def written(
    folder: Path, spoken: dict[str, Corpus], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], tuple[str, Config]]:
    """Return a recipe's name and settings in which it stands, quick; the project's folder is the current one."""
    monkeypatch.chdir(folder)
    shipped = config.load(ROOT / paths.PARAMS)
    alone = shipped.runtime.model_copy(update={"workers": 1, "progress": "never"})

    def write(system: str, recipe: str) -> tuple[str, Config]:
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
        for one in features.values():
            settings = one.setdefault("settings", {})
            settings |= _QUICK_FEATURES.get(one["extractor"], {})
        evaluate = shipped.evaluate.model_copy(update={"bootstrap": 100})
        settings = shipped.model_copy(
            update={"corpora": {mine: spoken[mine]}, "features": {}, "evaluate": evaluate, "runtime": alone}
        )
        whole = plan.plan(name, with_entries(settings, features, experiments))
        sections = variant(whole, tiny=True)
        return next(iter(sections["experiments"])), with_entries(settings, **sections)

    return write


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
    return {**model, **_QUICK.get(model["name"], {})}


def run(name: str, settings: Config) -> dict[str, Any]:
    """Run an experiment, and what it needs that is not there from an earlier one; return its figures."""
    serial = each.local(settings.runtime)
    for one in settings.corpora:
        if not paths.utterances(one).is_file():
            corpus.run(settings, one, each=serial)
    for one, entry in settings.features.items():
        if not (paths.features(entry.corpus, one) / "card.json").is_file():
            extract.run(settings, one, each=serial)
    experiment.run(settings, name, each=serial)
    page.run(settings, name, each=serial)
    found: dict[str, Any] = json.loads((paths.experiment(name) / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("system", "recipe"),
    [
        pytest.param(
            system, recipe, id=f"{system}/{recipe}", marks=() if recipe in _AT_EVERY_CHANGE else pytest.mark.long
        )
        for system, recipe in RECIPES
    ],
)
def test_a_recipe_runs(system: str, recipe: str, written: Callable[[str, str], tuple[str, Config]]) -> None:
    name, settings = written(system, recipe)
    entry = settings.experiments[name]
    found = run(name, settings)
    assert found["simulated"]
    assert found["random_weights"] == name.endswith("-tiny")
    assert {"majority", "shuffled labels"} <= set(found["baselines"])
    words = {"text", "token-states", "text-embedding"}
    both = {settings.features[one].extractor for one in entry.features} & words
    assert ("text only" in found["baselines"]) == (bool(both) and len(entry.features) > 1)
    assert bool(found["modalities"]) == ("text only" in found["baselines"])
    assert found["leaky"] == protocols.parse(entry.protocol).leaky
    assert not [one for one in found["audit"] if one["severity"] == "violation"]
    assert bool([one for one in found["audit"] if one["check"] == "torn utterances"]) == (
        found["leaky"] and entry.windows is not None
    )
    assert (found["windows"] is not None) == (entry.windows is not None)
    assert found["threshold"] == (entry.threshold if entry.target == "emotions" else None)
    assert "simulated" in paths.page(name).read_text(encoding="utf-8").lower()
    _demand_classes(entry, found)
    _demand_rows(name, entry, found)


def _demand_classes(entry: Experiment, found: dict[str, Any]) -> None:
    """Check what utterances may be called: classes of the set that is asked for, and `none` below a floor."""
    said = set(found["outputs"])
    assert ("none" in said) == (entry.clips is not None and entry.clips.floor > 0)
    if entry.target == "emotions":
        assert len(said) == 6
    elif entry.target == "sentiment":
        assert said == {"negative", "neutral", "positive"}
    elif entry.labels == "shared":
        assert said == {"neutral", "happiness", "sadness", "anger", "fear", "disgust"}
    else:
        classes = LABEL_SETS[entry.labels] if isinstance(entry.labels, str) else entry.labels
        assert isinstance(classes, Mapping)
        assert said - {"none"} <= set(classes.values())
        assert len(said) >= 3


def _demand_rows(name: str, entry: Experiment, found: dict[str, Any]) -> None:
    """Check what was tested: whole utterances, and none of a corpus that is only learned from."""
    predictions = pq.read_table(paths.experiment(name) / "predictions.parquet").to_pylist()
    mine = [row for row in predictions if row["variant"] == "recipe"]
    ids = [row["utterance_id"] for row in mine]
    assert not any("#" in one for one in ids), "windows are scored together"
    assert {one.partition("/")[0] for one in ids}.isdisjoint(entry.only_in_training)
    if entry.protocol == "corpus-pairs":
        assert len({one["fold"] for one in found["folds"]}) == 6
    else:
        assert len(set(ids)) == len(ids) == found["n"]
