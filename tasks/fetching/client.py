"""yt-dlp, on a short leash: one try to describe, list or fetch a video.

No settings, plugins or caches of the user's own yt-dlp are read, ffmpeg is out of its reach (what it finds installed
would change what it fetches, and the guard on addresses does not see other programs), and it says nothing.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tasks.core import paths
from tasks.core.config import Crawl
from tasks.core.errors import ConfigError, Rejected, UndertoneError
from tasks.fetching import description, failures, identity, network, options, retries
from tasks.fetching.description import Address, Info, Listed, Track, Wanted

MAX_CAPTION_BYTES = 32 * 2**20
_PROTOCOLS = "^(https?|m3u8_native|http_dash_segments)$"
_RUNTIMES = ("deno", "node", "bun", "quickjs")
_MAX_DEPTH = 3

Found = TypeVar("Found")


@dataclass(frozen=True)
class Captions:
    """A fetched caption file; `kind` is manual or automatic, `format` vtt or srt."""

    path: Path
    language: str
    kind: str
    format: str


@dataclass(frozen=True)
class Fetched:
    """A fetched video: its media file, its captions if it has any, and what its page says of it."""

    media: Path
    captions: Captions | None
    title: str
    channel: str
    licence: str
    source_id: str


def wanted_of(settings: Crawl) -> Wanted:
    """Return the part of the settings that decides what is fetched."""
    return Wanted.model_validate(settings.model_dump(include=set(Wanted.model_fields)))


def check(settings: Crawl) -> None:
    """Make sure that the crawl's settings can be used, before anything is fetched.

    Raises:
        ConfigError: if an allowed address, the proxy, the cookies file, a language or a yt-dlp option is unusable
    """
    for place in settings.allow_addresses:
        network.parse_place(place)
    if settings.proxy:
        network.parse_proxy(settings.proxy)
    for language in settings.languages:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,35}", language):
            raise ConfigError(f"crawl.languages: found {language!r}, expected language tags such as en or en-GB")
    options.parse(settings.yt_dlp_args)
    _cookies(settings)


def check_javascript() -> None:
    """Make sure that yt-dlp can run YouTube's JavaScript.

    Raises:
        ConfigError: if there is no JavaScript runtime that yt-dlp can use; the message says how to get one
    """
    from yt_dlp.globals import supported_js_runtimes
    from yt_dlp.YoutubeDL import YoutubeDL  # noqa: F401  (fills the table of runtimes)

    found = [info for name in _RUNTIMES if (info := supported_js_runtimes.value[name]().info) is not None]
    if not any(info.supported for info in found):
        old = "".join(f"; {info.name} {info.version} is too old" for info in found)
        raise ConfigError(
            "the lists name YouTube videos, for which yt-dlp needs a JavaScript runtime, and none is on the PATH"
            f"{old}. Install Deno (https://deno.com, or `npm install -g deno`) or Node.js 22 or newer, and run again"
        )


def listed(address: Address, settings: Crawl) -> list[Listed]:
    """Return the videos of a playlist, a channel or a page of many.

    Returns:
        what is listed there, in its order; empty where the page is a single video's

    Raises:
        Rejected: if the page cannot be read, for good or (Transient) for now
    """

    def one_try() -> list[Listed]:
        with _session(settings, extract_flat="in_playlist") as session:
            return list(session.videos(address.url))

    return _patiently(one_try, settings)


def fetch(address: Address, folder: Path, wanted: Wanted, settings: Crawl, *, captions_needed: bool = True) -> Fetched:
    """Fetch a video's best sound and its captions; what an interrupted try left in the folder is gone on with.

    Args:
        address: where the video is
        folder: where the files go, one of its own for each address
        wanted: captions and limits
        settings: how to reach it, and how patiently
        captions_needed: refuse a video without captions before its sound is fetched

    Returns:
        the fetched files, and what the page says

    Raises:
        Rejected: if the video cannot be had, for good or (Transient) for now
        OSError: if the files cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)

    def one_try() -> Fetched:
        with _session(settings, playlist_items=str(address.position) if address.position else None) as session:
            info = session.describe(address)
            description.check_limits(info, wanted)
            captions = _captions(session, info, folder, wanted, captions_needed)
            media = session.fetch_media(info, folder, wanted.max_bytes)
        return Fetched(
            media=media,
            captions=captions,
            title=description.title(info, address),
            channel=description.line(info.get("channel") or info.get("uploader")),
            licence=description.line(info.get("license")),
            source_id=description.source_id(info, address),
        )

    return _patiently(one_try, settings)


def _captions(session: _Session, info: Info, folder: Path, wanted: Wanted, needed: bool) -> Captions | None:
    try:
        track = description.best_track(info, wanted)
    except Rejected:
        if needed:
            raise
        return None
    return session.fetch_captions(track, folder)


@dataclass
class _Session:
    """One yt-dlp at work, and what went wrong in it."""

    downloader: Any
    refused: list[str]

    def read(self, url: str) -> Info:
        """Return what yt-dlp makes of a page."""
        info: Info | None = self._ask(url, lambda: self.downloader.extract_info(url, download=False), downloading=False)
        if not info:
            raise Rejected(failures.UNSUPPORTED, "yt-dlp found nothing on this page")
        return info

    def describe(self, address: Address) -> Info:
        """Return the description of the one video at an address."""
        info = self.read(address.url)
        if not description.is_list(info):
            return info
        entries = [entry for entry in info.get("entries") or () if entry]
        if len(entries) != 1:
            raise Rejected(failures.UNSUPPORTED, f"expected one video, found a list of {len(entries)}")
        return {**entries[0], "title": entries[0].get("title") or info.get("title")}

    def videos(self, url: str, depth: int = 1) -> Iterator[Listed]:
        """Yield the videos of a list, and of the lists in it: a channel's tabs, say."""
        info = self.read(url)
        for video in description.listed(info, url) if description.is_list(info) else ():
            place = video.address.url
            if identity.is_youtube(place) and identity.youtube_id(place) is None and depth < _MAX_DEPTH:
                yield from self.videos(place, depth + 1)
            else:
                yield video

    def fetch_media(self, info: Info, folder: Path, max_bytes: int) -> Path:
        """Fetch the sound that yt-dlp selected, going on with a partial file."""
        name = identity.joined("media", str(info.get("format_id")), str(info.get("ext")))
        return self._fetch(info, folder / name, max_bytes)

    def fetch_captions(self, track: Track, folder: Path) -> Captions:
        """Fetch a caption file anew: it is small, and a page's next answer may differ."""
        path = folder / f"captions.{track.language}.{track.format}"
        if "data" in track.source:
            path.write_text(track.source["data"], encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
            self._fetch(track.source, path, MAX_CAPTION_BYTES, subtitle=True)
        return Captions(path, track.language, track.kind, track.format)

    def _fetch(self, source: Info, path: Path, max_bytes: int, *, subtitle: bool = False) -> Path:
        self.downloader.limit_bytes = max_bytes
        target = str(path)
        done, _ = self._ask(
            source["url"], lambda: self.downloader.dl(target, source, subtitle=subtitle), downloading=True
        )
        if not done or not path.is_file():
            raise Rejected(failures.BROKEN, "the transfer ended without a file")
        return path

    def _ask(self, url: str, call: Callable[[], Found], *, downloading: bool) -> Found:
        self.downloader.failure = None
        try:
            return call()
        except UndertoneError:
            raise
        except Exception as error:
            # of any kind: a page that trips up an extractor must not end the stage
            if error.__cause__ is None:
                # yt-dlp's downloaders report a failed request by its text alone
                error.__cause__ = self.downloader.failure
            raise failures.meaning(error, url, self.refused, downloading=downloading) from error


@contextmanager
def _session(settings: Crawl, **parameters: Any) -> Iterator[_Session]:
    downloader = _downloader_type()
    with (
        network.guarded(settings.allow_addresses, settings.proxy) as refused,
        downloader({**_parameters(settings), **parameters}) as running,
    ):
        yield _Session(running, refused)


@cache
def _downloader_type() -> type[Any]:
    from yt_dlp import YoutubeDL
    from yt_dlp import globals as switches
    from yt_dlp.networking.exceptions import RequestError

    # plugins are code of unknown origin
    switches.plugin_dirs.value = []

    class Downloader(YoutubeDL):  # type: ignore[misc]
        """yt-dlp for http(s) alone, with a limit on bytes, that keeps its last failed request."""

        failure: BaseException | None = None
        # a page may be a media file itself: of that, only the beginning is read
        limit_bytes: float = math.inf

        def __init__(self, parameters: dict[str, Any]) -> None:
            super().__init__({**parameters, "progress_hooks": [self.check_progress]})

        def urlopen(self, request: Any) -> Any:
            url = request if isinstance(request, str) else request.url
            if urlsplit(url).scheme not in ("http", "https"):
                raise Rejected(failures.REFUSED, f"{url[:100]}: only http and https are fetched")
            try:
                response = super().urlopen(request)
            except RequestError as error:
                self.failure = error
                raise
            try:
                self.check_bytes(int(response.headers.get("Content-Length") or 0))
            except Rejected:
                response.close()
                raise
            return response

        def check_progress(self, progress: dict[str, Any]) -> None:
            self.check_bytes(max(progress.get("total_bytes") or 0, progress.get("downloaded_bytes") or 0))

        def check_bytes(self, n_bytes: int) -> None:
            if n_bytes > self.limit_bytes:
                raise Rejected(failures.TOO_LARGE, f"{n_bytes} bytes, allowed are {self.limit_bytes}")

    return Downloader


def _parameters(settings: Crawl) -> dict[str, Any]:
    return {
        **options.parse(settings.yt_dlp_args),
        "format": f"(bestaudio/best)[protocol~='{_PROTOCOLS}']",
        "noplaylist": True,
        "proxy": settings.proxy or "",
        "cookiefile": _cookies(settings),
        "cachedir": str(paths.HOUSE / "yt-dlp"),
        "socket_timeout": settings.timeout_s,
        # all patience is in one place: `retries`
        "retries": 0,
        "fragment_retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "continuedl": True,
        "nopart": False,
        "updatetime": False,
        "fixup": "never",
        "ffmpeg_location": "/nonexistent/ffmpeg",
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "default_search": "error",
        "enable_file_urls": False,
        "js_runtimes": {name: {} for name in _RUNTIMES},
        "logger": _Silence(),
        "quiet": True,
        "noprogress": True,
        "color": "never",
    }


class _Silence:
    def debug(self, message: str) -> None:
        """Drop it: what matters is raised."""

    info = warning = error = debug


def _cookies(settings: Crawl) -> io.StringIO | None:
    """Return a copy of the cookies: yt-dlp writes them back, and two workers must not write one file."""
    if settings.cookies_file is None:
        return None
    try:
        text = Path(settings.cookies_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"crawl.cookies_file: {settings.cookies_file} cannot be read ({error})") from None
    if not re.match(r"#( Netscape)? HTTP Cookie File", text):
        raise ConfigError(f"crawl.cookies_file: {settings.cookies_file} is not in Netscape's format")
    return io.StringIO(text)


def _patiently(one_try: Callable[[], Found], settings: Crawl) -> Found:
    return retries.patiently(
        one_try,
        attempts=settings.attempts,
        backoff_s=settings.backoff_s,
        max_backoff_s=settings.max_backoff_s,
    )
