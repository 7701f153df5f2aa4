"""The way of several workers: `undertone ui` on PostgreSQL, and a second worker on the same pool."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.ui import orphans, server
from tasks.core import paths

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
def url(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on that database, in a project whose flows note which worker ran them."""
    text = (ROOT / "prefect.yaml").read_text()
    for name in ("weak-supervision", "corpus-benchmark"):
        function = name.replace("-", "_")
        text = text.replace(f"flows/{function}.py:{function}", f"{function}.py:{function}")
        (tmp_path / f"{function}.py").write_text(NOTE.format(name=name, function=function))
    (tmp_path / "prefect.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", database.url)
    with server.running(free_port()) as found:
        yield found


def api(url: str, path: str, body: object | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def run(url: str, deployment: str, note: str) -> str:
    """Run a deployment to its end and return the worker that ran it."""
    target = api(url, f"/deployments/name/{deployment}")["id"]
    flow_run = api(url, f"/deployments/{target}/create_flow_run", {"parameters": {"note": note}})["id"]
    until(lambda: api(url, f"/flow_runs/{flow_run}")["state"]["type"] == "COMPLETED", 90)
    return Path(note).read_text()


def workers(url: str) -> set[str]:
    found = api(url, f"/work_pools/{server.POOL}/workers/filter", {})
    return {one["name"] for one in found if one["status"] == "ONLINE"}


def test_two_workers_share_a_pool_on_postgresql(url: str, database: Database, tmp_path: Path) -> None:
    (first,) = until(lambda: workers(url))
    assert run(url, "weak-supervision/nightly", "one.txt") == first
    port = int(url.rpartition(":")[2])
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", server.POOL, "--name", "second"]
    with Path("second.log").open("wb") as sink:
        second = subprocess.Popen(command, env=server.environment(port), stdout=sink, stderr=sink)
    until(lambda: "second" in workers(url))
    mine = [one for one in psutil.process_iter() if orphans.is_marked(one, paths.STATE.resolve() / "prefect")]
    (busy,) = [one for one in mine if "worker" in one.cmdline() and one.pid != second.pid]
    busy.suspend()
    try:
        assert run(url, "corpus-benchmark/weekly-benchmark", "two.txt") == "second"
    finally:
        busy.resume()
        second.kill()
        second.wait()
    assert not (tmp_path / ".undertone/prefect/prefect.db").exists()
    assert database.ask("select count(*) from flow_run where state_type = 'COMPLETED'") == "2"
    assert database.ask("select string_agg(name, ' ' order by name) from deployment") == "nightly weekly-benchmark"
    assert int(database.ask("select count(*) from flow_run where auto_scheduled")) > 0, "nights are planned"
