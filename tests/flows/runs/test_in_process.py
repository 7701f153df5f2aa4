"""In-process runs: outdated stages run, current ones are skipped, and all are recorded in dvc.lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from flows.project.dag import Dag
from flows.runs import in_process
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.core.errors import InputError, UndertoneError

DVC_YAML = """
stages:
  own: {cmd: cp source copied, deps: [source], outs: [copied]}
  polarity: {cmd: python -m undertone polarity, deps: [copied], params: [factor], outs: [out]}
  segments: {cmd: echo mine > cut, deps: [out], outs: [cut]}
"""


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make a project of three stages, one of which runs in process; return the list of its runs."""
    from tasks.core.config import load
    from tasks.core.each import Tally

    done: list[str] = []
    shipped = load(Path(__file__).parents[3] / "params.yaml")

    def run(stage: str, *_: object, **__: object) -> Tally:
        done.append(stage)
        if Path("source").read_text() == "broken":
            raise InputError("the source is broken")
        Path("out").write_text(Path("copied").read_text().upper())
        return Tally(3, 1)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(in_process, "run", run)
    monkeypatch.setattr(in_process, "load", lambda _: shipped)
    Path("dvc.yaml").write_text(DVC_YAML)
    Path("params.yaml").write_text("factor: 1\n")
    Path("source").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    return done


def test_outdated_stages_run_and_are_recorded(ran: list[str]) -> None:
    lines: list[str] = []
    in_process.bring_up_to_date(say=lines.append)
    assert ran == ["polarity"]
    assert Path("out").read_text() == "A"
    # a user's own command runs, even under the name of a shipped stage
    assert Path("cut").read_text() == "mine\n"
    assert "polarity: 3 items: 1 computed, 2 cached" in lines
    dag = Dag()
    assert all(dag.is_current(stage) for stage in dag.stages())
    in_process.bring_up_to_date(say=lines.append)
    assert ran == ["polarity"]
    assert "polarity: current" in lines


def test_short_stages_are_recorded_when_a_later_stage_fails(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dvc.yaml").write_text(DVC_YAML.replace("echo mine > cut", "python -m undertone segments"))
    committed = list[tuple[str, ...]]()
    commit, run = Dag.commit, in_process.run

    def failing(stage: str, *arguments: object, **options: object) -> object:
        if stage == "segments":
            assert committed == []
            raise InputError("no sound")
        return run(stage, *arguments, **options)

    monkeypatch.setattr(in_process, "run", failing)
    monkeypatch.setattr(Dag, "commit", lambda self, *stages: (committed.append(stages), commit(self, *stages))[1])
    with pytest.raises(UndertoneError, match="segments: no sound"):
        in_process.bring_up_to_date(say=str)
    assert committed == [("polarity",)]
    dag = Dag()
    assert [dag.is_current(stage) for stage in ("own", "polarity", "segments")] == [True, True, False]


def test_stages_of_other_experiments_run_when_they_are_named_or_with_all(ran: list[str]) -> None:
    pages = "  page: {foreach: [a, b], do: {cmd: 'cp source ${item}', deps: [source], outs: ['${item}']}}\n"
    Path("dvc.yaml").write_text(DVC_YAML + pages)
    in_process.bring_up_to_date(say=str)
    assert Path("cut").exists()
    assert not Path("a").exists()
    in_process.bring_up_to_date(["page@a"], say=str)
    assert [Path(name).exists() for name in ("a", "b")] == [True, False]
    in_process.bring_up_to_date(say=str, everything=True)
    assert Path("b").exists()


def test_stages_with_networks_run_in_a_process_of_their_own(settings: Config) -> None:
    def here(stage: str, model: str) -> bool:
        recipe = Experiment(corpus="c", target="emotion", features=["f"], protocol="random(2)", model={"name": model})
        config = settings.model_copy(
            update={
                "corpora": {"c": Corpus(reader="plain", path="c")},
                "features": {"f": Extraction(corpus="c", extractor="functionals"),
                             "g": Extraction(corpus="c", extractor="text-embedding")},
                "experiments": {"e": recipe},
            }
        )  # fmt: skip
        dag = SimpleNamespace(command=lambda name: f"python -m undertone {name}")
        return in_process._runs_here(cast(Dag, dag), stage, config)

    assert [here(stage, "linear-svm") for stage in ("corpus@c", "extract@f", "experiment@e")] == [True] * 3
    assert not here("extract@g", "linear-svm")
    assert not here("experiment@e", "feed-forward")


def test_named_stages_run_with_those_they_need_only(ran: list[str]) -> None:
    in_process.bring_up_to_date(["polarity"], say=str)
    assert Path("copied").read_text() == "a"
    assert not Path("cut").exists()
    in_process.bring_up_to_date(["polarity"], say=str, force=True)
    assert ran == ["polarity", "polarity"]


def test_a_failed_stage_is_explained_and_not_recorded(ran: list[str]) -> None:
    with pytest.raises(UndertoneError, match="unknown stage lost; the stages are own, polarity, segments"):
        in_process.bring_up_to_date(["lost"], say=str)
    Path("source").write_text("broken")
    with pytest.raises(UndertoneError, match="polarity: the source is broken\nFinished items are kept"):
        in_process.bring_up_to_date(say=str)
    dag = Dag()
    assert dag.is_current("own")
    assert not dag.is_current("polarity")
    assert not Path("cut").exists()
