"""A web site of interviews on loopback, for a real crawler: one page each, with its media and captions."""

from __future__ import annotations

import csv
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.core import tables
from tasks.core.errors import InputError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

AUTOMATIC = "-x-auto"
"""Ends the language of automatic captions (a private-use tag of BCP 47): yt-dlp keeps nothing else of a track."""

_COLUMNS = ("Id", "URL", "Title", "Audio", "Captions", "Polarity", "Pickle")
_HTML = "text/html; charset=utf-8"
_START_S = 10.0
_CHUNK = bytes(1 << 16)


@dataclass(frozen=True)
class Text:
    """A page, captions or another small body."""

    content: bytes
    media_type: str = _HTML


@dataclass(frozen=True)
class File:
    """A file on disk, made by `path()` on the first request if it isn't there yet."""

    path: Callable[[], Path]
    media_type: str


@dataclass(frozen=True)
class Hollow:
    """Media that claims to be large: as many zeros as its Content-Length says."""

    size: int
    media_type: str


@dataclass(frozen=True)
class Busy:
    """Answers 503 with Retry-After the first time a server is asked, then `then`."""

    then: Text
    retry_after_s: int


Resource = Text | File | Hollow | Busy


@dataclass(frozen=True)
class Track:
    """Captions of a page.

    Args:
        url: where they lie
        language: BCP 47, such as `en`
        automatic: whether a machine wrote them
    """

    url: str
    language: str
    automatic: bool


@dataclass(frozen=True)
class Entry:
    """An interview as the lists name it; `path` is that of its page, not escaped for URLs."""

    id: str
    title: str
    split: str
    path: str


@dataclass(frozen=True)
class Pages:
    """A whole site: the interviews for the lists, and what is served under which path (decoded, with its slash)."""

    entries: tuple[Entry, ...]
    resources: Mapping[str, Resource]


def watch_page(title: str, media_url: str, media_type: str, tracks: Sequence[Track]) -> Text:
    """Return the page of one interview."""
    return _page(title, _video(media_url, media_type, tracks))


def live_page(title: str, manifest_url: str) -> Text:
    """Return a page that plays an HLS stream through video.js, the way a broadcast is embedded."""
    script = (
        f'var player = videojs("v"); player.src({{"src": "{quote(manifest_url)}", "type": "application/x-mpegurl"}});'
    )
    return _page(title, f'<video id="v"></video><script>{script}</script>')


def playlist_page(title: str, videos: Sequence[tuple[str, str, Sequence[Track]]]) -> Text:
    """Return a page with several videos, each with its URL, its type and its tracks."""
    return _page(title, "\n".join(_video(*video) for video in videos))


def index_page(title: str, entries: Sequence[Entry]) -> Text:
    """Return a page of links."""
    items = (f'<li><a href="{quote(entry.path)}">{escape(entry.title)}</a></li>' for entry in entries)
    return _page(title, f"<ul>{''.join(items)}</ul>")


@contextmanager
def serve(pages: Pages, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a site from a thread of this process while the context lasts.

    Args:
        pages: what to serve
        host: address to listen on
        port: port to listen on; 0 takes a free one

    Yields:
        the base URL, without a slash at its end

    Raises:
        InputError: if the port is taken or the address is not this machine's
    """
    import uvicorn

    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what runs there, or change simulate.port"
        ) from None
    settings = uvicorn.Config(
        _application(pages), log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="site", daemon=True)
    with listening:
        thread.start()
        _wait(lambda: server.started)
        try:
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def write_lists(pages: Pages, base_url: str, train: Path, test: Path) -> None:
    """Write the crawl lists of a site as CSV, in the columns `Id,URL,Title,Audio,Captions,Polarity,Pickle`."""
    for path, split in ((train, "train"), (test, "test")):
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_row(entry, base_url) for entry in pages.entries if entry.split == split)
        tables.write_text(path, sink.getvalue())


def _row(entry: Entry, base_url: str) -> tuple[str, ...]:
    files = ("audio/{}.wav", "subtitles/{}.srt", "polarity_csv/polarity_{}.csv", "pickle_lists/polarity_{}.p")
    return (entry.id, base_url + quote(entry.path), entry.title, *(name.format(entry.id) for name in files))


def _application(pages: Pages) -> Callable[..., object]:
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    answered: set[str] = set()

    async def answer(request: Request) -> Response:
        # a look-up in a closed set of paths: there is nothing to traverse
        path = request.scope["path"]
        resource = pages.resources.get(path)
        if isinstance(resource, Busy) and request.method == "GET" and path not in answered:
            answered.add(path)
            return PlainTextResponse("busy", 503, headers={"Retry-After": str(resource.retry_after_s)})
        return await run_in_threadpool(_response, resource)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "HEAD"])])


def _response(resource: Resource | None) -> Response:
    from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

    match resource:
        case None:
            return PlainTextResponse("not found", 404)
        case Text(content, media_type) | Busy(Text(content, media_type)):
            return Response(content, media_type=media_type)
        case File(path, media_type):
            return FileResponse(path(), media_type=media_type)
        case Hollow(size, media_type):
            whole, rest = divmod(size, len(_CHUNK))
            zeros = (_CHUNK if i < whole else _CHUNK[:rest] for i in range(whole + 1))
            return StreamingResponse(zeros, media_type=media_type, headers={"Content-Length": str(size)})


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_S
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the site did not start within {_START_S:.0f} s")
        time.sleep(0.005)


def _page(title: str, body: str) -> Text:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    text = f"<head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body>"
    return Text(f'<!doctype html>\n<html lang="en">{text}</html>\n'.encode())


def _video(media_url: str, media_type: str, tracks: Sequence[Track]) -> str:
    source = f'<source src="{quote(media_url)}" type="{escape(media_type)}">'
    return f"<video controls>{source}{''.join(_track(track) for track in tracks)}</video>"


def _track(track: Track) -> str:
    language = track.language + (AUTOMATIC if track.automatic else "")
    label = "English (auto-generated)" if track.automatic else "English"
    attributes = {"kind": "subtitles", "srclang": language, "label": label, "src": quote(track.url)}
    return f"<track {' '.join(f'{name}={_quoted(value)}' for name, value in attributes.items())}>"


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'
