"""`undertone ui`: Prefect server, work pool, deployments and worker brought up together, and down together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks import paths
from tasks.errors import UndertoneError

POOL = "undertone"
STARTUP_S = 90.0
SHUTDOWN_S = 15.0


def environment(port: int) -> dict[str, str]:
    """Return the environment in which Prefect's own commands talk to the server on this port."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str((paths.HOUSE / "prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def running(port: int) -> Iterator[str]:
    """Run server, pool, deployments and worker; yield the page's URL; stop everything on leaving.

    Raises:
        UndertoneError: if the port is taken, or a part does not come up
    """
    _demand_free(port)
    env = environment(port)
    logs = paths.HOUSE / "prefect"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        serve = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = stack.enter_context(_child(serve, env, logs / "server.log"))
        _await_health(f"{env['PREFECT_API_URL']}/health", server, logs / "server.log")
        _prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
        _prefect(["--no-prompt", "deploy", "--all"], env)
        stack.enter_context(_child(["worker", "start", "--pool", POOL], env, logs / "worker.log"))
        yield f"http://127.0.0.1:{port}"


def _demand_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            taken = f"port {port} is taken, perhaps by another `undertone ui`"
            raise UndertoneError(f"{taken}; stop that, or choose another port: undertone ui --port N") from None


@contextmanager
def _child(arguments: Sequence[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as sink:
        # a session of its own: Ctrl-C reaches this process alone, which then stops its children in order
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "prefect", *arguments], env=env, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield child
    finally:
        _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def _await_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTUP_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UndertoneError(f"the Prefect server did not come up; the end of {log}:\n{_tail(log)}")


def _prefect(arguments: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "prefect", *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UndertoneError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
