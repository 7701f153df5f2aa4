"""HTTP server of the report on loopback, so that a run's artifact can link to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


def url(port: int) -> str:
    """Return the URL of the report."""
    return f"http://{HOST}:{port}/"


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """Serve a folder on loopback while the context is open.

    Args:
        folder: the report's folder; it need not exist yet
        port: the server's port
    """
    with ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(folder))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="report", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"

    def send_head(self) -> Any:
        # against DNS rebinding: the page of another site could resolve its own name to this address
        if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "The report is served to browsers on this machine only.")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        missing = "There is no such page; the report is at / once a run of weak-supervision has written it."
        super().send_error(code, missing if code == HTTPStatus.NOT_FOUND else message, explain)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""
