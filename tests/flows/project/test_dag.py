"""The DAG of a small project: order, current stages, records after a commit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.project.dag import Dag, reproduce
from tasks.core.errors import UndertoneError

DVC_YAML = """
stages:
  last: {cmd: cat left right > last, deps: [left, right], outs: [last]}
  left: {cmd: cp source left, deps: [source], outs: [left]}
  right: {cmd: cp source right, deps: [source], params: [factor], outs: [right]}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "params.yaml").write_text("factor: 1\n")
    (tmp_path / "source").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    return tmp_path


def test_order_and_upstream(small: Path) -> None:
    dag = Dag()
    assert dag.stages() == ("left", "right", "last")
    assert dag.upstream("last") == ("left", "right")
    assert dag.upstream("left") == ()


def test_a_commit_after_an_in_process_run_makes_the_stage_current(small: Path) -> None:
    dag = Dag()
    assert not dag.is_current("left")
    (small / "left").write_text("a")
    dag.commit("left")
    assert dag.is_current("left")
    assert not dag.is_current("right")
    (small / "source").write_text("b")
    assert not dag.is_current("left")


def test_the_order_of_dvc_lock_does_not_depend_on_timing(small: Path) -> None:
    reproduce()
    expected = (small / "dvc.lock").read_bytes()
    (small / "dvc.lock").unlink()
    for stage in ("right", "left", "last"):
        Dag().commit(stage)
    assert (small / "dvc.lock").read_bytes() == expected


def test_stages_recorded_together_have_the_same_records_as_one_by_one(small: Path) -> None:
    reproduce()
    expected = (small / "dvc.lock").read_bytes()
    (small / "dvc.lock").unlink()
    dag = Dag()
    dag.commit("right", "last", "left")
    assert (small / "dvc.lock").read_bytes() == expected
    assert all(dag.is_current(stage) for stage in dag.stages())
    for stage in dag.stages():
        (small / stage).unlink()
    subprocess.run([sys.executable, "-m", "dvc", "checkout", "-q"], check=True)
    assert (small / "last").read_text() == "aa"


def test_a_changed_parameter_makes_its_stage_outdated(small: Path) -> None:
    reproduce()
    dag = Dag()
    assert all(dag.is_current(stage) for stage in dag.stages())
    (small / "params.yaml").write_text("factor: 2\n")
    assert [stage for stage in dag.stages() if not dag.is_current(stage)] == ["right"]


WITH_A_CORPUS = """
stages:
  corpus:
    foreach: ${corpora}
    do: {cmd: "cat ${item.path}/clips > table-${key}", deps: ["${item.path}"], params: [factor], outs: ["table-${key}"]}
  page: {cmd: cat table-mine > page, deps: [table-mine], outs: [page]}
"""


@pytest.mark.parametrize("path", ["../elsewhere/corpus", "own/corpus"])
def test_a_corpus_that_is_not_on_this_machine_leaves_its_stage_current(
    small: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small / "dvc.yaml").write_text(WITH_A_CORPUS)
    (small / "params.yaml").write_text(f"factor: 1\ncorpora: {{mine: {{path: {path}}}}}\n")
    (small / path).mkdir(parents=True)
    (small / path / "clips").write_text("a")
    reproduce()
    shutil.rmtree(small / path)
    dag = Dag()
    assert [stage for stage in dag.stages() if not dag.is_current(stage)] == []
    assert dag.changes("corpus@mine") == []
    (gone,) = dag.absent("corpus@mine")
    assert Path(gone).resolve() == (small / path).resolve()
    assert dag.absent("page") == ()
    # the stage after it runs
    (small / "page").unlink()
    reproduce()
    assert (small / "page").read_text() == "a"
    # other changes count, and need the corpus
    (small / "params.yaml").write_text(f"factor: 2\ncorpora: {{mine: {{path: {path}}}}}\n")
    assert Dag().changes("corpus@mine") == ["factor"]
    with pytest.raises(UndertoneError, match=path):
        reproduce()


def test_another_input_that_is_missing_is_not_ignored(small: Path) -> None:
    reproduce()
    (small / "source").unlink()
    assert Dag().changes("left") == ["source"]
    assert Dag().absent("left") == ()


def test_errors_are_explained(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UndertoneError, match="unknown stage lost; the stages are left, right, last"):
        reproduce(("lost",))
    (small / "dvc.yaml").write_text("stages:\n  each: {foreach: '${none}', do: {cmd: echo}}\n")
    with pytest.raises(UndertoneError, match=r"Could not find .none.\. Correct the file and run again"):
        Dag()
    (small / "dvc.yaml").write_text(DVC_YAML)
    (small / "source").unlink()
    with pytest.raises(UndertoneError, match="source"):
        reproduce()
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UndertoneError, match="no DVC project"):
        Dag()


def test_a_stages_command_is_known_without_asking_dvc(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC must not be called outside the lock: it is not safe for threads, and flows ask from many."""
    dag = Dag()
    monkeypatch.setattr(dag, "_defined", None)
    monkeypatch.setattr(dag, "_repo", None)
    assert all(dag.command(stage) for stage in dag.stages())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("params.yaml", b"factor: 1\n# caf\xe9\n", "params.yaml:2: byte 0xe9 is not UTF-8"),
        ("params.yaml", b"factor: " + b"[" * 3000, "params.yaml:1: nested more than 50 levels"),
        ("dvc.yaml", b"stages:\n  a: {cmd: x}\n  a: {cmd: y}\n", "dvc.yaml:3: the key a occurs twice"),
        (
            "dvc.yaml",
            b"stages:\n  a:\n    cmd: x\n    outz: [y]\n",
            "dvc.yaml:4: extra keys not allowed in stages.a.outz",
        ),
        ("own/dvc.yaml", b"stages: {a: \x00}", "own/dvc.yaml:1: the control character U+0000"),
        ("own/params.yaml", b"a: *b", "own/params.yaml:1: the alias *b names nothing"),
        (".dvcignore", b"/x\n/caf\xe9\n", ".dvcignore:2: byte 0xe9 is not UTF-8"),
        (".dvc/config", b"[core\n", ".dvc/config cannot be used: config file error"),
    ],
)
def test_files_that_dvc_cannot_read_are_named_before_it_fails(
    small: Path, name: str, content: bytes, message: str
) -> None:
    (small / name).parent.mkdir(exist_ok=True)
    (small / name).write_bytes(content)
    with pytest.raises(UndertoneError) as caught:
        Dag()
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_outputs_come_back_if_a_stage_fails(small: Path) -> None:
    reproduce()
    (small / "source").write_text("b")
    dag = small / "dvc.yaml"
    dag.write_text(DVC_YAML.replace("cat left right > last", "exit 1"))
    with pytest.raises(UndertoneError, match="failed to reproduce 'last'"):
        reproduce()
    # DVC removed it before it ran the command
    assert (small / "last").read_text() == "aa"
    assert (small / "left").read_text() == "b"
    current = Dag()
    assert current.is_current("left")
    assert not current.is_current("last")
    with pytest.raises(UndertoneError, match="failed to run: exit 1"), current.held("last"):
        current.execute("last")
    assert (small / "last").read_text() == "aa"


PROJECT = """
stages:
  code: {cmd: x, outs: [digests]}
  crawl: {cmd: x, deps: [digests], outs: [media]}
  leaderboard: {cmd: x, deps: [experiment], outs: [board]}
  report: {cmd: x, deps: [experiment/weak], outs: [report]}
  mine: {cmd: x, deps: [media], outs: [counts]}
  figure: {cmd: x, deps: [experiment/voice], outs: [plot]}
  corpus: {foreach: "${corpora}", do: {cmd: x, deps: ["${item.path}", digests], outs: ["corpus/${key}"]}}
  extract:
    foreach: ${features}
    do: {cmd: x, deps: ["corpus/${item.corpus}"], outs: ["extract/${item.corpus}/${key}"]}
  inputs: {foreach: "${experiments}", do: {cmd: x, deps: ["extract/${item.corpus}"], outs: ["inputs/${key}"]}}
  experiment: {foreach: "${experiments}", do: {cmd: x, deps: ["inputs/${key}"], outs: ["experiment/${key}"]}}
  page: {foreach: "${experiments}", do: {cmd: x, deps: ["experiment/${key}"], outs: ["page/${key}"]}}
"""
SETTINGS: dict[str, Any] = {
    "corpora": {"acted": {"path": "source"}, "interviews": {"path": "media"}},
    "features": {
        "mid-term": {"corpus": "interviews"},
        "meaning": {"corpus": "interviews"},
        "voice": {"corpus": "acted"},
        "spare": {"corpus": "acted"},
    },
    "experiments": {
        "weak": {"corpus": "interviews", "features": ["mid-term"]},
        "voice": {"corpus": "acted", "features": ["voice"]},
    },
}
WEAK = ["code", "crawl", "corpus@interviews", "extract@mid-term", "inputs@weak", "experiment@weak"]
VOICE = ["code", "corpus@acted", "extract@voice", "inputs@voice", "experiment@voice"]


@pytest.fixture
def project_dag(small: Path) -> Callable[..., Dag]:
    """Return a function that makes the DAG of a project with a report, and more experiments if there are any."""

    def dag(**experiments: dict[str, Any]) -> Dag:
        settings = {**SETTINGS, "experiments": {**SETTINGS["experiments"], **experiments}}
        (small / "params.yaml").write_text(json.dumps(settings))
        (small / "dvc.yaml").write_text(PROJECT)
        return Dag()

    return dag


def test_an_experiment_needs_the_features_that_its_recipe_names(project_dag: Callable[..., Dag]) -> None:
    dag = project_dag()
    assert set(dag.up_to("experiment@voice")) == set(VOICE)
    # a flow waits for the others: DVC digests their folder
    assert set(dag.upstream("inputs@voice")) == {"extract@spare", "extract@voice"}


def test_stages_of_the_interviews_are_those_of_their_report(project_dag: Callable[..., Dag]) -> None:
    assert set(project_dag().of_interviews()) == {*WEAK, "report", "page@weak", "mine"}


def test_other_experiments_leave_the_interviews_alone_unless_they_read_them(project_dag: Callable[..., Dag]) -> None:
    others = {*VOICE, "extract@spare", "page@voice", "figure", "leaderboard"}
    assert set(project_dag().of_experiments()) == others
    fused = project_dag(fused={"corpus": "interviews", "features": ["meaning"]})
    of_fused = {"crawl", "corpus@interviews", "extract@meaning", "inputs@fused", "experiment@fused", "page@fused"}
    assert set(fused.of_experiments()) == others | of_fused
    assert "experiment@fused" not in fused.of_interviews()


def test_a_project_of_interviews_only_has_no_other_experiments(project_dag: Callable[..., Dag], small: Path) -> None:
    settings = {name: {key: entry for key, entry in section.items() if key in ("interviews", "mid-term", "weak")}
                for name, section in SETTINGS.items()}  # fmt: skip
    (small / "dvc.yaml").write_text(PROJECT.replace("  figure: {cmd: x, deps: [experiment/voice], outs: [plot]}\n", ""))
    (small / "params.yaml").write_text(json.dumps(settings))
    dag = Dag()
    assert set(dag.of_interviews()) == set(dag.stages())
    assert dag.of_experiments() == ()
