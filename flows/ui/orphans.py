"""One `undertone ui` a project, and no process of one that is gone: not after Ctrl-C, not after SIGKILL."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from uuid import UUID

import psutil

from tasks.core.errors import UndertoneError

MARK = "UNDERTONE_UI"
GRACE_S = 10.0


@contextmanager
def alone(home: Path) -> Iterator[set[UUID]]:
    """Hold the project's lock, end what a killed `undertone ui` left running, and leave nothing running oneself.

    Yields:
        the flow runs that were ended
    Raises:
        UndertoneError: if another `undertone ui` runs in this project
    """
    with (home / "ui.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UndertoneError(
                f"another `undertone ui` runs in {home.parent.parent}: its page is the one to use, or stop it first"
            ) from None
        ended = end(home)
        try:
            yield ended
        finally:
            end(home)


def end(home: Path, *, spare: tuple[int, ...] = ()) -> set[UUID]:
    """End the processes marked as this project's: ask them, then make them.

    Flow runs lead sessions of their own, and outlive a killed worker: only the mark in their environment finds them.

    Args:
        home: the value of the mark
        spare: groups of processes to leave alone

    Returns:
        the flow runs among them
    """
    ended = set()
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        left = [process for process in psutil.process_iter() if is_marked(process, home, spare)]
        for process in left:
            try:
                if flow_run := process.environ().get("PREFECT__FLOW_RUN_ID"):
                    ended.add(UUID(flow_run))
                ask(process)
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=GRACE_S)
    return ended


def is_marked(process: psutil.Process, home: Path, spare: tuple[int, ...] = ()) -> bool:
    """Say whether a process belongs to this project's `undertone ui`, and is none of the groups to be spared."""
    try:
        marked = process.pid != os.getpid() and process.environ().get(MARK) == str(home)
        return marked and os.getpgid(process.pid) not in spare
    except (psutil.Error, OSError):
        return False


@contextmanager
def unhurried() -> Iterator[Callable[[], None]]:
    """Make a closed terminal stop the context as Ctrl-C does; yield what makes both wait until everything is down."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, _interrupt)

    def ignore() -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)

    try:
        yield ignore
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
