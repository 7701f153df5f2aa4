"""Processes that outlive the command that started them, such as the one that workers are forked from (Linux)."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import psutil

_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2): orphans become children of this process."""
_WAIT_S = 120.0


class StillRunning(Exception):
    """Processes that a run started do not end; the message lists them."""


@contextmanager
def awaited() -> Iterator[None]:
    """Adopt the orphans that the block leaves behind, and wait for them at its end.

    `resource.getrusage(RUSAGE_CHILDREN)` then includes them, with their own children.

    Raises:
        StillRunning: if they do not end within two minutes
    """
    others = {child.pid for child in psutil.Process().children()}
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
        _await_ended(others)
    finally:
        ctypes.CDLL(None).prctl(_SUBREAPER, 0, 0, 0, 0)


def _await_ended(others: Collection[int]) -> None:
    until = time.monotonic() + _WAIT_S
    # several times: those that end may leave orphans, too
    while left := [process for process in psutil.Process().children() if process.pid not in others]:
        psutil.wait_procs(left, timeout=1.0)
        if time.monotonic() > until:
            raise StillRunning(f"processes that a run started do not end: {left}")
