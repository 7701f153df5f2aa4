"""HTTP server of the project's pages on loopback, so that a run's artifacts can link to them.

The report is at `/`, the page of an experiment at `/page/NAME/`, the leaderboard at `/leaderboard/`: the same relative
paths as in `data/`. No other folder is served.

A browser is let in by its cookie, which the login page of the Prefect server sets: cookies ignore ports.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows.ui.secret import Secret
from tasks.core import request_checks

HOST = "127.0.0.1"
# the report itself has a stricter policy, as a tag
_POLICY = (
    "default-src 'self' 'unsafe-inline' data:; base-uri 'none'; form-action 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
_REPORT, _OTHER_FOLDERS = "report", frozenset({"page", "leaderboard"})
_LOGIN = "Open the link that `undertone ui` printed when it started: it also lets this browser in here."


def url(port: int) -> str:
    """Return the URL of the report."""
    return f"http://{HOST}:{port}/"


def set_cookie(port: int, secret: Secret) -> str:
    """Return the header `Set-Cookie` that lets a browser in.

    Args:
        port: the report's port, part of the name, so that two projects do not overwrite each other's cookie
        secret: of this start of `undertone ui`
    """
    return f"{_cookie_name(port)}={secret.report_cookie}; Path=/; HttpOnly; SameSite=Strict"


@contextmanager
def serving(folder: Path, port: int, secret: Secret, host: str = HOST) -> Iterator[None]:
    """Serve a project's pages, by default on loopback, while the context is open.

    Args:
        folder: the project's `data` folder; the pages need not exist yet
        port: the server's port
        secret: of this start of `undertone ui`
        host: address to listen on; requests must name 127.0.0.1 or localhost all the same
    """
    handler = partial(_Handler, directory=str(folder), port=port, secret=secret)
    with ThreadingHTTPServer((host, port), handler) as server:
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
    # a connection that sends no complete request must not keep its thread
    timeout = 30

    def __init__(self, *arguments: Any, port: int, secret: Secret, **options: Any) -> None:
        self._port, self._secret = port, secret
        super().__init__(*arguments, **options)

    def send_head(self) -> Any:
        refusal = request_checks.refusal(self.command, self.headers.items(), request_checks.loopback(self._port))
        if refusal is not None:
            self.send_error(refusal.status, refusal.reason)
            return None
        if not self._has_cookie():
            self.send_error(HTTPStatus.UNAUTHORIZED, _LOGIN)
            return None
        try:
            return super().send_head()
        except ValueError:
            # a path with a null byte
            self.send_error(HTTPStatus.NOT_FOUND)
            return None

    def translate_path(self, path: str) -> str:
        # the inherited method resolves `..` and quoting: the path it returns is inside the folder
        inside = Path(super().translate_path(path)).relative_to(self.directory)
        served = inside if inside.parts and inside.parts[0] in _OTHER_FOLDERS else Path(_REPORT, inside)
        # the inherited method keeps a slash at the end, which distinguishes a folder from a file
        return str(Path(self.directory, served)) + ("/" if path.endswith("/") else "")

    def _has_cookie(self) -> bool:
        # parsed by hand: http.cookies gives up at the first cookie that it does not like, whichever server has set it
        cookies = [cookie.strip() for header in self.headers.get_all("Cookie", []) for cookie in header.split(";")]
        own = f"{_cookie_name(self._port)}={self._secret.report_cookie}".encode()
        return any(hmac.compare_digest(cookie.encode(), own) for cookie in cookies)

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        missing = (
            "There is no such page. Runs write the report at /, an experiment's page at /page/NAME/, and /leaderboard/."
        )
        super().send_error(code, missing if code == HTTPStatus.NOT_FOUND else message, explain)

    def end_headers(self) -> None:
        for name, value in request_checks.ANSWER_HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""


def _cookie_name(port: int) -> str:
    return f"undertone_report_{port}"
