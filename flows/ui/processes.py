"""Services of `undertone ui`: long-running programs with a log file, restarted when they stop unexpectedly."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.core.errors import UndertoneError

CHECK_S = 1.0
MAX_RESTARTS = 3
RESTART_WINDOW_S = 3600.0
MAX_LOG_BYTES = 10_000_000

_logger = logging.getLogger(__name__)


@dataclass
class Service:
    """A program that is kept running.

    Args:
        name: its name in messages
        command: its command line
        env: its environment
        log: file for its output; above 10 MB it is renamed to `….1` at the next start
        stop_timeout_s: time to stop before it is killed, in seconds
    """

    name: str
    command: Sequence[str]
    env: dict[str, str]
    log: Path
    stop_timeout_s: float = 15.0
    _process: subprocess.Popen[bytes] | None = None
    _interrupted: bool = False
    _starts: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the program while the context is open."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start the program."""
        self._starts.append(time.monotonic())
        if self.log.is_file() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        with self.log.open("ab") as sink:
            # own session: Ctrl-C reaches only this process, which then stops its children in order
            self._process = subprocess.Popen(  # noqa: S603
                self.command, env=self.env, stdout=sink, stderr=sink, start_new_session=True
            )

    def interrupt(self) -> None:
        """Send SIGINT, once: at a second one, Prefect's programs exit without cleaning up."""
        if not self._interrupted:
            self._interrupted = True
            self._send(signal.SIGINT)

    def stop(self) -> None:
        """Stop the program: SIGINT, and SIGKILL after `stop_timeout_s`."""
        self.interrupt()
        try:
            self._started().wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)
            self._started().wait()

    def exit_status(self) -> int | None:
        """Return the program's exit status, or None while it runs."""
        return self._started().poll()

    def pid(self) -> int:
        """Return the program's process id, which is also its process group."""
        return self._started().pid

    def keeps_stopping(self) -> bool:
        """Return whether the program was restarted more than `MAX_RESTARTS` times within `RESTART_WINDOW_S`."""
        return sum(time.monotonic() - start < RESTART_WINDOW_S for start in self._starts) > MAX_RESTARTS

    def log_tail(self) -> str:
        """Return the path of the program's log and its last lines."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join([f"the end of {self.log}:", *lines])

    def _send(self, number: signal.Signals) -> None:
        if self.exit_status() is None:
            os.killpg(self.pid(), number)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process


@contextmanager
def accepting_sigint() -> Iterator[None]:
    """Handle SIGINT in this process and its children: a shell's background jobs ignore it by default."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def supervised(*services: Service) -> Iterator[None]:
    """Restart services that stop unexpectedly, while the context is open.

    Args:
        services: running services

    Raises:
        UndertoneError: if a service keeps stopping; the main thread is interrupted first, as by Ctrl-C
    """
    closing = threading.Event()
    failed: list[Service] = []

    def supervise() -> None:
        while not failed and not closing.wait(CHECK_S):
            for service in services:
                if service.exit_status() is not None:
                    _restart(service, failed)

    supervisor = threading.Thread(target=supervise, name="supervisor", daemon=True)
    with accepting_sigint():
        supervisor.start()
        try:
            yield
        finally:
            closing.set()
            supervisor.join()
    if failed:
        raise UndertoneError(f"{failed[0].name} keeps stopping; {failed[0].log_tail()}")


def _restart(service: Service, failed: list[Service]) -> None:
    if not service.keeps_stopping():
        status = service.exit_status()
        _logger.warning("%s stopped (status %s) and is restarted; its log: %s", service.name, status, service.log)
        service.start()
        return
    failed.append(service)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
