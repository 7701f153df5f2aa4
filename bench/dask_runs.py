"""Runs on one machine and on Dask workers without the project folder, with the CPU seconds of all their processes."""

from __future__ import annotations

import hashlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench import orphans
from bench.commands import CommandFailed, environment
from bench.side import Prepared

_FLOW = "from flows.weak_supervision import weak_supervision as f; f(runner='dask', scheduler={!r}, push=False)"
_WAIT_S, _MOST_CHARACTERS = 120.0, 3000


def one_machine(folder: str, command: Sequence[str]) -> Prepared:
    """Prepare a run in a project.

    Args:
        folder: the project
        command: the run
    """
    return Prepared(lambda: _cpu_s_of(lambda: _run(command, Path(folder), environment())), summary=_summary(folder))


def on_dask(folder: str, n_workers: int) -> Prepared:
    """Prepare a flow run on Dask workers, each in an empty folder, with a home of its own.

    Starting scheduler and workers is part of the work. The Prefect server runs before, as a service does; its computing
    during the run counts.

    Args:
        folder: the project; its runtime.store is a folder
        n_workers: number of workers
    """
    return Prepared(lambda: _on_dask(Path(folder), n_workers), summary=_summary(folder))


def _on_dask(project: Path, n_workers: int) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-dask-") as name, ExitStack() as stack:
        folder = Path(name)
        port, address = free_port(), f"tcp://127.0.0.1:{free_port()}"
        env = {
            **environment(),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
        Path(env["PREFECT_HOME"]).mkdir()
        server = stack.enter_context(
            _running(
                "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), folder=folder, env=env
            )
        )
        _await_health(env["PREFECT_API_URL"])
        before_s = _cpu_s(server)
        cluster_s = _cpu_s_of(lambda: _on_cluster(project, folder, address, n_workers, env))
        return cluster_s + _cpu_s(server) - before_s


def _on_cluster(project: Path, folder: Path, address: str, n_workers: int, env: dict[str, str]) -> None:
    host, port = address.removeprefix("tcp://").split(":")
    with ExitStack() as stack:
        options = ("--host", host, "--port", port, "--no-dashboard")
        stack.enter_context(_running("-m", "dask", "scheduler", *options, folder=folder, env=env))
        for number in range(n_workers):
            home = folder / f"worker-{number}"
            home.mkdir()
            alone = ("--host", host, "--nthreads", "1", "--no-dashboard", "--no-nanny")
            own = {**env, "HOME": str(home), "PREFECT_HOME": str(home)}
            stack.enter_context(_running("-m", "dask", "worker", address, *alone, folder=home, env=own))
        await_port(int(port))
        _run([sys.executable, "-c", _FLOW.format(address)], project, env)


def _cpu_s_of(work: Callable[[], None]) -> float:
    """Return the CPU seconds of all processes that ended during a piece of work."""
    before_s = _ended_s()
    with orphans.awaited():
        work()
    return _ended_s() - before_s


def _ended_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    root = psutil.Process(process.pid)
    return float(sum(sum(each.cpu_times()[:2]) for each in (root, *root.children(recursive=True))))


def _run(command: Sequence[str], folder: Path, env: dict[str, str]) -> None:
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)  # noqa: S603
    if ended.returncode:
        text = ended.stderr.decode(errors="replace")[-_MOST_CHARACTERS:]
        raise CommandFailed(f"{' '.join(command)} ended with {ended.returncode}\n{text}")


@contextmanager
def _running(*arguments: str, folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=env, stdout=quiet, stderr=quiet)  # noqa: S603
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _summary(folder: str) -> Any:
    """Return a function from CPU seconds to the JSON summary: these, and a digest of all outputs and of dvc.lock."""

    def summary(cpu_s: float) -> dict[str, Any]:
        digest = hashlib.sha256()
        files = [path for path in sorted(Path(folder, "data").rglob("*")) if path.is_file()]
        for path in (*files, Path(folder, "dvc.lock")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return {"cpu_s": cpu_s, "outputs": digest.hexdigest()}

    return summary


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    """Wait until something listens on a port of this machine.

    Args:
        port: its number

    Raises:
        CommandFailed: if nothing does within two minutes
    """
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CommandFailed(f"nothing listens on port {port}")


def _await_health(url: str) -> None:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()  # noqa: S310  (our own server)
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    raise CommandFailed(f"no Prefect server answers at {url}")
