"""`undertone ui`: Prefect server, work pool, deployments and worker brought up together, and down together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.ui import crashes, orphans, report_site
from flows.ui.processes import Part, hearing_ctrl_c, kept_up
from tasks.core import paths
from tasks.core.errors import UndertoneError

POOL = "undertone"
PREFECT = (sys.executable, "-m", "prefect")
STARTUP_S = 90.0


def environment(port: int) -> dict[str, str]:
    """Return the environment in which Prefect's own commands talk to the server on this port.

    What is set already (a database's URL, a page's) is respected, except where the server is and where it keeps house.
    """
    home = (paths.STATE / "prefect").resolve()
    return {
        "UNDERTONE_REPORT_URL": report_site.url(port + 1),
        # leases of concurrency slots outlive a restart; kept in memory, a killed server's slots stay taken for ever
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        **crashes.SETTINGS,
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        orphans.MARK: str(home),
    }


@contextmanager
def running(port: int) -> Iterator[str]:
    """Run server, pool, deployments, worker and the report's page; yield the server's URL; stop everything on leaving.

    A part that stops by itself is started again; one that keeps stopping ends the whole with a message.

    Raises:
        UndertoneError: if a port is taken, if `undertone ui` runs in this project already, or if a part does not come
            up or stay up
    """
    env = environment(port)
    home = Path(env["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    serve = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port))
    server = Part("the Prefect server", serve, env, home / "server.log")
    # asked to stop, a worker waits some 15 s for nothing in particular; its runs have been ended by then
    worker = Part(
        "the worker",
        (*PREFECT, "worker", "start", "--pool", POOL, "--name", socket.gethostname()),
        env,
        home / "worker.log",
        patience_s=2.0,
    )
    with hearing_ctrl_c(), orphans.unhurried() as wait_for_the_end, ExitStack() as stack:
        left_behind = stack.enter_context(orphans.alone(home))
        _demand_free(port, "")
        _demand_free(port + 1, ", where the report is served,")
        stack.enter_context(report_site.serving(paths.REPORT.parent.resolve(), port + 1))
        stack.enter_context(server.running())
        _await_health(f"{env['PREFECT_API_URL']}/health", server)
        _prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
        _prefect(["--no-prompt", "deploy", "--all"], env)
        crashes.detect(env["PREFECT_API_URL"])
        crashes.record(env["PREFECT_API_URL"], left_behind)
        stack.enter_context(worker.running())
        stack.callback(_end_runs, home, server, worker)
        stack.enter_context(kept_up(server, worker))
        stack.callback(wait_for_the_end)
        yield f"http://127.0.0.1:{port}"


def _end_runs(home: Path, server: Part, worker: Part) -> None:
    # asked first, the worker starts nothing new; it would wait for its runs, however long they take
    worker.ask_to_stop()
    ended = orphans.end(home, spare=(server.pid(), worker.pid()))
    if server.exit_status() is None:
        crashes.record(server.env["PREFECT_API_URL"], ended)


def _demand_free(port: int, whose: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            taken = f"port {port}{whose} is taken, perhaps by another `undertone ui`"
            raise UndertoneError(f"{taken}; stop that, or choose another port: undertone ui --port N") from None


def _await_health(url: str, server: Part) -> None:
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and server.exit_status() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UndertoneError(f"the Prefect server did not come up; {server.ending()}")


def _prefect(arguments: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [*PREFECT, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UndertoneError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
