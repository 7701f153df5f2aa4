"""Simulated network latency, and a log of requests, for sites that a crawl is tested and measured on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LoggedRequest:
    """A request; times in seconds of the monotonic clock, `ended_s` is None before its response is complete."""

    host: str
    path: str
    began_s: float
    ended_s: float | None = None


@dataclass
class Traffic:
    """Requests of one or more sites; each response is delayed.

    Args:
        latency_s: time in seconds from a request to the first byte of its response
    """

    latency_s: float = 0.0
    requests: list[LoggedRequest] = field(default_factory=list)

    def through(self, application: Any) -> Callable[..., Awaitable[None]]:
        """Return an ASGI application that delays and logs what another one answers.

        Args:
            application: the other one
        """

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            request = LoggedRequest(dict(scope["headers"])[b"host"].decode(), scope["path"], time.monotonic())
            self.requests.append(request)
            await asyncio.sleep(self.latency_s)
            try:
                await application(scope, receive, send)
            finally:
                request.ended_s = time.monotonic()

        return answer

    def most_at_once(self, host: str | None = None) -> int:
        """Return the largest number of requests that were in progress at the same time.

        Args:
            host: only those to this host and port; None: all
        """
        return most_at_once([request for request in self.requests if host in (None, request.host)])


def most_at_once(requests: Sequence[LoggedRequest]) -> int:
    """Return the largest number of requests that were in progress at the same time.

    Args:
        requests: the requests; those that have not ended last for ever
    """
    begins = [(request.began_s, 1) for request in requests]
    ends = [(request.ended_s, -1) for request in requests if request.ended_s is not None]
    most = current = 0
    # at the same time, ends come first
    for _, change in sorted(begins + ends):
        current += change
        most = max(most, current)
    return most
