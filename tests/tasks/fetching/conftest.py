"""Fixtures for the tasks: a small web server that counts its requests and can misbehave."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]
CAPTIONS = b"WEBVTT\n\n00:00.000 --> 00:02.000\nhello there, this is wonderful\n"


@dataclass
class Site:
    """A web server on loopback: `pages` answer with bytes, `answers` are functions that may misbehave."""

    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.place}{path}"

    def add(self, path: str, body: bytes | str, kind: str = "text/html") -> str:
        self.pages[path] = (kind, body.encode() if isinstance(body, str) else body)
        return self.url(path)

    def interview(self, name: str, sound: bytes, tracks: str | None = None, media: str | None = None) -> str:
        """A page with a player, its sound as `/NAME.wav` and its captions as `/NAME.vtt`."""
        self.add(f"/{name}.wav", sound, "audio/wav")
        self.add(f"/{name}.vtt", CAPTIONS, "text/vtt")
        tracks = f'<track kind="captions" srclang="en" src="/{name}.vtt">' if tracks is None else tracks
        player = f'<video><source src="{media or f"/{name}.wav"}" type="audio/wav">{tracks}</video>'
        return self.add(f"/watch/{name}", f"<html><title>About {name}</title><body>{player}</body></html>")

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        self.requests[path] += 1
        if path in self.answers:
            self.answers[path](handler)
        elif path in self.pages:
            self._send(handler, *self.pages[path])
        else:
            send(handler, 404)

    def _send(self, handler: BaseHTTPRequestHandler, kind: str, body: bytes) -> None:
        wanted = handler.headers.get("Range")
        if wanted is None:
            send(handler, 200, body, kind)
            return
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(handler, 206, body[start:], kind, {"Content-Range": span})


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    kind: str = "text/html",
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def respond() -> Callable[..., None]:
    """Answer a request: `respond(handler, status, body, kind, headers)`."""
    return send


@pytest.fixture
def site() -> Iterator[Site]:
    """A running web server on loopback."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.serve(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()
