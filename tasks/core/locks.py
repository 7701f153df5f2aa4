"""File locks: one run of a stage at a time, and no cleaning of the cache during a run.

They are flock locks of the operating system, so that a killed run releases them. On a shared folder the file system
must support them (NFS 4 does).
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
    """Hold an exclusive lock.

    Args:
        name: what is locked, such as a stage
        by: the holder, as shown to those who wait
        wait_s: how long to wait for it, in seconds
        waiting: called once with a message about the holder, if it is necessary to wait
        folder: the folder of lock files

    Raises:
        Busy: if it is still held after that time; the message names the holder
    """
    with _file(name, folder) as file:
        _acquire(file, fcntl.LOCK_EX, name, wait_s, waiting)
        _sign(file, by)
        yield
        # after an error or a kill the name stays, for `unfinished`
        file.truncate(0)


@contextmanager
def together(name: str, *, wait_s: float, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a shared lock: others may share it, and `alone` waits for all of them.

    Args:
        name: what is locked
        wait_s: how long to wait for it, in seconds
        waiting: called once with a message about the holder, if it is necessary to wait

    Raises:
        Busy: if another process holds it exclusively for longer than `wait_s`
    """
    with _file(name) as file:
        _acquire(file, fcntl.LOCK_SH, name, wait_s, waiting)
        yield


def unfinished(name: str, folder: Path = paths.LOCKS) -> str:
    """Return a phrase about a run that holds a lock, or that failed or was killed while it did; else no text.

    Args:
        name: what is locked
        folder: the folder of lock files
    """
    try:
        with (folder / f"{name}.lock").open(encoding="utf-8") as file:
            holder = _holder(file)
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return f"that did not finish, started{holder}" if holder else ""
    except FileNotFoundError:
        return ""
    except BlockingIOError:
        return f"in progress{holder}"


def forget(name: str, folder: Path = paths.LOCKS) -> None:
    """Forget a lock's last holder that failed or was killed.

    Args:
        name: what is locked
        folder: the folder of lock files
    """
    if unfinished(name, folder):
        with suppress(Busy), alone(name, "", wait_s=0, waiting=lambda _: None, folder=folder):
            pass


@contextmanager
def _file(name: str, folder: Path = paths.LOCKS) -> Iterator[IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    # never deleted: another process could then lock a new file of the same name
    with (folder / f"{name}.lock").open("a+", encoding="utf-8") as file:
        yield file


def _acquire(file: IO[str], kind: int, name: str, wait_s: float, waiting: Callable[[str], None]) -> None:
    until, has_reported = time.monotonic() + wait_s, False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        holder = _holder(file)
        if time.monotonic() >= until:
            raise Busy(f"{name} is in use{holder}; waited {wait_s:.0f} s. Run again when that is done, or stop it")
        if not has_reported:
            waiting(f"{name} is in use{holder}; waiting for it")
            has_reported = True
        time.sleep(_POLL_S)


def _sign(file: IO[str], by: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    file.truncate(0)
    file.write(json.dumps({"by": by, "pid": os.getpid(), "host": socket.gethostname(), "since": since}))
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f" by {holder['by']} (process {holder['pid']} on {holder['host']}, since {holder['since']})"
    except (ValueError, KeyError):
        # a shared lock, or its holder has not written its name yet
        return ""
