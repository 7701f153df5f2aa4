"""The programs that `undertone ui` keeps running: each with its log, and started again when it stops by itself."""

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

LOOK_S = 1.0
RESTARTS = 3
PER_S = 3600.0
LOG_BYTES = 10_000_000

_logger = logging.getLogger(__name__)


@dataclass
class Part:
    """A program that is kept running.

    Args:
        name: what a message calls it
        command: its command line
        env: its environment
        log: the file that gets its output; once past 10 MB it becomes `….1` at the next start, and that one goes
        patience_s: how long it may take over stopping before it is killed
    """

    name: str
    command: Sequence[str]
    env: dict[str, str]
    log: Path
    patience_s: float = 15.0
    _process: subprocess.Popen[bytes] | None = None
    _asked_to_stop: bool = False
    _starts: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the program for as long as the context lasts."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start the program."""
        self._starts.append(time.monotonic())
        if self.log.is_file() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        with self.log.open("ab") as sink:
            # a session of its own: Ctrl-C reaches this process alone, which then stops its children in order
            self._process = subprocess.Popen(  # noqa: S603
                self.command, env=self.env, stdout=sink, stderr=sink, start_new_session=True
            )

    def ask_to_stop(self) -> None:
        """Ask the program to stop, once: Prefect's take a second request for a reason to kill themselves."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self._send(signal.SIGINT)

    def stop(self) -> None:
        """Stop the program: ask it, then make it."""
        self.ask_to_stop()
        try:
            self._started().wait(self.patience_s)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)
            self._started().wait()

    def exit_status(self) -> int | None:
        """Return the program's exit status; none while it runs."""
        return self._started().poll()

    def pid(self) -> int:
        """Return the number of the program's process, which is also that of its group."""
        return self._started().pid

    def keeps_stopping(self) -> bool:
        """Say whether the program has been started too often of late to be started once more."""
        return sum(time.monotonic() - start < PER_S for start in self._starts) > RESTARTS

    def ending(self) -> str:
        """Return where the program's log is, and its last lines."""
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
def hearing_ctrl_c() -> Iterator[None]:
    """Have SIGINT heard here and in what is started here: a shell starts its background jobs deaf to it."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not deaf or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def kept_up(*parts: Part) -> Iterator[None]:
    """Start again whatever stops by itself for as long as the context lasts.

    Raises:
        UndertoneError: if a part keeps stopping; the main thread is interrupted then, as by Ctrl-C
    """
    leaving = threading.Event()
    given_up: list[Part] = []

    def look_after() -> None:
        while not given_up and not leaving.wait(LOOK_S):
            for part in parts:
                if part.exit_status() is not None:
                    _start_again(part, given_up)

    keeper = threading.Thread(target=look_after, name="keeper", daemon=True)
    with hearing_ctrl_c():
        keeper.start()
        try:
            yield
        finally:
            leaving.set()
            keeper.join()
    if given_up:
        raise UndertoneError(f"{given_up[0].name} keeps stopping; {given_up[0].ending()}")


def _start_again(part: Part, given_up: list[Part]) -> None:
    stopped = f"{part.name} stopped by itself (status {part.exit_status()})"
    if not part.keeps_stopping():
        _logger.warning("%s and is started again; its log is %s", stopped, part.log)
        part.start()
        return
    given_up.append(part)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
