"""Locking and cleanup of `undertone ui`: one per project, and no processes left of a stopped or killed one."""

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
def exclusive(home: Path) -> Iterator[set[UUID]]:
    """Lock the project's `undertone ui`; end processes of a killed one at the start, and this one's at the end.

    Args:
        home: Prefect's folder in the project

    Yields:
        ids of the flow runs that were ended

    Raises:
        UndertoneError: if another `undertone ui` runs in this project
    """
    with (home / "ui.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UndertoneError(
                f"another `undertone ui` runs in {home.parent.parent}: use its page, or stop it first"
            ) from None
        ended = end(home)
        try:
            yield ended
        finally:
            end(home)


def end(home: Path, *, spare: tuple[int, ...] = ()) -> set[UUID]:
    """End the processes of this project's `undertone ui`: SIGTERM, then SIGKILL.

    Flow runs have their own sessions and outlive a killed worker, so a mark in their environment identifies them.

    Args:
        home: the value of the mark
        spare: process groups to leave running

    Returns:
        ids of the flow runs among them
    """
    ended = set()
    for stop in (psutil.Process.terminate, psutil.Process.kill):
        left = [process for process in psutil.process_iter() if is_marked(process, home, spare)]
        for process in left:
            try:
                if flow_run := process.environ().get("PREFECT__FLOW_RUN_ID"):
                    ended.add(UUID(flow_run))
                stop(process)
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=GRACE_S)
    return ended


def is_marked(process: psutil.Process, home: Path, spare: tuple[int, ...] = ()) -> bool:
    """Return whether a process is part of this project's `undertone ui`, and in none of the groups to spare.

    Args:
        process: the process
        home: the value of the mark
        spare: process groups to leave running
    """
    try:
        marked = process.pid != os.getpid() and process.environ().get(MARK) == str(home)
        return marked and os.getpgid(process.pid) not in spare
    except (psutil.Error, OSError):
        return False


@contextmanager
def signals_handled() -> Iterator[Callable[[], None]]:
    """Treat SIGHUP (a closed terminal) as Ctrl-C; yield a function that ignores further signals during shutdown."""
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
