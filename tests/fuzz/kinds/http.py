"""HTTP: a site whose responses are malformed; its videos must be fetched right or rejected within the deadline."""

from __future__ import annotations

import gzip
import random
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path

from tasks.core import config
from tasks.core.errors import Rejected
from tasks.fetching import client
from tasks.fetching.description import MediaAddress
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_CAPTIONS = b"WEBVTT\n\n00:00.000 --> 00:02.000\nhello there, this is wonderful\n"
_MEDIA = b"RIFF" + bytes(range(256)) * 16
_PAGE = (
    b'<html><head><title>A talk</title></head><body><video><source src="/talk.wav" type="audio/wav">'
    b'<track kind="captions" srclang="en" src="/talk.vtt"></video></body></html>'
)
_TOKENS = (
    b"\r\n", b"\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: /watch\r\n", b"Location: http://10.0.0.1/\r\n",
    b"Location: //\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"ffffffff\r\n", b"0\r\n\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n", b"Retry-After: \xb2\r\n", b"Retry-After: 1e9\r\n", b"HTTP/9.9 999 x\r\n",
    b"Content-Type: application/rss+xml\r\n", b"Content-Type: text/html; charset=utf-99\r\n",
    b"Set-Cookie: a=\x00\r\n", b'<track src="http://[::1/c.vtt">', b'<track src="rtmp://10.0.0.1/c">',
    b'<source src="http://a:99999/">', b'<base href="http://[">',
    b'<script type="application/ld+json">{"@type":"VideoObject","contentUrl":1}</script>', b"<iframe src=", b"\x00",
    b"\xff\xfe", b'<source src="file:///etc/passwd">', b'<source src="data:audio/wav;base64,AAAA">',
    b"HTTP/1.1 503 x\r\nRetry-After: 31536000\r\n",
)  # fmt: skip


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials: a page, its captions and its sound, one of them malformed."""
    site = _Site()
    shipped = config.load(Path(__file__).resolve().parents[3] / "params.yaml").crawl
    settings = shipped.model_copy(
        update={
            "allow_addresses": [f"127.0.0.1:{site.port}"], "attempts": 1, "timeout_s": 1.0, "backoff_s": 0.01,
            "max_backoff_s": 0.02, "cookies_file": None, "proxy": None,
        }
    )  # fmt: skip
    rules = client.fetch_rules(settings)

    def make(rng: random.Random) -> Trial:
        responses = {"/watch": _PAGE, "/talk.vtt": _CAPTIONS, "/talk.wav": _MEDIA}
        raw = {path: _response(path, body, rng) for path, body in responses.items()}
        target = rng.choice(("/watch", "/watch", "/talk.vtt", "/talk.wav", ""))
        if target:
            raw[target] = mutated(raw[target], rng, _TOKENS, list(raw.values()))

        def run() -> Verdict:
            site.responses = raw
            downloads = folder / "downloads"
            shutil.rmtree(downloads, ignore_errors=True)
            try:
                fetched = client.fetch(MediaAddress(f"http://127.0.0.1:{site.port}/watch"), downloads, rules, settings)
            except Rejected as error:
                expect(bool(error.reason), "a rejection without a reason")
                expect(bool(target), f"a valid page was rejected: {error}")
                return "rejected"
            if not target:
                expect(fetched.media.read_bytes() == _MEDIA, "the sound differs from the one that was sent")
                expect(
                    fetched.captions is not None and fetched.captions.path.read_bytes() == _CAPTIONS,
                    "the captions differ from those that were sent",
                )
            return "accepted"

        return Trial(b"\n=====\n".join(raw.values()), ".http", run)

    return make


def _response(path: str, body: bytes, rng: random.Random) -> bytes:
    kind = {"/watch": b"text/html; charset=utf-8", "/talk.vtt": b"text/vtt", "/talk.wav": b"audio/wav"}[path]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nConnection: close\r\n"
    match rng.randrange(4):
        case 0:
            half = len(body) // 2
            pieces = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:], b""))
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces)
        case 1 if path == "/watch":
            packed = gzip.compress(body, mtime=0)
            return head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        case 2:
            return head + b"\r\n" + body
        case _:
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class _Site:
    """A server on loopback that sends prepared bytes and closes the connection."""

    def __init__(self) -> None:
        self.responses: dict[str, bytes] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            request = b""
            while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                request += piece
            path = request.split(b" ", 2)[1].decode("latin-1") if request.count(b" ") > 1 else ""
            connection.sendall(self.responses.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))


KIND = Kind("http", 30, prepare)
