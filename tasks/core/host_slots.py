"""Limit of fetches from a host at a time, over all processes that work in a project folder, and its requested pauses.

A fetch holds one of its host's slots. A slot is a lock of the operating system on a file, so that a killed process
releases it. If a host asks to wait (Retry-After), no process starts a fetch from it before that time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from tasks.core import paths

_POLL_S = 0.05
_TIME_DIGITS = 20


_limit: ContextVar[int] = ContextVar("limit", default=0)


@contextmanager
def limited(limit: int) -> Iterator[None]:
    """Limit the fetches in this block and thread; outside, fetches need no slot.

    Args:
        limit: fetches from a host at a time, over all processes; 0: no limit
    """
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def held(host: str) -> Iterator[None]:
    """Hold one of a host's slots; wait until one is free and the host's pause is over.

    Args:
        host: its name; a file has none, and needs no slot
    """
    if not host or not (limit := _limit.get()):
        yield
        return
    slots = _slots(host, limit)
    while (pause_s := _resumes(slots[0]) - time.time()) > 0:
        time.sleep(min(pause_s, 1.0))
    handle = _acquired(slots)
    try:
        yield
    finally:
        # closing a file releases its lock
        os.close(handle)


def pause(host: str, for_s: float) -> None:
    """Start no fetch from a host for a while, in any process.

    Args:
        host: its name
        for_s: seconds from now
    """
    if not host or not (limit := _limit.get()):
        return
    slot = _slots(host, limit)[0]
    until = time.time() + for_s
    if until > _resumes(slot):
        handle = os.open(slot, os.O_WRONLY)
        try:
            # one write of a fixed length: readers see the old time or the new one
            os.pwrite(handle, f"{until:{_TIME_DIGITS}.3f}".encode(), 0)
        finally:
            os.close(handle)


def _slots(host: str, limit: int) -> list[Path]:
    """Return the host's files; all exist afterwards, so that the files of a project do not depend on timing."""
    folder = paths.LOCKS / "hosts"
    folder.mkdir(parents=True, exist_ok=True)
    # host names come from pages and lists
    name = hashlib.sha256(host.lower().encode(errors="replace")).hexdigest()[:16]
    slots = [folder / f"{name}-{number}.lock" for number in range(limit)]
    for slot in slots:
        slot.touch()
    return slots


def _acquired(slots: list[Path]) -> int:
    while True:
        for slot in slots:
            handle = os.open(slot, os.O_RDWR)
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return handle
            os.close(handle)
        time.sleep(_POLL_S)


def _resumes(slot: Path) -> float:
    try:
        return float(slot.read_text(encoding="ascii"))
    except (ValueError, FileNotFoundError):
        return 0.0
