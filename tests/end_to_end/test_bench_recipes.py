"""Every recipe of the book, whole, in one process, on simulated corpora, with random weights in place of pretrained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.core import each, paths
from tasks.core.config import Config, Corpus, Experiment
from tasks.corpora.labels import LABEL_SETS
from tasks.evaluation import protocols
from tasks.experiments import recipe_book
from tasks.on_demand.recipe_variants import with_entries
from tasks.stages import corpus, experiment, extract, page
from tests.end_to_end import quick_recipes

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def spoken(folder: Path) -> dict[str, Corpus]:
    return quick_recipes.simulate(folder)


@pytest.fixture
def written(
    folder: Path, spoken: dict[str, Corpus], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], tuple[str, Config]]:
    """Return a recipe's name and settings in which it stands, quick; the project's folder is the current one."""
    monkeypatch.chdir(folder)

    def write(system: str, recipe: str) -> tuple[str, Config]:
        settings, sections = quick_recipes.quick(system, recipe, spoken)
        return next(iter(sections["experiments"])), with_entries(settings, **sections)

    return write


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
    if entry.target in ("emotions", "intensities"):
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
