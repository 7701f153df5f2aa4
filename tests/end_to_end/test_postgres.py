"""The way of several workers: `undertone ui` on PostgreSQL, and a second worker on the same pool."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.ui import orphans, server, work_pool
from flows.ui.server import PrefectServer
from tasks.core import paths
from tests.prefect_api import Api

ROOT = Path(__file__).resolve().parent.parent.parent
NOTE = """
import os
from pathlib import Path
from prefect import flow

@flow(name="{name}")
def {function}(note: str = "", refresh: bool = False) -> None:
    Path(note).write_text(os.environ.get("PREFECT__WORKER_NAME", "nobody"))
"""


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, on the PATH or where Debian puts them."""
    on_path = [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    for folder in [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]:
        if all((folder / name).is_file() for name in ("initdb", "postgres", "psql")):
            return folder
    return None


BIN = programs()
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(BIN is None, reason="no initdb, postgres and psql on the PATH or in /usr/lib/postgresql"),
    pytest.mark.skipif(
        os.geteuid() == 0 and (shutil.which("runuser") is None or not Path("/usr/lib/postgresql").is_dir()),
        reason="PostgreSQL refuses root, and there is no runuser or no user postgres to run it as",
    ),
]


@dataclass(frozen=True)
class Database:
    """A PostgreSQL of the test's own."""

    port: int

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/postgres"

    def ask(self, query: str) -> str:
        at = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "prefect", "-d", "postgres"]
        done = subprocess.run([f"{BIN}/psql", *at, "-At", "-c", query], capture_output=True, text=True, check=True)
        return done.stdout.strip()


def free_port() -> int:
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def until(happens: Callable[[], Any], limit_s: float = 60) -> Any:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := happens():
            return found
        time.sleep(0.2)
    raise AssertionError(f"did not happen within {limit_s} s")


@pytest.fixture
def database() -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="undertone-postgres-"))
    someone_else: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        someone_else = ["runuser", "-u", "postgres", "--"]
    found, log = Database(free_port()), folder.with_suffix(".log")
    data = folder / "data"
    make = [f"{BIN}/initdb", "-D", str(data), "-U", "prefect", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*someone_else, *make], cwd=folder, check=True, capture_output=True)
    serve = [f"{BIN}/postgres", "-D", str(data), "-p", str(found.port), "-k", str(folder), "-c", "fsync=off"]
    with log.open("wb") as sink:
        running = subprocess.Popen([*someone_else, *serve], cwd=folder, stdout=sink, stderr=sink)
    try:
        until(lambda: accepts(found), 30)
        yield found
    finally:
        # of postgres' own, so that runuser does not leave it behind
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
        running.wait(30)
        shutil.rmtree(folder)
        log.unlink()


def accepts(database: Database) -> bool:
    try:
        return database.ask("select 1") == "1"
    except subprocess.CalledProcessError:
        return False


@pytest.fixture
def running_ui(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectServer]:
    """A server on that database, in a project whose flows note which worker ran them."""
    text = (ROOT / "prefect.yaml").read_text()
    for name in ("weak-supervision", "corpus-benchmark"):
        function = name.replace("-", "_")
        text = text.replace(f"undertone.{function}", f"{function}.py:{function}")
        (tmp_path / f"{function}.py").write_text(NOTE.format(name=name, function=function))
    (tmp_path / "prefect.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", database.url)
    with server.running(free_port()) as running:
        yield running


def run(api: Api, deployment: str, note: str) -> str:
    """Run a deployment to its end and return the worker that ran it."""
    flow_run = api.start(deployment, note=note)
    until(lambda: api.state(flow_run) == "Completed", 90)
    return Path(note).read_text()


def workers(api: Api) -> set[str]:
    online = api.ask(f"/work_pools/{work_pool.NAME}/workers/filter", {})
    return {worker["name"] for worker in online if worker["status"] == "ONLINE"}


def test_two_workers_share_a_pool_on_postgresql(running_ui: PrefectServer, database: Database, tmp_path: Path) -> None:
    api = Api(running_ui)
    (first,) = until(lambda: workers(api))
    assert run(api, "weak-supervision/nightly", "one.txt") == first
    # as on another machine, with nothing but the profile in the shared folder; the mark is for the fixture's clean-up
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", work_pool.NAME, "--name", "second"]
    env = {**os.environ, "PREFECT_HOME": str(running_ui.home), orphans.MARK: str(running_ui.home)}
    with Path("second.log").open("wb") as sink:
        second = subprocess.Popen(command, env=env, stdout=sink, stderr=sink)
    until(lambda: "second" in workers(api))
    mine = [one for one in psutil.process_iter() if orphans.is_marked(one, paths.STATE.resolve() / "prefect")]
    (busy,) = [one for one in mine if "worker" in one.cmdline() and one.pid != second.pid]
    busy.suspend()
    try:
        assert run(api, "corpus-benchmark/weekly-benchmark", "two.txt") == "second"
    finally:
        busy.resume()
        second.kill()
        second.wait()
    assert not (tmp_path / ".undertone/prefect/prefect.db").exists()
    assert database.ask("select count(*) from flow_run where state_type = 'COMPLETED'") == "2"
    assert database.ask("select string_agg(name, ' ' order by name) from deployment") == "nightly weekly-benchmark"
    assert int(database.ask("select count(*) from flow_run where auto_scheduled")) > 0, "nights are planned"
