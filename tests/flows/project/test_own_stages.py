"""Users' own stages in own/dvc.yaml: order, records, drivers, repair."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import shipped
from flows.project.dag import Dag, reproduce
from flows.runs import in_process

DVC_YAML = "stages:\n  left: {cmd: cp source left, deps: [source], outs: [left]}\n"
OWN = """\
stages:
  twice: {wdir: .., cmd: cat left left > twice, deps: [left], params: [own/params.yaml: [n]], outs: [twice]}
  again: {wdir: .., cmd: cp left again, deps: [left], outs: [again]}
"""
TWICE, AGAIN = "own/dvc.yaml:twice", "own/dvc.yaml:again"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "source").write_text("a")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dvc.yaml").write_text(OWN)
    (tmp_path / "own" / "params.yaml").write_text("n: 1\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    return tmp_path


def test_own_stages_are_in_the_dag(small: Path) -> None:
    dag = Dag()
    assert dag.stages() == ("left", AGAIN, TWICE)
    assert dag.upstream(TWICE) == ("left",)
    assert dag.up_to(TWICE) == ("left", TWICE)
    assert dag.command(AGAIN) == "cp left again"


def test_all_drivers_run_own_stages_with_the_same_records(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "-P"], check=True)
    records = [Path(name).read_bytes() for name in ("dvc.lock", "own/dvc.lock")]
    assert set(Dag().recorded()) == {"left", AGAIN, TWICE}
    for name in ("dvc.lock", "own/dvc.lock", "left", "twice", "again"):
        Path(name).unlink()
    settings = in_process.load(shipped.ROOT / "params.yaml")
    monkeypatch.setattr(in_process, "load", lambda _: settings)
    in_process.bring_up_to_date(say=str)
    assert [Path(name).read_bytes() for name in ("dvc.lock", "own/dvc.lock")] == records
    lines: list[str] = []
    in_process.bring_up_to_date([TWICE], say=lines.append)
    assert lines == ["left: current", f"{TWICE}: current"]
    Path("own/params.yaml").write_text("n: 2\n")
    assert [stage for stage in Dag().stages() if not Dag().is_current(stage)] == [TWICE]
    reproduce()
    assert all(Dag().is_current(stage) for stage in Dag().stages())


def test_records_of_own_stages_are_sorted(small: Path) -> None:
    reproduce()
    records = Path("own/dvc.lock").read_bytes()
    Path("own/dvc.lock").unlink()
    dag = Dag()
    for stage in (TWICE, AGAIN):
        with dag.held(stage):
            dag.execute(stage)
            dag.commit(stage)
    assert Path("own/dvc.lock").read_bytes() == records


def test_a_truncated_own_dvc_lock_is_moved(small: Path) -> None:
    reproduce()
    Path("own/dvc.lock").write_text("schema: '2.0'\nstages:\n  twice:\n    cmd: ca")
    notes: list[str] = []
    dag = Dag(waiting=notes.append)
    assert not dag.is_current(TWICE)
    assert dag.is_current("left")
    assert "own/dvc.lock is truncated" in notes[0]
    assert Path(".undertone/damaged-own-dvc.lock").is_file()


def test_the_commented_example_of_a_new_project_works(small: Path) -> None:
    shipped.create_own_stages(small)
    assert Dag().stages() == ("left",)
    text = Path("own/dvc.yaml").read_text()
    start = text.index("# stages:")
    example = "".join(line.removeprefix("# ") for line in text[start:].splitlines(keepends=True))
    Path("own/dvc.yaml").write_text(example)
    assert "own/dvc.yaml:words" in Dag().stages()
