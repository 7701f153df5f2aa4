"""The book's speech models on simulated corpora of other readers than RAVDESS, with a random Whisper encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.core import paths
from tasks.core.config import Corpus
from tasks.experiments import plan, recipe_book
from tasks.on_demand import recipe_adaptation
from tasks.on_demand import simulated_corpora as simulated
from tasks.on_demand.recipe_variants import variant, with_entries
from tests.end_to_end import quick_recipes
from tests.end_to_end.test_bench_recipes import run

pytest.importorskip("torch", reason="fine-tuning and sentence embeddings need the extra `deep`")
pytest.importorskip("lightning", reason="fine-tuning needs the extra `deep`")
pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.filterwarnings("default")]

SYSTEM = "speech-models"
PROTOCOLS = {
    "emodb": "leave-one-speaker-out",
    "tess": "leave-one-speaker-out",
    "crema-d": "speaker-out(5)",
    "iemocap": "session-out",
    "meld": "official",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all recipes: features are computed once."""
    return tmp_path_factory.mktemp("speech-models")


@pytest.mark.parametrize("recipe", [name for name in recipe_book.recipes(SYSTEM) if not name.startswith("pool-")])
@pytest.mark.parametrize("reader", PROTOCOLS)
def test_a_recipe_runs_on_another_corpus(
    folder: Path, reader: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    path = folder / "media" / reader
    if not path.is_dir():
        simulated.make(reader, path)
    config = quick_recipes.settings().model_copy(update={"corpora": {reader: Corpus(reader=reader, path=str(path))}})
    features, experiments = recipe_book.entries(SYSTEM, recipe, reader)
    ((name, entry),) = experiments.items()
    assert recipe_adaptation.lacking(features, name, entry, config) == ""
    stock = recipe_book.stock(SYSTEM, recipe)
    adapted, _ = recipe_adaptation.adapted(stock, features, name, quick_recipes.shortened(entry), config)
    assert adapted["protocol"] == PROTOCOLS[reader]
    sections = variant(plan.plan(name, with_entries(config, features, {name: adapted})), tiny=True)
    (tiny_name,) = sections["experiments"]
    results: dict[str, Any] = run(tiny_name, with_entries(config, **sections))
    assert results["random_weights"] and results["simulated"]
    assert results["protocol"] == PROTOCOLS[reader]
    assert not [finding for finding in results["audit"] if finding["severity"] == "violation"]
    assert ("adaptation" in results) == ("adapt" in adapted)
    assert len(results["outputs"]) >= 4
    assert paths.page(tiny_name).is_file()
