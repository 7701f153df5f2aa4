"""Puts a queue on the network until Ctrl-C: binds the address first, so that one that is taken is told at once."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tasks.annotate import access
from tasks.annotate.listening_session import ListeningSession
from tasks.core.errors import Busy, InputError


@dataclass(frozen=True)
class ListenAddress:
    """Where to listen; port 0: any that is free."""

    host: str
    port: int


def run(sitting: ListeningSession, address: ListenAddress, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        sitting: what is offered
        address: where
        say: tells the address to open, with its token where one is needed

    Raises:
        Busy: if the port is taken
        InputError: if there is no such address on this machine
    """
    import uvicorn

    from tasks.annotate import app

    rules = access.for_host(address.host)
    with _bound(address) as listening:
        say(_url(address.host, listening.getsockname()[1], rules.token))
        # the address may hold a token: it goes into no log
        settings = uvicorn.Config(app.make(sitting, rules), log_level="warning", access_log=False, lifespan="off")
        # uvicorn hands on the signal that ended it, once everything is answered
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])


def _bound(address: ListenAddress) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"there is no address {address.host!r} to listen on ({error})") from None
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(place)
        # a socket that is bound but does not listen lets a second server bind it too
        listening.listen()
    except OSError as error:
        listening.close()
        raise Busy(f"{address.host}:{address.port}: {error.strerror}; choose another one with --port") from None
    return listening


def _url(host: str, port: int, token: str | None) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104
    name = f"[{shown}]" if ":" in shown else shown
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
