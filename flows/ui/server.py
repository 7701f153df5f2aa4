"""`undertone ui`: start and stop the Prefect server, work pool, deployments and worker together."""

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
from flows.ui.processes import Service, accepting_sigint, supervised
from tasks.core import paths
from tasks.core.errors import UndertoneError

POOL = "undertone"
PREFECT = (sys.executable, "-m", "prefect")
STARTUP_S = 90.0


def environment(port: int) -> dict[str, str]:
    """Return the environment of Prefect's commands.

    Variables that are set already (a database URL, say) are kept, except the server's address and its folder.

    Args:
        port: the server's port
    """
    home = (paths.STATE / "prefect").resolve()
    return {
        "UNDERTONE_REPORT_URL": report_site.url(port + 1),
        # on disk, leases of concurrency slots survive a restart; in memory, a killed server's slots would stay taken
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
    """Run server, worker and report page, and register pool and deployments; yield the server's URL; stop all on exit.

    Args:
        port: the server's port; the next one serves the report

    Raises:
        UndertoneError: if a port is taken, `undertone ui` runs in this project already, or a service does not start or
            keeps stopping
    """
    env = environment(port)
    home = Path(env["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    serve = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port))
    server = Service("the Prefect server", serve, env, home / "server.log")
    work = (*PREFECT, "worker", "start", "--pool", POOL, "--name", socket.gethostname())
    # after SIGINT a worker waits about 15 s, though its runs have been ended by then
    worker = Service("the worker", work, env, home / "worker.log", stop_timeout_s=2.0)
    with accepting_sigint(), orphans.signals_handled() as ignore_signals, ExitStack() as stack:
        ended = stack.enter_context(orphans.exclusive(home))
        _demand_free(port, "")
        _demand_free(port + 1, ", where the report is served,")
        stack.enter_context(report_site.serving(paths.REPORT.parent.resolve(), port + 1))
        stack.enter_context(server.running())
        _await_health(f"{env['PREFECT_API_URL']}/health", server)
        _prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
        _prefect(["--no-prompt", "deploy", "--all"], env)
        crashes.create_automation(env["PREFECT_API_URL"])
        crashes.mark(env["PREFECT_API_URL"], ended)
        stack.enter_context(worker.running())
        stack.callback(_end_runs, home, server, worker)
        stack.enter_context(supervised(server, worker))
        stack.callback(ignore_signals)
        yield f"http://127.0.0.1:{port}"


def _end_runs(home: Path, server: Service, worker: Service) -> None:
    # interrupt the worker first, so that it starts no new runs; end its runs, since it would wait for them
    worker.interrupt()
    ended = orphans.end(home, spare=(server.pid(), worker.pid()))
    if server.exit_status() is None:
        crashes.mark(server.env["PREFECT_API_URL"], ended)


def _demand_free(port: int, purpose: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            taken = f"port {port}{purpose} is taken, perhaps by another `undertone ui`"
            raise UndertoneError(f"{taken}; stop that, or choose another port: undertone ui --port N") from None


def _await_health(url: str, server: Service) -> None:
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and server.exit_status() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UndertoneError(f"the Prefect server did not start; {server.log_tail()}")


def _prefect(arguments: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [*PREFECT, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UndertoneError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
