"""`undertone ui`: start and stop the Prefect server, work pool, deployments and worker together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from flows.ui import alerts, crashes, guard, orphans, prefect_server, report_site, secret, work_pool
from flows.ui.processes import Service, accepting_sigint, supervised
from flows.ui.secret import Secret
from tasks.core import paths
from tasks.core.errors import UndertoneError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PREFECT = (sys.executable, "-m", "prefect")
STARTUP_S = 90.0


@dataclass(frozen=True)
class PrefectServer:
    """The running server.

    Args:
        url: its address
        secret: what its clients have to send
        home: Prefect's folder in the project, with a profile for clients
    """

    url: str
    secret: Secret
    home: Path

    @property
    def link(self) -> str:
        """Return the link that logs a browser in, to Prefect's pages and to the report."""
        return guard.link(self.url, self.secret)

    def client(self) -> SyncPrefectClient:
        """Return a client of the server's API."""
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(f"{self.url}/api", auth_string=self.secret.auth_string)


def environment(port: int, access: Secret, url: str | None = None) -> dict[str, str]:
    """Return the environment of Prefect's commands.

    Variables that are set already (a database URL, say) are kept, except the server's address, its folder, and what
    decides on access to it.

    Args:
        port: the server's port
        access: what clients have to send
        url: the server's address, if it is on another host
    """
    home = (paths.STATE / "prefect").resolve()
    # often a secret; only `undertone ui` itself needs it
    inherited = {name: value for name, value in os.environ.items() if name != alerts.URL_SETTING}
    return {
        "UNDERTONE_REPORT_URL": report_site.url(port + 1),
        # on disk, leases of concurrency slots survive a restart; in memory, a killed server's slots would stay taken
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        **crashes.SETTINGS,
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        **inherited,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PREFECT_API_URL": f"{url or local_url(port)}/api",
        "PREFECT_API_AUTH_STRING": access.auth_string,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        orphans.MARK: str(home),
    }


def server_environment(port: int, access: Secret) -> dict[str, str]:
    """Return the environment of the server: that of Prefect's commands, and who may use it.

    Args:
        port: its port
        access: what clients have to send
    """
    env = environment(port, access)
    return {
        **_place_of_pages(Path(env["PREFECT_HOME"])),
        **env,
        "PREFECT_SERVER_API_AUTH_STRING": access.auth_string,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": local_url(port),
        "PREFECT_SERVER_UI_API_URL": f"{local_url(port)}/api",
    }


def _place_of_pages(home: Path) -> dict[str, str]:
    """Return where Prefect writes its web pages at the first start, if its package belongs to another user."""
    prefect = find_spec("prefect")
    if prefect is None or prefect.origin is None or os.access(Path(prefect.origin).parent / "server", os.W_OK):
        return {}
    return {"PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "pages")}


@contextmanager
def running(port: int) -> Iterator[PrefectServer]:
    """Run server, worker and report page, and register pool and deployments; yield the server; stop all on exit.

    Args:
        port: the server's port; the next one serves the report

    Raises:
        ConfigError: if the alert URL is no address
        UndertoneError: if a port is taken, `undertone ui` runs in this project already, or a service does not start or
            keeps stopping
    """
    access, alert_url = secret.new(), alerts.url()
    env = environment(port, access)
    home = Path(env["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    # database and logs, too, are of no concern to other users of this machine
    home.chmod(0o700)
    prefect = PrefectServer(local_url(port), access, home)
    serve = (sys.executable, "-m", prefect_server.__name__, str(port))
    server = Service("the Prefect server", serve, server_environment(port, access), home / "server.log")
    work = (*PREFECT, "worker", "start", "--pool", work_pool.NAME, "--name", socket.gethostname())
    # after SIGINT a worker waits about 15 s, though its runs have been ended by then
    worker = Service("the worker", work, env, home / "worker.log", stop_timeout_s=2.0)
    with accepting_sigint(), orphans.signals_handled() as ignore_signals, ExitStack() as stack:
        ended = stack.enter_context(orphans.exclusive(home))
        _demand_free(port, "")
        _demand_free(port + 1, ", where the report is served,")
        secret.write_profile(home, env["PREFECT_API_URL"], access)
        stack.enter_context(report_site.serving(paths.DATA.resolve(), port + 1, access))
        stack.enter_context(server.running())
        await_health(env["PREFECT_API_URL"], server)
        register(prefect, env, ended, alert_url, pages=prefect.url)
        stack.enter_context(worker.running())
        stack.callback(_end_runs, prefect, server, worker)
        stack.enter_context(supervised(server, worker))
        stack.callback(ignore_signals)
        yield prefect


def local_url(port: int) -> str:
    """Return the address of a server on this machine.

    Args:
        port: its port
    """
    return f"http://127.0.0.1:{port}"


def register(
    prefect: PrefectServer, env: dict[str, str], ended: Collection[UUID], alert_url: str | None, *, pages: str
) -> None:
    """Register work pool, deployments and automations; mark the ended flow runs.

    Args:
        prefect: the running server
        env: environment of Prefect's commands
        ended: ids of flow runs whose processes were ended
        alert_url: address that alerts go to
        pages: address of the server's pages in a browser
    """
    with prefect.client() as client:
        work_pool.create(client)
        _prefect(["--no-prompt", "deploy", "--all"], env)
        crashes.create_automation(client)
        # before runs are marked as crashed, which is worth an alert
        alerts.set_up(client, pages, alert_url)
        crashes.mark(client, ended)


def _end_runs(prefect: PrefectServer, server: Service, worker: Service) -> None:
    # interrupt the worker first, so that it starts no new runs; end its runs, since it would wait for them
    worker.interrupt()
    ended = orphans.end(prefect.home, spare=(server.pid(), worker.pid()))
    if server.exit_status() is None:
        with prefect.client() as client:
            crashes.mark(client, ended)


def _demand_free(port: int, purpose: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            taken = f"port {port}{purpose} is taken, perhaps by another `undertone ui`"
            raise UndertoneError(f"{taken}; stop that, or choose another port: undertone ui --port N") from None


def await_health(api: str, server: Service | None = None) -> None:
    """Wait until the server answers.

    Args:
        api: address of its API
        server: its process, if it was started here

    Raises:
        UndertoneError: if it does not answer in time, or its process ends
    """
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and (server is None or server.exit_status() is None):
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UndertoneError(
        f"no Prefect server answers at {api} after {STARTUP_S:.0f} s"
        if server is None
        else f"the Prefect server did not start; {server.log_tail()}"
    )


def _prefect(arguments: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [*PREFECT, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        if variable := work_pool.refused_variable(done.stderr):
            raise UndertoneError(
                f"prefect.yaml: found the job variable {variable!r}; runs take none, because a run must not choose the "
                "program that a worker executes. Remove it. To give runs an environment variable, set it before "
                "`undertone ui`"
            )
        raise UndertoneError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
