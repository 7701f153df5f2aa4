"""`undertone ui`: environment, refused starts, restarts, and no processes left after any kill."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.settings import Settings
from ruamel.yaml import YAML

from flows.ui import crashes, orphans, secret, server, work_pool
from flows.ui.processes import Service, supervised
from tasks.core import paths
from tasks.core.errors import UndertoneError
from tests.prefect_api import Api

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
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError):
                second.bind(("127.0.0.1", port + 1))
                return port


def until(condition: Callable[[], Any], limit_s: float) -> Any:
    """Wait until a condition is true, and return its value."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.2)
    raise AssertionError(f"did not happen within {limit_s} s")


def program(code: str, tmp_path: Path, **env: str) -> Service:
    return Service("the program", (sys.executable, "-c", code), {**os.environ, **env}, tmp_path / "program.log", 1.0)


def test_the_users_database_is_kept_and_their_own_prefect_server_is_not_used(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql+asyncpg://prefect@db.example/prefect"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    monkeypatch.setenv("PREFECT_HOME", "/home/somebody/.prefect")
    env = server.environment(4200, secret.new())
    assert env["PREFECT_API_DATABASE_CONNECTION_URL"] == url
    assert env["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert env["PREFECT_HOME"] == str(project / ".undertone/prefect")
    assert env["UNDERTONE_REPORT_URL"] == "http://127.0.0.1:4201/"


def test_access_to_the_server_cannot_be_opened_by_other_variables(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PREFECT_API_AUTH_STRING": "admin:admin",
        "PREFECT_SERVER_API_AUTH_STRING": "admin:admin",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "*",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "*",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "false",
        "PREFECT_UI_API_URL": "http://evil.example/api",
    }.items():
        monkeypatch.setenv(name, value)
    access = secret.new()
    for name, value in server.server_environment(4200, access).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.server.api.auth_string is not None
    assert settings.server.api.auth_string.get_secret_value() == access.auth_string
    assert settings.server.api.csrf_protection_enabled
    assert settings.server.api.cors_allowed_origins == "http://127.0.0.1:4200"
    assert settings.server.ui.api_url == "http://127.0.0.1:4200/api"


def test_every_deployment_has_a_collision_strategy(project: Path) -> None:
    declared = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]
    assert [deployment["name"] for deployment in declared] == ["nightly", "weekly-benchmark"]
    for deployment in declared:
        assert deployment["concurrency_limit"].keys() == {"limit", "collision_strategy", "grace_period_seconds"}
        assert deployment["work_pool"] == {"name": work_pool.NAME}
        module, _, function = deployment["entrypoint"].rpartition(".")
        assert getattr(import_module(module), function).name.replace("-", "_") == function
    assert server.environment(4200, secret.new())["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(crashes.HEARTBEAT_S)


def test_a_taken_port_is_refused(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UndertoneError, match=f"port {port} is taken.*--port"), server.running(port):
            pass
        with pytest.raises(UndertoneError, match=f"port {port}, where the report"), server.running(port - 1):
            pass


def test_a_second_ui_in_the_project_is_refused(tmp_path: Path) -> None:
    with (
        orphans.exclusive(tmp_path),
        pytest.raises(UndertoneError, match="another `undertone ui` runs"),
        orphans.exclusive(tmp_path),
    ):
        pass


def test_a_service_that_stops_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flows.ui.processes.CHECK_S", 0.05)
    service = program("import time; time.sleep(60)", tmp_path)
    with service.running(), supervised(service):
        first = service.pid()
        os.kill(first, signal.SIGKILL)
        until(lambda: service.pid() != first, 10)
    assert not psutil.pid_exists(service.pid())
    assert "the program stopped (status -9)" in caplog.text
    assert str(service.log) in caplog.text


def test_a_service_that_keeps_stopping_ends_all_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ui.processes.CHECK_S", 0.05)
    service = program("raise SystemExit('no such pool')", tmp_path)

    def wait_like_the_command() -> None:
        with service.running(), supervised(service), contextlib.suppress(KeyboardInterrupt):
            time.sleep(30)

    started = time.monotonic()
    with pytest.raises(UndertoneError, match=r"keeps stopping; the end of .*program\.log:\n(no such pool\n?)+"):
        wait_like_the_command()
    assert time.monotonic() - started < 20


def test_a_long_log_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ui.processes.MAX_LOG_BYTES", 100)
    service = program("print('new')", tmp_path)
    service.log.write_text("old" * 100)
    with service.running():
        until(lambda: service.exit_status() is not None, 10)
    assert service.log.read_text() == "new\n"
    assert (tmp_path / "program.log.1").read_text() == "old" * 100


def test_processes_of_a_killed_ui_are_ended(tmp_path: Path) -> None:
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
        for process in left:
            assert process.stdout is not None
            assert process.stdout.readline() == b"on\n"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(orphans, "GRACE_S", 0.5)
            with orphans.exclusive(tmp_path):
                assert left[0].poll() is not None
                assert left[1].poll() is None, "processes of other projects keep running"
    finally:
        for process in left:
            process.kill()
            process.communicate()


@pytest.fixture
def napping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a project with the shipped deployments and flows that only sleep."""
    text = (ROOT / "prefect.yaml").read_text()
    for name in ("weak-supervision", "corpus-benchmark"):
        function = name.replace("-", "_")
        text = text.replace(f"undertone.{function}", f"{function}.py:{function}")
        (tmp_path / f"{function}.py").write_text(NAP.format(name=name, function=function))
    (tmp_path / "prefect.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    # Prefect allows no shorter interval of heartbeats than 30 s
    monkeypatch.setattr(crashes, "SILENCE_S", crashes.HEARTBEAT_S + 8)
    yield tmp_path
    assert not [
        process for process in psutil.process_iter() if orphans.is_marked(process, paths.STATE.resolve() / "prefect")
    ]


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_runs_are_scheduled_collisions_handled_and_runs_ended_on_exit(napping: Path) -> None:
    port = free_port()
    with server.running(port) as prefect:
        api = Api(prefect)
        until(lambda: {"03:00", "05:00"} <= api.planned(), 60)
        first = api.start("weak-supervision/nightly", seconds=300)
        until(lambda: api.state(first) == "Running", 120)
        second = api.start("weak-supervision/nightly")
        until(lambda: api.state(second) == "Cancelled", 120)
        weekly = [api.start("corpus-benchmark/weekly-benchmark", seconds=3) for _ in range(2)]
        until(lambda: "AwaitingConcurrencySlot" in map(api.state, weekly), 120)
        existing = {automation["id"] for automation in api.ask("/automations/filter", {})}
        with prefect.client() as client:
            crashes.create_automation(client)
        assert {automation["id"] for automation in api.ask("/automations/filter", {})} == existing
        assert len(existing) == 1
    with server.running(port) as prefect:
        assert Api(prefect).state(first) == "Crashed", "marked before the server stopped"


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_a_new_run_starts_after_all_processes_were_killed(napping: Path) -> None:
    with server.running(free_port()) as prefect:
        api = Api(prefect)
        api.ask("/v2/concurrency_limits/", {"name": "tag:host:quiet.example", "limit": 1})
        first = api.start("weak-supervision/nightly", seconds=300)
        until(lambda: api.state(first) == "Running" and api.active_slots()["tag:host:quiet.example"] == 1, 120)
        home = paths.STATE.resolve() / "prefect"
        for process in psutil.process_iter():
            if orphans.is_marked(process, home):
                process.kill()
        killed = time.monotonic()
        until(lambda: alive(prefect.url), 120)
        until(lambda: api.state(first) == "Crashed", 240)
        assert time.monotonic() - killed < 120
        second = api.start("weak-supervision/nightly")
        until(lambda: api.state(second) == "Completed", 120)
        assert set(api.active_slots().values()) == {0}


def alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
