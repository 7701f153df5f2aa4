"""The published systems, whole, on simulated corpora with encoders that know nothing: both doors, the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.project import workspace
from flows.project.dag import Dag, reproduce
from tasks.core import config, paths
from tasks.corpora import intake
from tasks.experiments import recipe_book
from tasks.on_demand import simulated_corpora

pytest.importorskip("torch", reason="the published systems need the extra `deep`")
pytest.importorskip("lightning", reason="the published systems need the extra `deep`")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

# small enough for a test: what a recipe is made of stays as it is
_QUICK: dict[str, dict[str, Any]] = {
    "bilstm": {"epochs": 2, "hidden": [8, 4]},
    "feed-forward": {"epochs": 1, "hidden": [8, 4]},
    "fine-tuned": {"epochs": 1},
    "xgboost": {"n_estimators": 5},
    "cross-modal": {"epochs": 1, "projection": 8, "hidden": 4, "heads": 2},
    "cross-modal-svm": {"epochs": 1, "projection": 8, "hidden": 4, "heads": 2},
    "fusion": {
        "branches": {
            "text": {"name": "fine-tuned", "epochs": 1, "max_tokens": 16},
            "sequence": {"name": "alexnet", "differences": "bands", "epochs": 1, "frames": 64},
        },
    },
    "stacking": {
        "folds": 2,
        "base": {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm", "epochs": 1, "hidden": [8, 4]}},
    },
}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tasks.features.base import tiny_checkpoints as checkpoints

    folder = tmp_path_factory.mktemp("encoders")
    return {
        "text": checkpoints.tiny_text_encoder(folder / "text"),
        "audio": checkpoints.tiny_audio_encoder(folder / "audio"),
        "speech": checkpoints.tiny_speech_encoder(folder / "speech"),
        "image": checkpoints.tiny_image_encoder(folder / "image"),
    }


TEXT_AUDIO = (
    # every system once; what the sentiment's recipes change, the source's own protocol, is among them
    *(one for one in recipe_book.recipes("meld-text-audio") if one.endswith("-emotion")),
    "source-logistic-sentiment",
)
SYSTEMS = {
    "meld-text-audio": ("meld", TEXT_AUDIO),
    "meld-trimodal": ("meld", ("trimodal",)),
    "iemocap-fusion": ("iemocap", ("bert-alexnet",)),
}
_ENCODERS = {
    "text-embedding": "text", "token-states": "text", "ast": "audio", "speech-states": "speech",
    "frame-states": "image",
}  # fmt: skip
_QUICK_FEATURES: dict[str, dict[str, Any]] = {
    "ast-input": {"max_length": 64, "num_mel_bins": 32},
    "log-spectrogram": {"min_frames": 20},
    "frame-states": {"n_frames": 3, "size": 32},
}


def project(folder: Path, corpus: Path, system: str, encoders: dict[str, Path]) -> list[str]:
    """Make a project with recipes of a system, quick settings, tiny encoders; return the experiments."""
    workspace.create(folder)
    features: dict[str, Any] = {}
    experiments: dict[str, Any] = {}
    reader, recipes = SYSTEMS[system]
    for recipe in recipes:
        needed, made = recipe_book.entries(system, recipe, "friends")
        features |= needed
        experiments |= made
    for entry in features.values():
        settings = entry.setdefault("settings", {})
        settings |= _QUICK_FEATURES.get(entry["extractor"], {})
        if entry["extractor"] in _ENCODERS:
            settings["checkpoint"] = str(encoders[_ENCODERS[entry["extractor"]]])
    for entry in experiments.values():
        entry["model"] |= _QUICK.get(entry["model"]["name"], {})
        for model in (entry["model"], *entry["model"].get("branches", {}).values()):
            if model["name"] == "fine-tuned":
                model["checkpoint"] = str(encoders["text"])
        if entry["protocol"].startswith("random"):
            entry["protocol"] = "random(2)"
        entry["protocol"] = {"session-out": "fixed(Ses01F, Ses01M)"}.get(entry["protocol"], entry["protocol"])
    sections = {"features": features, "experiments": experiments}
    intake.write_entries(folder / "params.yaml", {"corpora": {"friends": {"reader": reader, "path": str(corpus)}}})
    intake.write_entries(folder / "params.yaml", sections)
    # every stage is a process of its own here, and importing PyTorch takes longer than its work: one is enough
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("  workers: 0 ", "  workers: 1 "))
    return list(experiments)


def artifacts(folder: Path) -> dict[str, bytes]:
    made = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in made}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_runs_by_both_doors(
    system: str, tmp_path: Path, encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, prefect: None
) -> None:
    from flows.corpus_benchmark import corpus_benchmark

    simulated_corpora.make(SYSTEMS[system][0], tmp_path / "friends")
    by_dvc, by_flow = tmp_path / "by-dvc", tmp_path / "by-flow"
    for folder in (by_dvc, by_flow):
        names = project(folder, tmp_path / "friends", system, encoders)
    stages = tuple(f"page@{name}" for name in names)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.chdir(by_dvc)
    reproduce(stages)
    for name in names:
        found = json.loads((paths.experiment(name) / "results.json").read_text())
        assert found["simulated"]
        assert {"majority", "shuffled labels"} <= set(found["baselines"])
        assert found["leaky"] == found["protocol"].startswith("random")
        reported = recipe_book.reported(name, "friends", found["reader"])
        assert ('id="published"' in paths.page(name).read_text()) == (reported is not None)
        assert "simulated" in paths.page(name).read_text().lower()
    dag = Dag()
    assert all(dag.is_current(stage) for stage in stages)
    monkeypatch.chdir(by_flow)
    state = corpus_benchmark(experiments=names, runner="threads", return_state=True)
    assert state.is_completed(), state.message
    assert all(Dag().is_current(stage) for stage in stages), "dvc status is clean after a flow"
    mine, theirs = artifacts(by_dvc), artifacts(by_flow)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []


def test_the_commands_of_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def undertone(*arguments: str, fails: bool = False) -> str:
        command = str(Path(sys.executable).with_name("undertone"))
        done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=300)
        assert (done.returncode != 0) == fails, done.stderr
        assert "Traceback" not in done.stderr
        return " ".join((done.stderr if fails else done.stdout).split())

    workspace.create(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("COLUMNS", "200")
    assert "interviews-source" in undertone("experiment", "list")
    assert "functionals-svm" in undertone("experiment", "new")
    assert "expected a corpus" in undertone("experiment", "new", "acoustic", fails=True)
    undertone("corpus", "simulate", "ravdess", "--name", "voices")
    assert "has no recipe" in undertone("experiment", "new", "acoustic", "all", "--corpus", "voices", fails=True)
    added = undertone("experiment", "new", "acoustic", "--corpus", "voices")
    assert (
        "voices-functionals-svm: protocol leave-one-speaker-out instead of speaker-out(6): speaker-out(6) ne" in added
    )
    assert "already" in undertone("experiment", "new", "acoustic", "--corpus", "voices", fails=True)
    listed = undertone("experiment", "new", "--corpus", "voices")
    assert "ravdess-cnn-1d-3-eight" in listed
    assert "Crawled interviews" not in listed
    name, params = "voices-functionals-svm", Path("params.yaml")
    assert "not run yet" in undertone("experiment", "list")
    assert "has no results yet" in undertone("experiment", "show", name, fails=True)
    good = params.read_text()
    params.write_text(good.replace("leave-one-speaker-out", "official"))
    assert "needs the split of every utterance" in undertone("experiment", "run", name, fails=True)
    assert not (Path("data") / "corpus").exists(), "a mistake is told before anything is read"
    params.write_text(good)
    assert "UAR" in undertone("experiment", "run", name)
    assert "shuffled labels" in undertone("experiment", "show", name)
    assert "p = 1" in undertone("experiment", "compare", name, name)
    assert "leaderboard" in undertone("experiment", "list")
    assert paths.LEADERBOARD.is_file()
    assert "has no experiment 'nothing'" in undertone("experiment", "run", "nothing", fails=True)
    assert config.load(paths.PARAMS).experiments[name].protocol == "leave-one-speaker-out"


def test_a_recipe_is_tried_with_random_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli.experiments import new, run_experiments

    workspace.create(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    simulated_corpora.make("meld", tmp_path / "meld")
    corpora = {"friends": {"reader": "meld", "path": str(tmp_path / "meld")}}
    intake.write_entries(Path("params.yaml"), {"corpora": corpora})
    new("meld-text-audio", "bert-logistic-emotion", "friends", None, True)
    (name,) = set(config.load(paths.PARAMS).experiments) - {"interviews-source"}
    assert name == "friends-bert-logistic-emotion-tiny"
    run_experiments([name], force=False)
    assert json.loads((paths.experiment(name) / "results.json").read_text())["random_weights"]
    assert "random weights" in paths.page(name).read_text().lower()
