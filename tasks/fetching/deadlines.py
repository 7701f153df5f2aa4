"""Deadlines of network reads: a server that sends a byte now and then must not hold an item for ever.

Socket timeouts apply to single reads. These limits apply to everything that the current thread reads inside `limited`:
headers, bodies and redirects. All HTTP libraries of Python read through `socket.SocketIO`, with and without TLS, so its
method is replaced; outside `limited` the replacement does nothing.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol

MIN_BYTES_PER_S = 1024.0
"""Slowest transfer of a media file, as an average over `crawl.timeout_s`; modems are faster."""
MAX_TRANSFER_S = 6 * 3600.0
"""Longest transfer of a media file; the next attempt continues it."""


class DeadlineExceededError(TimeoutError):
    """A response was not complete in time, although the server kept sending."""


class TimeLimit(Protocol):
    """A limit that is checked before each read, and receives the number of bytes after it."""

    def remaining_s(self) -> float:
        """Return the time left in seconds; 0 or less if the limit is exceeded."""

    def received(self, n_bytes: int) -> None:
        """Count received bytes."""


class Deadline:
    """A limit of the total time.

    Args:
        allowed_s: seconds from now
    """

    def __init__(self, allowed_s: float) -> None:
        self._end_s = time.monotonic() + allowed_s

    def remaining_s(self) -> float:
        """Return the seconds left."""
        return self._end_s - time.monotonic()

    def received(self, n_bytes: int) -> None:
        """Do nothing: the number of bytes does not matter."""


class Pace:
    """A minimum speed, for large files: slow but steady transfers may take long. It starts with the first read.

    Args:
        window_s: time in seconds over which the speed is averaged
        min_bytes_per_s: minimum average speed
        total_s: limit of the whole transfer in seconds
    """

    def __init__(
        self, window_s: float, min_bytes_per_s: float = MIN_BYTES_PER_S, total_s: float = MAX_TRANSFER_S
    ) -> None:
        self._window_s = window_s
        self._window_bytes = window_s * min_bytes_per_s
        self._total_s = total_s
        self._bytes = 0
        self._window: Deadline | None = None
        self._total: Deadline | None = None

    def remaining_s(self) -> float:
        """Return the seconds until the current window ends, or the whole transfer."""
        if self._window is None or self._total is None:
            self._window, self._total = Deadline(self._window_s), Deadline(self._total_s)
        return min(self._window.remaining_s(), self._total.remaining_s())

    def received(self, n_bytes: int) -> None:
        """Count bytes; start the next window if the current one has enough of them."""
        self._bytes += n_bytes
        if self._bytes >= self._window_bytes:
            self._window, self._bytes = Deadline(self._window_s), 0


_limits: ContextVar[tuple[TimeLimit, ...]] = ContextVar("limits", default=())


@contextmanager
def limited(limit: TimeLimit) -> Iterator[None]:
    """Apply a limit, besides the present ones, to all network reads of this thread.

    Args:
        limit: the limit

    Raises:
        DeadlineExceededError: from a read or a connection inside, if the limit is exceeded
    """
    _install()
    token = _limits.set((*_limits.get(), limit))
    try:
        yield
    finally:
        _limits.reset(token)


def check() -> None:
    """Check the limits of this thread.

    Raises:
        DeadlineExceededError: if one is exceeded
    """
    if _remaining_s() <= 0:
        raise DeadlineExceededError("the response was not complete in time")


def _remaining_s() -> float:
    return min((limit.remaining_s() for limit in _limits.get()), default=float("inf"))


@cache
def _install() -> None:
    # audit hooks cannot be removed, and a second replacement would count bytes twice: install both once
    socket.SocketIO.readinto = _readinto  # type: ignore[method-assign,assignment]
    sys.addaudithook(_on_audit_event)


_plain_readinto = socket.SocketIO.readinto


def _readinto(stream: Any, buffer: Any) -> int | None:
    limits = _limits.get()
    if not limits:
        return _plain_readinto(stream, buffer)
    check()
    connection, remaining_s = stream._sock, _remaining_s()
    timeout_s = connection.gettimeout()
    if timeout_s is not None and timeout_s <= remaining_s:
        n_bytes = _plain_readinto(stream, buffer)
    else:
        connection.settimeout(remaining_s)
        try:
            n_bytes = _plain_readinto(stream, buffer)
        except TimeoutError:
            raise DeadlineExceededError("the response was not complete in time") from None
        finally:
            with suppress(OSError):
                connection.settimeout(timeout_s)
    for limit in limits:
        limit.received(n_bytes or 0)
    return n_bytes


def _on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
    # a name can resolve to many addresses, each with a timeout of its own
    if event == "socket.connect" and _limits.get():
        check()
        connection, remaining_s = arguments[0], _remaining_s()
        timeout_s = connection.gettimeout()
        if timeout_s is None or timeout_s > remaining_s:
            connection.settimeout(remaining_s)
