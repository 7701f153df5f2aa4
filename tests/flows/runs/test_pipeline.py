"""Stages as task runs: order, what is skipped, what a failure says, what is pushed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.artifacts import Artifact
from prefect.client.schemas.objects import State

from flows.project.dag import Dag
from flows.runs import lineage, pipeline
from flows.runs.pipeline import Where, bring_up_to_date, dag_at_hand
from tasks.core import each, paths, tables
from tasks.core.code_version import ROOT
from tasks.core.errors import AudioError, ConfigError, InputError, ItemFailed

pytestmark = pytest.mark.filterwarnings("default")

DVC_YAML = """
stages:
  last: {cmd: python -m tasks last, deps: [data/left/out, data/right/out], outs: [data/last/out]}
  left: {cmd: python -m tasks left, deps: [source], outs: [data/left/out]}
  right: {cmd: python -m tasks right, deps: [source], outs: [data/right/out]}
"""
HERE = Where("threads", None, push=True)
Stage = Callable[[str], None]


@flow(name="small")
def small_flow(wanted: list[str], forced: list[str], where: dict[str, Any]) -> State[Any]:
    return bring_up_to_date(dag_at_hand(), wanted, Where(**where), forced=forced)


def ran(*wanted: str, forced: tuple[str, ...] = (), where: Where = HERE) -> State[Any]:
    state: State[Any] = small_flow(
        list(wanted or ("left", "right", "last")), list(forced), vars(where), return_state=True
    )
    return state


@pytest.fixture
def stages(project: Path, monkeypatch: pytest.MonkeyPatch, prefect: None) -> dict[str, list[Stage]]:
    """A project of three stages; each writes its name, after what the test puts in its way."""
    (project / "dvc.yaml").write_text(DVC_YAML)
    (project / "source").write_text("a")
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("retry_delays_s: [10.0, 60.0]", "retry_delays_s: [0.01]"))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    before: dict[str, list[Stage]] = {"log": []}

    def run(stage: str, *_: Any, **__: Any) -> each.Tally:
        for act in before.get(stage, []):
            act(stage)
        tables.write_text(paths.DATA / stage / "out", stage)
        with Path("log").open("a") as log:
            log.write(f"{stage}\n")
        return each.Tally(3, 2)

    monkeypatch.setattr(pipeline, "run", run)
    return before


def done() -> list[str]:
    found = Path("log").read_text().split() if Path("log").exists() else []
    Path("log").unlink(missing_ok=True)
    return found


def test_a_users_own_stage_runs_as_dvc_runs_it(stages: dict[str, list[Stage]]) -> None:
    Path("own").mkdir()
    Path("own/dvc.yaml").write_text(
        "stages:\n  words: {wdir: .., cmd: wc -c < data/left/out > words, deps: [data/left/out], outs: [words]}\n"
    )
    name = "own/dvc.yaml:words"
    assert ran("left", name).message == "2 stages run, 0 current"
    assert Path("words").read_text().strip() == "4"
    assert done() == ["left"]
    assert Dag().is_current(name)
    assert ran("left", name).message == "0 stages run, 2 current"
    Path("own/dvc.yaml").write_text(Path("own/dvc.yaml").read_text().replace("wc -c", "false"))
    failed = ran("left", name)
    assert failed.is_failed()
    assert str(failed.message).startswith(f"{name}: failed to run: false")


def test_what_is_out_of_date_is_run_in_order_and_recorded(stages: dict[str, list[Stage]]) -> None:
    assert ran().message == "3 stages run, 0 current"
    order = done()
    assert sorted(order) == ["last", "left", "right"]
    assert order[-1] == "last"
    recorded = Path("dvc.lock").read_bytes()
    assert all(Dag().is_current(stage) for stage in Dag().stages())
    assert ran().message == "0 stages run, 3 current"
    assert done() == []
    assert ran(forced=("left",)).message == "1 stages run, 2 current"
    assert done() == ["left"]
    assert Path("dvc.lock").read_bytes() == recorded


def test_a_bug_fails_the_run_with_stage_item_and_reason_first(stages: dict[str, list[Stage]]) -> None:
    def fail(stage: str) -> None:
        raise ItemFailed(stage, "train-07", "ZeroDivisionError: division by zero")

    stages["left"] = [fail]
    state = ran()
    assert state.is_failed()
    assert state.message == "left: train-07: ZeroDivisionError: division by zero"
    assert done() == ["right"], "what does not need the failed stage goes on"
    assert Dag().is_current("right")
    del stages["left"]
    assert ran().is_completed()
    assert sorted(done()) == ["last", "left"], "nothing done before is done again"


def test_a_mistake_is_told_as_it_is_told_on_the_terminal(stages: dict[str, list[Stage]]) -> None:
    def fail(_: str) -> None:
        raise AudioError("data/x.flac: not a FLAC file")

    stages["right"] = [fail]
    assert ran("right").message == "right: data/x.flac: not a FLAC file"
    with pytest.raises(InputError, match="unknown stage lost; the stages are left, right, last"):
        ran("lost").result()


def test_dask_without_a_scheduler_and_the_other_way_round(stages: dict[str, list[Stage]]) -> None:
    with pytest.raises(ConfigError, match="a scheduler's address goes with 'dask' alone"):
        ran(where=Where("dask", None, push=False)).result()
    with pytest.raises(ConfigError, match="a scheduler's address goes with 'dask' alone"):
        ran(where=Where("threads", "tcp://127.0.0.1:1", push=False)).result()
    assert done() == []


def test_what_is_new_goes_to_the_remote(stages: dict[str, list[Stage]], tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "remote", "add", "-q", "-d", "store", str(remote)], check=True)
    assert ran(where=Where("threads", None, push=False)).is_completed()
    assert not remote.exists()
    assert ran().is_completed()
    assert len([path for path in remote.rglob("*") if path.is_file()]) == 3
    shutil.rmtree(remote)
    remote.write_text("no folder")
    Path("source").write_text("b")
    state = ran()
    assert state.is_failed()
    assert (state.message or "").startswith("push: dvc push to the remote 'store' failed")
    assert all(Dag().is_current(stage) for stage in Dag().stages()), "a remote out of reach loses nothing"


def test_lineage_and_rejects_are_artifacts(stages: dict[str, list[Stage]]) -> None:
    def reject(stage: str) -> None:
        rows = [{"item": f"x{n}", "stage": stage, "reason": "too long", "detail": "<b>"} for n in (2, 1)]
        tables.write(tables.from_rows(rows, tables.REJECTED), paths.rejected(stage), tables.REJECTED)

    stages["left"] = [reject]
    ran()
    latest = {key: Artifact.get(key).data for key in ("rejects", "lineage")}
    expected = [{"stage": "left", "reason": "too long", "n": 2, "first": "x1"}]
    assert json.loads(str(latest["rejects"])) == expected
    digest = Dag().recorded()["left"]["outs"][0]["md5"]
    assert f"| left | out | `data/left/out` | `{digest}` | 4 |" in str(latest["lineage"])
    assert lineage.revision(ROOT) in str(latest["lineage"])


HOLD = """
import sys, time
from dvc.repo import Repo
from dvc.rwlock import rwlock
repo = Repo()
with rwlock(repo.tmp_dir, repo.fs, "dvc repro", [], [str(repo.root_dir) + "/data/left/out"], False):
    print("held", flush=True)
    time.sleep(60)
"""


def test_what_another_process_holds_is_waited_for(stages: dict[str, list[Stage]]) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    heard: list[str] = []

    def hear(message: str) -> None:
        heard.append(message)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    try:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with Dag(waiting=hear).held("left"):
            pass
    finally:
        other.kill()
        other.communicate()
    assert len(heard) == 1
    assert f"(PID {other.pid}): dvc repro" in heard[0]
