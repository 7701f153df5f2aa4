"""Stages as task runs: order, skipped stages, messages of failures, pushed outputs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.artifacts import Artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from flows.project.dag import Dag
from flows.runs import lineage, pipeline
from flows.runs.pipeline import RunOptions, bring_up_to_date, project_dag
from tasks.core import bugs, each, paths, tables
from tasks.core.code_version import ROOT
from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.core.outcomes import ItemsFailed, Outcome

pytestmark = pytest.mark.filterwarnings("default")

DVC_YAML = """
stages:
  last: {cmd: python -m undertone last, deps: [data/left/out, data/right/out], outs: [data/last/out]}
  left: {cmd: python -m undertone left, deps: [source], outs: [data/left/out]}
  right: {cmd: python -m undertone right, deps: [source], outs: [data/right/out]}
"""
DEFAULTS = RunOptions("threads", None, push=True)
Stage = Callable[[str], None]


@flow(name="small")
def small_flow(wanted: list[str], forced: list[str], options: dict[str, Any]) -> State[Any]:
    return bring_up_to_date(project_dag(), wanted, RunOptions(**options), forced=forced)


def ran(*wanted: str, forced: tuple[str, ...] = (), options: RunOptions = DEFAULTS) -> State[Any]:
    state: State[Any] = small_flow(
        list(wanted or ("left", "right", "last")), list(forced), vars(options), return_state=True
    )
    return state


@pytest.fixture
def stages(project: Path, monkeypatch: pytest.MonkeyPatch, prefect: None) -> dict[str, list[Stage]]:
    """Make a project of three stages that write their names; return functions by stage to call before it runs."""
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
    names = Path("log").read_text().split() if Path("log").exists() else []
    Path("log").unlink(missing_ok=True)
    return names


def test_a_users_own_stage_runs_by_its_command(stages: dict[str, list[Stage]]) -> None:
    Path("own").mkdir()
    Path("own/dvc.yaml").write_text(
        "stages:\n  words: {wdir: .., cmd: wc -c < data/left/out > words, deps: [data/left/out], outs: [words]}\n"
    )
    name = "own/dvc.yaml:words"
    assert ran("left", name).message == "2 stages run, 0 current"
    assert Path("words").read_text().strip() == "4"
    assert done() == ["left"]
    assert Dag().is_current(name)
    assert ran("left", name).message == "nothing changed; 0 stages run, 2 current"
    Path("own/dvc.yaml").write_text(Path("own/dvc.yaml").read_text().replace("wc -c", "false"))
    failed = ran("left", name)
    assert failed.is_failed()
    assert str(failed.message).startswith(f"{name}: failed to run: false")


def test_outdated_stages_run_in_order_and_are_recorded(stages: dict[str, list[Stage]]) -> None:
    assert ran().message == "3 stages run, 0 current"
    order = done()
    assert sorted(order) == ["last", "left", "right"]
    assert order[-1] == "last"
    recorded = Path("dvc.lock").read_bytes()
    assert all(Dag().is_current(stage) for stage in Dag().stages())
    assert ran().message == "nothing changed; 0 stages run, 3 current"
    assert done() == []
    assert ran(forced=("left",)).message == "1 stage run, 2 current"
    assert done() == ["left"]
    assert Path("dvc.lock").read_bytes() == recorded


def test_a_bug_fails_the_run_with_stage_item_and_reason_first(stages: dict[str, list[Stage]]) -> None:
    def fail(stage: str) -> None:
        tables.write_text(bugs.path(stage), "train-07\n```\n<b>ZeroDivisionError</b>")
        raise ItemsFailed(stage, [Outcome("train-07", Path(), remembered=False, bug="ZeroDivisionError: oh no")])

    stages["left"] = [fail]
    state = ran()
    assert state.is_failed()
    assert str(state.message).startswith("left: train-07: ZeroDivisionError: oh no\n1 of 1 items of left met a bug")
    shown = str(Artifact.get("bugs").data)
    assert "## left" in shown
    assert "````text\ntrain-07\n```\n<b>ZeroDivisionError</b>\n````" in shown
    assert str(state.message).endswith("\nSkipped: last")
    assert done() == ["right"], "stages that do not need the failed one run"
    assert Dag().is_current("right")
    del stages["left"]
    assert ran().is_completed()
    assert sorted(done()) == ["last", "left"], "finished stages do not run again"


def test_stages_after_a_failed_one_end_as_skipped(stages: dict[str, list[Stage]]) -> None:
    def fail(_: str) -> None:
        raise AudioError("data/x.flac: not a FLAC file")

    Path("dvc.yaml").write_text(
        DVC_YAML + "  page: {cmd: python -m undertone page, deps: [data/last/out], outs: [p]}\n"
    )
    stages["left"] = [fail]
    state = ran("left", "right", "last", "page")
    ended = task_states(state)
    assert ended["left"] == ("FAILED", "Failed", "left: data/x.flac: not a FLAC file")
    assert ended["right"][1] == "Completed"
    for name in ("last", "page"):
        assert ended[name] == ("COMPLETED", "Skipped", "needs left, which failed")
    assert (state.type.value, state.message) == (
        "FAILED",
        "left: data/x.flac: not a FLAC file\nSkipped: last, page",
    )


def task_states(state: State[Any]) -> dict[str, tuple[str, str, str | None]]:
    """Return type, name and message of the final state of each of a run's task runs, as the server has them."""
    flow_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        until = time.monotonic() + 30
        while True:
            runs = client.read_task_runs(flow_run_filter=flow_run)
            # the server learns of task runs from events
            if (runs and all(run.state and run.state.is_final() for run in runs)) or time.monotonic() > until:
                return {
                    run.name: (run.state.type.value, run.state.name, run.state.message) for run in runs if run.state
                }
            time.sleep(0.1)


def test_a_users_mistake_has_the_message_of_the_terminal(stages: dict[str, list[Stage]]) -> None:
    def fail(_: str) -> None:
        raise AudioError("data/x.flac: not a FLAC file")

    stages["right"] = [fail]
    assert ran("right").message == "right: data/x.flac: not a FLAC file"
    with pytest.raises(InputError, match="unknown stage lost; the stages are left, right, last"):
        ran("lost").result()


def test_runner_and_scheduler_must_match(stages: dict[str, list[Stage]]) -> None:
    with pytest.raises(ConfigError, match="'dask' needs a scheduler's address, other runners take none"):
        ran(options=RunOptions("dask", None, push=False)).result()
    with pytest.raises(ConfigError, match="'dask' needs a scheduler's address, other runners take none"):
        ran(options=RunOptions("threads", "tcp://127.0.0.1:1", push=False)).result()
    assert done() == []


def test_new_outputs_are_pushed_to_the_remote(stages: dict[str, list[Stage]], tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "remote", "add", "-q", "-d", "store", str(remote)], check=True)
    assert ran(options=RunOptions("threads", None, push=False)).is_completed()
    assert not remote.exists()
    assert ran().is_completed()
    assert len([path for path in remote.rglob("*") if path.is_file()]) == 3
    shutil.rmtree(remote)
    remote.write_text("no folder")
    Path("source").write_text("b")
    state = ran()
    assert state.is_failed()
    assert (state.message or "").startswith("push: dvc push to the remote 'store' failed")
    assert all(Dag().is_current(stage) for stage in Dag().stages()), "an unreachable remote loses no result"


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
    assert f"| left | out | <code>data/left/out</code> | `{digest}` | 4 |" in str(latest["lineage"])
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


def test_a_stage_locked_by_another_process_is_waited_for(stages: dict[str, list[Stage]]) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    messages: list[str] = []

    def receive(message: str) -> None:
        messages.append(message)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    try:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with Dag(waiting=receive).held("left"):
            pass
    finally:
        other.kill()
        other.communicate()
    assert len(messages) == 1
    assert f"(PID {other.pid}): dvc repro" in messages[0]


def test_a_mistake_in_params_fails_the_flow_with_its_line(project: Path, prefect: None) -> None:
    from flows.weak_supervision import weak_supervision

    (project / "params.yaml").write_bytes(b"# caf\xe9\n")
    state: State[Any] = weak_supervision(return_state=True)
    assert state.is_failed()
    assert state.message == "params.yaml:1: byte 0xe9 is not UTF-8; save the file as UTF-8"
