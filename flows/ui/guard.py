"""ASGI middleware in front of the Prefect server: Host and Origin checks, and the login of the printed link."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows.ui import report_site
from flows.ui.secret import Secret
from tasks.core import request_checks

LOGIN = "/enter"
"""Path of the login page. The link has the secret in its fragment, which browsers send to no server."""

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_HERE = Path(__file__).parent
_TEXT = "text/plain; charset=utf-8"
_LOGIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def link(url: str, secret: Secret) -> str:
    """Return the link that logs a browser in.

    Args:
        url: the Prefect server's
        secret: what it asks for
    """
    return f"{url}{LOGIN}#{secret.auth_string}"


class Guard:
    """An ASGI application that answers or refuses requests before another one sees them.

    Args:
        app: the application behind it
        port: the server's port; the next one serves the report
        secret: what the login asks for
        names: further host names under which programs reach the server, such as its name in a network of containers
    """

    def __init__(self, app: _App, port: int, secret: Secret, names: Collection[str] = ()) -> None:
        self._app, self._port, self._secret = app, port, secret
        self._own_hosts = request_checks.loopback(port, names)
        # Prefect's pages load Amplitude's remote configuration even if analytics are off; what they show stays here
        self._policy = (
            f"connect-src 'self' ws://127.0.0.1:{port}; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
        )
        self._login_files = {
            LOGIN: ((_HERE / "login.html").read_bytes(), "text/html; charset=utf-8"),
            f"{LOGIN}.js": ((_HERE / "login.js").read_bytes(), "text/javascript; charset=utf-8"),
        }

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer an ASGI connection.

        Args:
            scope: the connection
            receive: yields its messages
            send: takes our messages
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        method = scope.get("method", "GET")
        refusal = request_checks.refusal(method, headers, self._own_hosts)
        if refusal is not None:
            await _refuse(scope, send, refusal, self._policy)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif (answer := self._own_answer(method, scope, dict(headers))) is not None:
            await answer(_with_headers(send, self._policy))
        else:
            await self._app(scope, receive, _with_headers(send, self._policy))

    def _own_answer(
        self, method: str, scope: _Scope, headers: Mapping[str, str]
    ) -> Callable[[_Send], Awaitable[None]] | None:
        path = scope["path"]
        if method in ("GET", "HEAD"):
            if headers["host"].startswith("localhost:") and headers.get("sec-fetch-mode") == "navigate":
                # a browser's storage belongs to one name: it is logged in as 127.0.0.1
                query = scope["query_string"].decode("latin-1")
                target = quote(path) + (f"?{query}" if query else "")
                return _answer(307, "", {"Location": f"http://127.0.0.1:{self._port}{target}"})
            if path in self._login_files:
                text, kind = self._login_files[path]
                return _answer(
                    200,
                    text,
                    {"Content-Type": kind, "Cache-Control": "no-store", "Content-Security-Policy": _LOGIN_POLICY},
                )
        if method == "POST" and path == LOGIN:
            if not _has_secret(headers.get("authorization", ""), self._secret):
                return _answer(401, "This is not the secret of the running `undertone ui`.", {})
            return _answer(204, "", {"Set-Cookie": report_site.set_cookie(self._port + 1, self._secret)})
        return None


def _has_secret(authorization: str, secret: Secret) -> bool:
    expected = base64.b64encode(secret.auth_string.encode()).decode()
    return hmac.compare_digest(authorization.encode(), f"Basic {expected}".encode())


async def _refuse(scope: _Scope, send: _Send, refusal: request_checks.Refusal, policy: str) -> None:
    if scope["type"] == "websocket":
        # before a handshake is accepted, servers answer this with 403
        await send({"type": "websocket.close", "code": 1008})
    else:
        await _answer(refusal.status, refusal.reason, {})(_with_headers(send, policy))


def _answer(status: int, body: str | bytes, headers: Mapping[str, str]) -> Callable[[_Send], Awaitable[None]]:
    content = body.encode() if isinstance(body, str) else body
    all_headers = {"Content-Type": _TEXT, "Content-Length": str(len(content)), **headers}
    if status == HTTPStatus.NO_CONTENT:
        del all_headers["Content-Type"], all_headers["Content-Length"]

    async def answer(send: _Send) -> None:
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in all_headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    return answer


def _with_headers(send: _Send, policy: str) -> _Send:
    """Return a `send` that adds the headers of every answer."""

    async def send_with_headers(message: _Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = {**request_checks.ANSWER_HEADERS, "Content-Security-Policy": policy}
            pairs = [(name.lower().encode(), value.encode()) for name, value in added.items()]
            missing = [pair for pair in pairs if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *missing]}
        await send(message)

    return send_with_headers
