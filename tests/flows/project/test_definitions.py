"""DVC's stage objects are read once, and again when a file that they come from changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import dag as dag_module
from flows.project.dag import Dag
from flows.project.definitions import Definitions
from tasks.core.errors import InputError

DVC_YAML = """
stages:
  first: {cmd: cp source first, deps: [source], params: [factor], outs: [first]}
  second: {cmd: cp first second, deps: [first], outs: [second]}
"""


@pytest.fixture
def n_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Definitions]:
    """Make a project of two stages; return a list of what is read of it."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(DVC_YAML)
    Path("params.yaml").write_text("factor: 1\n")
    Path("source").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    read = list[Definitions]()

    class Counted(Definitions):
        def __init__(self, repo: object) -> None:
            super().__init__(repo)
            read.append(self)

    monkeypatch.setattr(dag_module, "Definitions", Counted)
    return read


def test_a_run_reads_them_once(n_read: list[Definitions]) -> None:
    dag = Dag()
    for stage in dag.stages():
        with dag.held(stage):
            assert not dag.is_current(stage)
            Path(stage).write_text("a")
            dag.commit(stage)
        assert dag.is_current(stage)
    assert len(n_read) == 1
    fresh = Dag()
    assert all(fresh.is_current(stage) for stage in fresh.stages())


def test_what_others_write_is_read(n_read: list[Definitions]) -> None:
    dag = Dag()
    for stage in dag.stages():
        Path(stage).write_text("a")
        dag.commit(stage)
    Path("params.yaml").write_text("factor: 2\n")
    assert not dag.is_current("first")
    Dag().commit("first")
    assert dag.is_current("first")
    Path("dvc.yaml").write_text(DVC_YAML.partition("  second")[0])
    with pytest.raises(InputError, match="no longer has the stage second"):
        dag.is_current("second")


def test_what_is_recorded_is_watched(n_read: list[Definitions]) -> None:
    dag = Dag()
    Path("first").write_text("a")
    Path("second").write_text("a")
    recorded = dag.commit("first", "second")
    assert {"first", "second", "dvc.lock"} <= set(recorded)
    watched = dag.watched(["first"])
    assert {"source", "first", "dvc.yaml", "dvc.lock", "params.yaml"} <= set(watched.trees)
    assert "second" not in watched.trees
    before = watched.stamps()
    cached = next(path for path in Path(".dvc/cache/files/md5").glob("*/*"))
    cached.parent.chmod(0o755)
    cached.unlink()
    assert watched.stamps() != before
