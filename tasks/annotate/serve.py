"""Server of the listening page. The address is bound first, so that an occupied port is reported immediately."""

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
    """Host and port to listen on; port 0 takes a free one."""

    host: str
    port: int


def run(session: ListeningSession, address: ListenAddress, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        session: the queue and its ratings
        address: host and port
        announce: called with the URL to open, including the token

    Raises:
        Busy: if the port is occupied
        InputError: if this machine has no such address
    """
    import uvicorn

    from tasks.annotate import app

    with _bound(address) as listening:
        port = listening.getsockname()[1]
        rules = access.for_host(address.host, port)
        announce(_url(address.host, port, rules.token))
        # no access log: it would contain the token
        # no WebSockets: the rules are applied to HTTP requests
        settings = uvicorn.Config(
            app.make(session, rules), log_level="warning", access_log=False, ws="none", lifespan="off"
        )
        # uvicorn finishes its answers and then raises the signal again: turn it into an exception we can suppress
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])


def _bound(address: ListenAddress) -> socket.socket:
    try:
        family, _, _, _, endpoint = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"there is no address {address.host!r} to listen on ({error})") from None
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(endpoint)
        # listen now: with SO_REUSEADDR another server could bind a socket that does not listen yet
        listening.listen()
    except OSError as error:
        listening.close()
        raise Busy(f"{address.host}:{address.port}: {error.strerror}; choose another one with --port") from None
    return listening


def _url(host: str, port: int, token: str) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104
    name = f"[{shown}]" if ":" in shown else shown
    return f"http://{name}:{port}/?token={token}"
