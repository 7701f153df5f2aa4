"""`undertone ui`: what it sets, what it refuses, and that nothing outlives it, whatever is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from flows.ui import crashes, orphans, report_site, server
from flows.ui.processes import Part, kept_up
from tasks.core import paths
from tasks.core.errors import UndertoneError

ROOT = Path(__file__).resolve().parents[3]
NAP = """
import time
from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner

@task
def nap(seconds: float) -> None:
    time.sleep(seconds)

@flow(name="{name}", task_runner=ProcessPoolTaskRunner(max_workers=1))
def {function}(seconds: float = 0.0, refresh: bool = False) -> None:
    nap.with_options(tags={{"host:quiet.example"}}).submit(seconds).result()
"""


def free_port() -> int:
    """Return a port that is free, and the next one too."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            with contextlib.suppress(OSError):
                other.bind(("127.0.0.1", port + 1))
                return port


def until(happens: Callable[[], Any], limit_s: float) -> Any:
    """Wait for something to become true, and return it."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.2)
    raise AssertionError(f"did not happen within {limit_s} s")


def program(code: str, tmp_path: Path, **env: str) -> Part:
    return Part("the program", (sys.executable, "-c", code), {**os.environ, **env}, tmp_path / "program.log", 1.0)


def fetch(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_database_of_the_users_is_respected_and_their_own_prefect_is_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql+asyncpg://prefect@db.example/prefect"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    monkeypatch.setenv("PREFECT_HOME", "/home/somebody/.prefect")
    env = server.environment(4200)
    assert env["PREFECT_API_DATABASE_CONNECTION_URL"] == url
    assert env["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert env["PREFECT_HOME"] == str(project / ".undertone/prefect")
    assert env["UNDERTONE_REPORT_URL"] == "http://127.0.0.1:4201/"


def test_every_deployment_says_what_happens_on_collision_and_sends_heartbeats() -> None:
    declared = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]
    assert [one["name"] for one in declared] == ["nightly", "weekly-benchmark"]
    for one in declared:
        assert one["concurrency_limit"].keys() == {"limit", "collision_strategy", "grace_period_seconds"}
        assert one["work_pool"]["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(crashes.HEARTBEAT_S)
        file, function = one["entrypoint"].split(":")
        assert f"def {function}(" in (ROOT / file).read_text()


def test_a_taken_port_is_refused(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UndertoneError, match=f"port {port} is taken.*--port"), server.running(port):
            pass
        with pytest.raises(UndertoneError, match=f"port {port}, where the report"), server.running(port - 1):
            pass


def test_a_second_one_in_the_project_is_refused(tmp_path: Path) -> None:
    with (
        orphans.alone(tmp_path),
        pytest.raises(UndertoneError, match="another `undertone ui` runs"),
        orphans.alone(tmp_path),
    ):
        pass


def test_the_report_is_served_on_loopback_and_nothing_else_is(tmp_path: Path) -> None:
    folder, port = tmp_path / "report", free_port()
    (tmp_path / "secret.txt").write_text("secret")
    with report_site.serving(folder, port):
        url = report_site.url(port)
        assert fetch(url) == (
            404,
            "There is no such page; the report is at / once a run of weak-supervision has written it.\n",
        )
        (folder / "plots").mkdir(parents=True)
        (folder / "index.html").write_text("the report")
        assert fetch(url) == (200, "the report")
        assert fetch(f"{url}plots/")[0] == 404, "no listing of folders"
        assert fetch(f"{url}../secret.txt")[0] == fetch(f"{url}%2e%2e/secret.txt")[0] == 404
        assert fetch(url, Host=f"rebound.example:{port}")[0] == 403
        here = socket.gethostbyname(socket.gethostname())
        if not here.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((here, port), timeout=2)


def test_what_stops_by_itself_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flows.ui.processes.LOOK_S", 0.05)
    part = program("import time; time.sleep(60)", tmp_path)
    with part.running(), kept_up(part):
        first = part.pid()
        os.kill(first, signal.SIGKILL)
        until(lambda: part.pid() != first, 10)
    assert not psutil.pid_exists(part.pid())
    assert "the program stopped by itself (status -9)" in caplog.text
    assert str(part.log) in caplog.text


def test_what_keeps_stopping_ends_the_whole_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ui.processes.LOOK_S", 0.05)
    part = program("raise SystemExit('no such pool')", tmp_path)

    def wait_as_the_command_does() -> None:
        with part.running(), kept_up(part), contextlib.suppress(KeyboardInterrupt):
            time.sleep(30)

    started = time.monotonic()
    with pytest.raises(UndertoneError, match=r"keeps stopping; the end of .*program\.log:\n(no such pool\n?)+"):
        wait_as_the_command_does()
    assert time.monotonic() - started < 20


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ui.processes.LOG_BYTES", 100)
    part = program("print('new')", tmp_path)
    part.log.write_text("old" * 100)
    with part.running():
        until(lambda: part.exit_status() is not None, 10)
    assert part.log.read_text() == "new\n"
    assert (tmp_path / "program.log.1").read_text() == "old" * 100


def test_what_a_killed_one_left_running_is_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    )
    left = [
        subprocess.Popen(
            [sys.executable, "-c", stubborn],
            env={**os.environ, orphans.MARK: mark},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        for mark in (str(tmp_path), str(tmp_path / "of-another-project"))
    ]
    try:
        for one in left:
            assert one.stdout is not None
            assert one.stdout.readline() == b"on\n"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(orphans, "GRACE_S", 0.5)
            with orphans.alone(tmp_path):
                assert left[0].poll() is not None
                assert left[1].poll() is None, "another project's is not ours to end"
    finally:
        for one in left:
            one.kill()
            one.communicate()


@pytest.fixture
def napping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose deployments are the shipped ones, with flows that only sleep."""
    text = (ROOT / "prefect.yaml").read_text()
    for name in ("weak-supervision", "corpus-benchmark"):
        function = name.replace("-", "_")
        text = text.replace(f"flows/{function}.py:{function}", f"{function}.py:{function}")
        (tmp_path / f"{function}.py").write_text(NAP.format(name=name, function=function))
    (tmp_path / "prefect.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    # half a minute between two heartbeats is the least that Prefect allows
    monkeypatch.setattr(crashes, "SILENCE_S", crashes.HEARTBEAT_S + 8)
    yield tmp_path
    assert not [one for one in psutil.process_iter() if orphans.is_marked(one, paths.STATE.resolve() / "prefect")]


class Api:
    """Prefect's API, as far as these tests need it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: object | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api{path}", data, {"Content-Type": "application/json"})
        for _ in range(60):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    # SQLite is busy: Prefect's own client asks again, too
                    if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                        raise
                time.sleep(0.5)
        raise AssertionError(f"{path}: busy for half a minute")

    def start(self, deployment: str, **parameters: object) -> str:
        target = self.ask(f"/deployments/name/{deployment}")["id"]
        return str(self.ask(f"/deployments/{target}/create_flow_run", {"parameters": parameters})["id"])

    def state(self, flow_run: str) -> str:
        return str(self.ask(f"/flow_runs/{flow_run}")["state"]["name"])

    def planned(self) -> set[str]:
        scheduled = {"flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}}}
        return {one["expected_start_time"][11:16] for one in self.ask("/flow_runs/filter", scheduled)}

    def active_slots(self) -> dict[str, int]:
        return {one["name"]: one["active_slots"] for one in self.ask("/v2/concurrency_limits/filter", {})}


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_nights_are_planned_collisions_settled_and_runs_ended_on_leaving(napping: Path) -> None:
    port = free_port()
    with server.running(port) as url:
        api = Api(url)
        until(lambda: {"03:00", "05:00"} <= api.planned(), 60)
        first = api.start("weak-supervision/nightly", seconds=300)
        until(lambda: api.state(first) == "Running", 120)
        second = api.start("weak-supervision/nightly")
        until(lambda: api.state(second) == "Cancelled", 120)
        weekly = [api.start("corpus-benchmark/weekly-benchmark", seconds=3) for _ in range(2)]
        until(lambda: "AwaitingConcurrencySlot" in map(api.state, weekly), 120)
        known = {one["id"] for one in api.ask("/automations/filter", {})}
        crashes.detect(f"{url}/api")
        assert {one["id"] for one in api.ask("/automations/filter", {})} == known
        assert len(known) == 1
    with server.running(port) as url:
        assert Api(url).state(first) == "Crashed", "ended with the server, and said so before"


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_after_sigkill_of_everything_a_new_run_starts(napping: Path) -> None:
    with server.running(free_port()) as url:
        api = Api(url)
        api.ask("/v2/concurrency_limits/", {"name": "tag:host:quiet.example", "limit": 1})
        first = api.start("weak-supervision/nightly", seconds=300)
        until(lambda: api.state(first) == "Running" and api.active_slots()["tag:host:quiet.example"] == 1, 120)
        home = paths.STATE.resolve() / "prefect"
        for process in psutil.process_iter():
            if orphans.is_marked(process, home):
                process.kill()
        killed = time.monotonic()
        until(lambda: alive(url), 120)
        until(lambda: api.state(first) == "Crashed", 240)
        assert time.monotonic() - killed < 120
        second = api.start("weak-supervision/nightly")
        until(lambda: api.state(second) == "Completed", 120)
        assert set(api.active_slots().values()) == {0}


def alive(url: str) -> bool:
    try:
        return fetch(f"{url}/api/health")[0] == 200
    except OSError:
        return False
