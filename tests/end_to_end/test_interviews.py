"""Recipes of the book on crawled interviews: both drivers give the same bytes; other labels and one more video."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.project.dag import Dag, reproduce
from tasks.core import paths
from tasks.core.config import load
from tasks.corpora import intake
from tasks.experiments import checkpoint_list, recipe_book

pytest.importorskip("torch", reason="networks need the extra `deep`")
pytest.importorskip("lightning", reason="networks need the extra `deep`")
pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.filterwarnings("default")]

RECIPES = (
    "source", "leave-one-video-out", "functionals-svm", "feed-forward", "cnn-1d", "minilm-logistic", "late-fusion",
    "cross-modal", "stacking",
)  # fmt: skip
_SHORT: dict[str, dict[str, Any]] = {
    "feed-forward": {"epochs": 2, "hidden": [8]},
    "cnn-1d": {"epochs": 1, "frames": 60},
    "cross-modal": {"epochs": 1, "projection": 8, "hidden": 4, "heads": 2},
    "stacking": {
        "folds": 2,
        "base": {"sequence": {"name": "bilstm", "epochs": 1, "hidden": [8, 4]}, "vector": {"name": "logistic"}},
    },
}
"""Settings of models with which a test trains them in seconds."""
_TIMED = {"cost.json"}
"""How long training took, and its memory: different in every run."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tasks.features.base import tiny_checkpoints

    return str(tiny_checkpoints.tiny_text_encoder(tmp_path_factory.mktemp("text")))


def add_recipes(folder: Path, encoder: str) -> tuple[str, ...]:
    """Write the recipes into params.yaml, with models and encoders that take seconds; return the experiments."""
    sections: dict[str, dict[str, Any]] = {"features": {}, "experiments": {}}
    for recipe in RECIPES:
        features, experiments = recipe_book.entries("interviews", recipe, "interviews")
        sections["features"] |= features
        sections["experiments"] |= experiments
    for entry in sections["features"].values():
        if "checkpoint" in entry.get("settings", {}):
            entry["settings"]["checkpoint"] = encoder
    for entry in sections["experiments"].values():
        entry["model"] |= _SHORT.get(entry["model"]["name"], {})
        entry["shuffles"] = 1
    params = folder / "params.yaml"
    intake.write_entries(params, sections)
    # stages are processes of their own: starting workers would take longer than their work
    params.write_text(params.read_text().replace("  workers: 0 ", "  workers: 1 "))
    # every command but a plain `dvc repro` lists the checkpoints of recipes
    with contextlib.chdir(folder):
        checkpoint_list.registered(load(paths.PARAMS))
    return tuple(sections["experiments"])


def artifacts(folder: Path) -> dict[str, bytes]:
    data = folder / "data"
    written = (path for path in sorted(data.rglob("*")) if path.is_file() and path.parent != data)
    return {str(path.relative_to(data)): path.read_bytes() for path in written if path.name not in _TIMED}


def computed(stages: tuple[str, ...]) -> dict[str, int]:
    """Run stages and what they need; return the number of items that each stage that ran computed."""
    for tally in paths.TALLY.glob("*.json"):
        tally.unlink()
    reproduce(stages)
    return {path.stem: json.loads(path.read_text())["done"] for path in paths.TALLY.glob("*.json")}


def test_eight_recipes_run_by_both_drivers(
    workspaces: Callable[..., tuple[Path, ...]], encoder: str, monkeypatch: pytest.MonkeyPatch, prefect: None
) -> None:
    from flows.corpus_benchmark import corpus_benchmark

    by_dvc, by_flow = workspaces("by-dvc", "by-flow", train=6, test=3)
    for folder in (by_dvc, by_flow):
        experiments = add_recipes(folder, encoder)
    monkeypatch.chdir(by_dvc)
    pages = tuple(f"page@{name}" for name in experiments)
    reproduce(pages)
    for name in experiments:
        metrics = json.loads((paths.experiment(name) / "results.json").read_text(encoding="utf-8"))
        assert metrics["n"] > 20
        assert {"majority", "shuffled labels"} <= metrics["baselines"].keys()
        assert 0 < metrics["scores"]["macro_f1"]["value"] <= 1
    monkeypatch.chdir(by_flow)
    state = corpus_benchmark(experiments=list(experiments), runner="threads", return_state=True)
    assert state.is_completed(), state.message
    dag = Dag()
    assert [stage for stage in pages if not dag.is_current(stage)] == [], "dvc status is clean after a flow"
    mine, theirs = artifacts(by_dvc), artifacts(by_flow)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []


def test_other_labels_extract_nothing_again_and_one_more_video_costs_one_item(
    workspaces: Callable[..., tuple[Path, ...]], encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = workspaces("project", train=6, test=3)
    add_recipes(folder, encoder)
    monkeypatch.chdir(folder)
    videos = Path("data/train.csv").read_text().splitlines(keepends=True)
    Path("data/train.csv").write_text("".join(line for line in videos if not line.startswith("3,")))
    sets = ("interviews-mid-term", "interviews-functionals", "interviews-minilm")
    experiments = ("experiment@interviews-source", "experiment@interviews-late-fusion")
    first = computed(experiments)
    assert min(first[f"extract@{name}"] for name in sets[:2]) >= 5
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("min_score: 0.25", "min_score: 0.55"))
    relabelled = computed(experiments)
    assert not [stage for stage in relabelled if stage.startswith("extract@")], "no feature set was outdated"
    assert relabelled["corpus@interviews"] == 0
    assert min(relabelled[stage] for stage in experiments) > 0, "the models learn from the new labels"
    Path("data/train.csv").write_text("".join(videos))
    more = computed(experiments)
    assert [more[f"extract@{name}"] for name in sets] == [1, 1, 1]
    assert more["corpus@interviews"] == 1
