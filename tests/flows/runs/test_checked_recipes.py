"""A recipe that its corpus cannot serve is reported before anything is extracted, by every driver."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.cli.experiments import run_experiments
from flows.corpus_benchmark import corpus_benchmark
from flows.project import workspace
from flows.project.dag import Dag
from flows.runs import checked_recipes, in_process
from tasks.core import paths
from tasks.core.config import load
from tasks.core.errors import ConfigError
from tasks.corpora import intake
from tasks.on_demand import simulated_corpora as simulated

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(240)]

GOOD = {
    "corpus": "tess", "target": "emotion", "features": ["tess-functionals"], "model": {"name": "logistic"},
    "protocol": "leave-one-speaker-out",
}  # fmt: skip
MISTAKE = "experiments.six.protocol: speaker-out(6) needs 6 speakers or more, and there are 2; possible here"


@pytest.fixture(scope="module")
def tess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "tess"
    simulated.make("tess", folder)
    return folder


@pytest.fixture
def two_speakers(tess: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    workspace.create(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    intake.write_entries(paths.PARAMS, {"corpora": {"tess": {"reader": "tess", "path": str(tess)}}})
    features = {"tess-functionals": {"corpus": "tess", "extractor": "functionals"}}
    experiments = {"six": {**GOOD, "protocol": "speaker-out(6)"}, "one": GOOD}
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    return folder


def _line(key: str) -> int:
    return next(number for number, line in enumerate(paths.PARAMS.read_text().splitlines(), 1) if key in line)


def _demand_nothing_extracted() -> None:
    assert Dag().is_current("corpus@tess"), "the corpus has been read"
    assert not Path("data/extract").exists()


def test_the_command_of_experiments(two_speakers: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_experiments(["six"], force=False)
    assert str(caught.value).startswith(f"params.yaml:{_line('speaker-out(6)')}: {MISTAKE}")
    _demand_nothing_extracted()


def test_the_command_run(two_speakers: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        in_process.bring_up_to_date(["experiment@six"], say=lambda _: None)
    assert str(caught.value).startswith(f"params.yaml:{_line('speaker-out(6)')}: {MISTAKE}")
    _demand_nothing_extracted()


@pytest.mark.usefixtures("prefect")
def test_the_flow(two_speakers: Path) -> None:
    state = corpus_benchmark(experiments=["six"], runner="threads", push=False, return_state=True)
    assert state.is_failed()
    assert state.message
    assert f"extract@tess-functionals: params.yaml:{_line('speaker-out(6)')}: {MISTAKE}" in state.message
    _demand_nothing_extracted()


def test_a_recipe_that_is_not_wanted_stops_nothing(two_speakers: Path) -> None:
    in_process.bring_up_to_date(["corpus@tess"], say=lambda _: None)
    dag, config = Dag(), load(paths.PARAMS)
    checked_recipes.demand(dag, "extract@tess-functionals", ["extract@tess-functionals", "experiment@one"], config)
    checked_recipes.demand(dag, "corpus@tess", ["experiment@six"], config)
    with pytest.raises(ConfigError, match="speaker-out"):
        checked_recipes.demand(dag, "extract@tess-functionals", ["experiment@six"], config)
    with pytest.raises(ConfigError, match="speaker-out"):
        checked_recipes.demand(dag, "experiment@six", [], config)
