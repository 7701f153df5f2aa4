"""Stages in this process: what needs to be run is run, what is current is not, and DVC has it all on record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.project.dag import Dag
from flows.runs import in_process
from tasks.core.errors import InputError, UndertoneError

DVC_YAML = """
stages:
  own: {cmd: cp source copied, deps: [source], outs: [copied]}
  polarity: {cmd: python -m tasks polarity, deps: [copied], params: [factor], outs: [out]}
  segments: {cmd: echo mine > cut, deps: [out], outs: [cut]}
"""


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project of three stages, one of which runs here; what did is listed."""
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


def test_what_is_not_current_is_run_and_recorded(ran: list[str]) -> None:
    told: list[str] = []
    in_process.bring_up_to_date(say=told.append)
    assert ran == ["polarity"]
    assert Path("out").read_text() == "A"
    # a command of one's own stays that command, whatever the stage is called
    assert Path("cut").read_text() == "mine\n"
    assert "polarity: 3 items, 1 done now, 2 known already" in told
    dag = Dag()
    assert all(dag.is_current(stage) for stage in dag.stages())
    in_process.bring_up_to_date(say=told.append)
    assert ran == ["polarity"]
    assert "polarity: current" in told


def test_what_took_moments_is_on_record_when_a_later_stage_fails(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("dvc.yaml").write_text(DVC_YAML.replace("echo mine > cut", "python -m tasks segments"))
    committed = list[tuple[str, ...]]()
    commit, run = Dag.commit, in_process.run

    def failing(stage: str, *given: object, **more: object) -> object:
        if stage == "segments":
            assert committed == []
            raise InputError("no sound")
        return run(stage, *given, **more)

    monkeypatch.setattr(in_process, "run", failing)
    monkeypatch.setattr(Dag, "commit", lambda self, *stages: (committed.append(stages), commit(self, *stages))[1])
    with pytest.raises(UndertoneError, match="segments: no sound"):
        in_process.bring_up_to_date(say=str)
    assert committed == [("polarity",)]
    dag = Dag()
    assert [dag.is_current(stage) for stage in ("own", "polarity", "segments")] == [True, True, False]


def test_named_stages_bring_what_they_need_and_no_more(ran: list[str]) -> None:
    in_process.bring_up_to_date(["polarity"], say=str)
    assert Path("copied").read_text() == "a"
    assert not Path("cut").exists()
    in_process.bring_up_to_date(["polarity"], say=str, force=True)
    assert ran == ["polarity", "polarity"]


def test_mistakes_are_explained_and_nothing_is_recorded(ran: list[str]) -> None:
    with pytest.raises(UndertoneError, match="unknown stage lost; the stages are own, polarity, segments"):
        in_process.bring_up_to_date(["lost"], say=str)
    Path("source").write_text("broken")
    with pytest.raises(UndertoneError, match="polarity: the source is broken\nWhat was finished is kept"):
        in_process.bring_up_to_date(say=str)
    dag = Dag()
    assert dag.is_current("own")
    assert not dag.is_current("polarity")
    assert not Path("cut").exists()
