"""ASGI middleware that reads a request's body up to a limit before the application sees the request."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_DIGITS = 18
"""Longer numbers are not converted: Python refuses those of more than 4,300 digits."""


class BodyLimit:
    """An ASGI application that refuses large bodies with 413, and otherwise passes requests on.

    Args:
        app: the application behind it
        max_bytes: largest accepted body
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI connection.

        Args:
            scope: the connection
            receive: yields its messages
            send: takes our messages
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # declared, so that a client that sends little of it is not waited for
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and (len(declared) > _MAX_DIGITS or int(declared) > self._max_bytes):
            await self._refuse(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                # the middleware around this one expects an answer, which nobody will read
                await Response(status_code=400)(scope, receive, send)
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_bytes:
                await self._refuse(scope, receive, send)
                return
        read = False

        async def receive_again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_again, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"found a body of more than {self._max_bytes} bytes, the largest that is accepted"
        await JSONResponse({"detail": detail}, 413)(scope, receive, send)
