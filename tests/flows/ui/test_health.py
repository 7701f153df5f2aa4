"""Health checks of services, against a small server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.ui import health, report_site, secret
from tasks.core.errors import UndertoneError

ACCESS = secret.new()


class Answers(BaseHTTPRequestHandler):
    """A server with two workers, one of them offline."""

    def do_GET(self) -> None:
        self._reply({"token": "t"} if "csrf" in self.path else True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        expected = f"Basic {base64.b64encode(ACCESS.auth_string.encode()).decode()}"
        assert self.headers["Authorization"] == expected and self.headers["Prefect-Csrf-Token"] == "t"
        self._reply([{"name": "a", "status": "ONLINE"}, {"name": "b", "status": "OFFLINE"}])

    def _reply(self, body: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_that_answers_is_healthy(url: str) -> None:
    health.check_server(url)
    with pytest.raises(UndertoneError, match="no answer"):
        health.check_server("http://127.0.0.1:9")


def test_a_worker_is_healthy_while_the_server_has_its_heartbeats(url: str) -> None:
    health.check_worker(url, ACCESS, "a")
    with pytest.raises(UndertoneError, match="b is not online; online: a"):
        health.check_worker(url, ACCESS, "b")
    with pytest.raises(UndertoneError, match="does not answer"):
        health.check_worker("http://127.0.0.1:9", ACCESS, "a")


def test_a_report_site_is_healthy_if_it_asks_for_the_cookie(url: str, tmp_path: Path) -> None:
    port = int(url.rpartition(":")[2])
    with pytest.raises(UndertoneError, match="status 200, expected 401"):
        health.check_report(port)


def test_the_report_site_of_this_program_is_healthy(tmp_path: Path, unused_port: int) -> None:
    with report_site.serving(tmp_path, unused_port, ACCESS, "0.0.0.0"):
        health.check_report(unused_port)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_folder_that_can_be_written_is_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    health.check_folder(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UndertoneError, match="cannot write here"):
        health.check_folder(tmp_path)
