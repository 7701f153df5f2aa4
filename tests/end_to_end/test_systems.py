"""The published systems, whole, on simulated corpora with encoders that know nothing: both doors, the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.project import workspace
from flows.project.dag import Dag, reproduce
from tasks.core import config, paths
from tasks.core.config import Corpus
from tasks.corpora import intake
from tasks.experiments import recipe_book
from tasks.on_demand import simulated_corpora
from tests.end_to_end import quick_recipes

pytest.importorskip("torch", reason="the published systems need the extra `deep`")
pytest.importorskip("lightning", reason="the published systems need the extra `deep`")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def sources() -> dict[tuple[str, str], list[str]]:
    """Return the recipes that follow a source document, by system and corpus."""
    found: dict[tuple[str, str], list[str]] = {}
    for stock in recipe_book.all_recipes():
        if stock.name == "source" or stock.name.startswith("source-"):
            place = (stock.system, quick_recipes.corpus_of(stock.system, stock.name))
            found.setdefault(place, []).append(stock.name)
    return found


SOURCES = sources()


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    return quick_recipes.simulate(tmp_path_factory.mktemp("corpora"))


def project(folder: Path, system: str, recipes: list[str], corpora: dict[str, Corpus]) -> list[str]:
    """Make a project with recipes of a system, quick and with random weights; return the experiments."""
    workspace.create(folder)
    params = folder / "params.yaml"
    names: list[str] = []
    for recipe in recipes:
        settings, sections = quick_recipes.quick(system, recipe, corpora)
        written = YAML(typ="safe").load(params)
        if not names:
            listed = {name: {"reader": corpus.reader, "path": corpus.path} for name, corpus in settings.corpora.items()}
            intake.write_entries(params, {"corpora": listed})
        new = {name: entry for name, entry in sections["features"].items() if name not in written["features"]}
        intake.write_entries(params, {"features": new, "experiments": sections["experiments"]})
        names += sections["experiments"]
    # every stage is a process of its own here, and importing PyTorch takes longer than its work: one is enough
    params.write_text(params.read_text().replace("  workers: 0 ", "  workers: 1 "))
    return names


def artifacts(folder: Path) -> dict[str, bytes]:
    made = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in made}


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("system", "corpus"), SOURCES)
def test_source_recipes_run_by_both_doors(
    system: str,
    corpus: str,
    tmp_path: Path,
    corpora: dict[str, Corpus],
    monkeypatch: pytest.MonkeyPatch,
    prefect: None,
) -> None:
    from prefect.artifacts import Artifact

    from flows.corpus_benchmark import corpus_benchmark

    by_dvc, by_flow = tmp_path / "by-dvc", tmp_path / "by-flow"
    for folder in (by_dvc, by_flow):
        names = project(folder, system, SOURCES[system, corpus], corpora)
    stages = tuple(f"page@{name}" for name in names)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.chdir(by_dvc)
    reproduce(stages)
    for name in names:
        found = json.loads((paths.experiment(name) / "results.json").read_text())
        assert found["simulated"]
        assert {"majority", "shuffled labels"} <= set(found["baselines"])
        assert found["leaky"] == found["protocol"].startswith("random")
        page = paths.page(name).read_text()
        reported = recipe_book.reported(name, corpus, found["reader"])
        assert ('id="published"' in page) == (reported is not None)
        assert "simulated" in page.lower()
    dag = Dag()
    assert all(dag.is_current(stage) for stage in stages)
    monkeypatch.chdir(by_flow)
    state = corpus_benchmark(experiments=names, runner="threads", return_state=True)
    assert state.is_completed(), state.message
    assert "new: " in state.message
    for key in ("scores", "experiment-audits"):
        shown = Artifact.get(key)
        assert shown is not None
        text = str(shown.data).replace("\\", "")
        assert [name for name in names if name not in text] == [], key
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
