"""Locks that die with their process: one run of a stage at a time, and no cleaning under a run's feet.

They are the operating system's (flock), so that a killed run leaves none behind; on a shared folder the file system
has to support them (NFS 4 does).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from tasks.core import paths
from tasks.core.errors import Busy

_POLL_S = 0.2


@contextmanager
def alone(
    name: str, by: str, *, wait_s: float, waiting: Callable[[str], None], folder: Path = paths.LOCKS
) -> Iterator[None]:
    """Hold a lock that no one else holds in any way.

    Args:
        name: what is locked, such as a stage
        by: who asks, as another one who waits should read it
        wait_s: how long to wait for it, in seconds
        waiting: told once who holds it, if it has to be waited for
        folder: the folder of lock files

    Raises:
        Busy: if it is still held after that time; the message says by whom
    """
    with _file(name, folder) as file:
        _acquire(file, fcntl.LOCK_EX, name, wait_s, waiting)
        _sign(file, by)
        try:
            yield
        finally:
            file.truncate(0)


@contextmanager
def together(name: str, *, wait_s: float, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock along with others who hold it like this; `alone` has to wait for all of them.

    Raises:
        Busy: if someone holds it alone for longer than `wait_s` seconds
    """
    with _file(name) as file:
        _acquire(file, fcntl.LOCK_SH, name, wait_s, waiting)
        yield


@contextmanager
def _file(name: str, folder: Path = paths.LOCKS) -> Iterator[IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    # never deleted: a lock on a deleted file locks no one out
    with (folder / f"{name}.lock").open("a+", encoding="utf-8") as file:
        yield file


def _acquire(file: IO[str], kind: int, name: str, wait_s: float, waiting: Callable[[str], None]) -> None:
    until, told = time.monotonic() + wait_s, False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        holder = _holder(file)
        if time.monotonic() >= until:
            raise Busy(f"{name} is in use{holder}; waited {wait_s:.0f} s. Run again when that is done, or stop it")
        if not told:
            waiting(f"{name} is in use{holder}; waiting for it")
            told = True
        time.sleep(_POLL_S)


def _sign(file: IO[str], by: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    file.truncate(0)
    file.write(json.dumps({"by": by, "pid": os.getpid(), "host": socket.gethostname(), "since": since}))
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        known = json.loads(file.read())
        return f" by {known['by']} (process {known['pid']} on {known['host']}, since {known['since']})"
    except (ValueError, KeyError):
        # held together with others, or not signed yet
        return ""
