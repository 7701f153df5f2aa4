"""List and fetch videos with yt-dlp, restricted and silent.

It reads no settings, plugins or caches of the user's own yt-dlp and cannot run ffmpeg: the result would depend on what
is installed, and connections of other programs cannot be checked.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tasks.core import caption_formats, host_slots, paths
from tasks.core.config import Crawl
from tasks.core.errors import ConfigError, Rejected, UndertoneError
from tasks.fetching import (
    computing,
    deadlines,
    description,
    downloader,
    failures,
    identity,
    network,
    options,
    programs,
    retries,
)
from tasks.fetching.description import CaptionTrack, FetchRules, Info, ListedVideo, MediaAddress

_RUNTIMES = ("deno", "node", "bun", "quickjs")
# programs that yt-dlp may start: JavaScript runtimes, and those that decrypt a browser's cookies
_PROGRAMS = ("deno", "node", "bun", "qjs", "kwallet-query", "dbus-send", "security")
_MAX_DEPTH = 3
_MAX_LISTED = 20_000
# time limits of all requests of a page, and of a list, which may have hundreds of pages, in multiples of timeout_s
_PAGE_TIMEOUTS = 20
_LIST_TIMEOUTS = 60
# processor time to read a page, and a list
_PAGE_COMPUTING_S = 30.0
_LIST_COMPUTING_S = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class CaptionFile:
    """A fetched caption file; `kind` is manual or automatic, `format` an extension."""

    path: Path
    language: str
    kind: str
    format: str


@dataclass(frozen=True)
class FetchedVideo:
    """A fetched video: media file, captions if it has any, and metadata from its page."""

    media: Path
    captions: CaptionFile | None
    title: str
    channel: str
    licence: str
    source_id: str


def fetch_rules(settings: Crawl) -> FetchRules:
    """Return the part of the settings that determines what is fetched.

    Args:
        settings: section `crawl`
    """
    return FetchRules.model_validate(settings.model_dump(include=set(FetchRules.model_fields)))


def check(settings: Crawl) -> None:
    """Check the crawl's settings before anything is fetched.

    Args:
        settings: section `crawl`

    Raises:
        ConfigError: if an allowed address, the proxy, the cookies file, a language or a yt-dlp option is invalid
    """
    for entry in settings.allow_addresses:
        network.parse_host_port(entry)
    if settings.proxy:
        network.parse_proxy(settings.proxy)
    for language in settings.languages:
        if len(language) > 35 or not re.fullmatch(r"([A-Za-z0-9_-]|\.\*)+", language):
            raise ConfigError(
                f"crawl.languages: found {language!r}, expected language tags such as en-GB, or patterns such as en.*"
            )
    options.parse(settings.yt_dlp_args)
    _cookies(settings)


def check_javascript() -> None:
    """Check that yt-dlp can run YouTube's JavaScript.

    Raises:
        ConfigError: if yt-dlp has no JavaScript runtime; the message states how to install one
    """
    from yt_dlp.globals import supported_js_runtimes
    from yt_dlp.YoutubeDL import YoutubeDL  # noqa: F401  (fills the table of runtimes)

    runtimes = [info for name in _RUNTIMES if (info := supported_js_runtimes.value[name]().info) is not None]
    if not any(info.supported for info in runtimes):
        old = "".join(f"; {info.name} {info.version} is too old" for info in runtimes)
        raise ConfigError(
            "the lists contain YouTube videos, for which yt-dlp needs a JavaScript runtime, and none is on the PATH"
            f"{old}. Install Deno (https://deno.com, or `npm install -g deno`) or Node.js 22 or newer, and run again"
        )


def list_videos(address: MediaAddress, settings: Crawl) -> list[ListedVideo]:
    """Return the videos of a playlist, a channel or a page with several videos.

    Args:
        address: the page
        settings: how to reach it, and retries

    Returns:
        its videos in order; empty if the page is that of a single video

    Raises:
        Rejected: if the page cannot be read, permanently or (Transient) temporarily
    """

    def attempt() -> list[ListedVideo]:
        with (
            _session(settings, extract_flat="in_playlist", playlistend=_last_listed(settings)) as session,
            deadlines.limited(session.deadline(_LIST_TIMEOUTS)),
            computing.limited(_LIST_COMPUTING_S, _too_slow(_LIST_COMPUTING_S)),
        ):
            videos = list(islice(session.videos(address.url), _MAX_LISTED + 1))
        if len(videos) > _MAX_LISTED:
            raise Rejected(failures.TOO_LARGE, f"a list of more than {_MAX_LISTED} videos; list smaller parts of it")
        return videos

    return _with_retries(attempt, address, settings)


def fetch(
    address: MediaAddress, folder: Path, rules: FetchRules, settings: Crawl, *, captions_needed: bool = True
) -> FetchedVideo:
    """Fetch a video's best sound and its captions; an interrupted download in the folder is resumed.

    Args:
        address: the video
        folder: folder for its files, used for this address only
        rules: captions and limits
        settings: how to reach it, and retries
        captions_needed: reject a video without captions before its sound is fetched

    Returns:
        the fetched files, and the page's metadata

    Raises:
        Rejected: if the video cannot be fetched, permanently or (Transient) temporarily
        OSError: if the files cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)

    def attempt() -> FetchedVideo:
        with _session(settings, playlist_items=str(address.position) if address.position else None) as session:
            with (
                deadlines.limited(session.deadline(_PAGE_TIMEOUTS)),
                computing.limited(_PAGE_COMPUTING_S, _too_slow(_PAGE_COMPUTING_S)),
            ):
                info = session.describe(address)
                description.check_limits(info, rules)
                captions = _captions(session, info, folder, rules, captions_needed)
            media = session.fetch_media(info, folder, rules.max_bytes)
        return FetchedVideo(
            media=media,
            captions=captions,
            title=description.title(info, address),
            channel=description.line(info.get("channel") or info.get("uploader")),
            licence=description.line(info.get("license")),
            source_id=description.source_id(info, address),
        )

    return _with_retries(attempt, address, settings)


def _captions(session: _Session, info: Info, folder: Path, rules: FetchRules, needed: bool) -> CaptionFile | None:
    try:
        track = description.best_track(info, rules)
    except Rejected as error:
        if needed:
            raise failures.with_advice(error, session.warnings) from None
        return None
    try:
        return session.fetch_captions(track, folder)
    except Rejected as error:
        if needed or error.reason != failures.NO_CAPTIONS:
            raise
        return None


@dataclass
class _Session:
    """An open yt-dlp downloader, and the addresses that were refused."""

    downloader: Any
    refused: list[str]
    settings: Crawl

    @property
    def warnings(self) -> list[str]:
        """yt-dlp's warnings so far."""
        return list(self.downloader.params["logger"].warnings)

    def deadline(self, n_timeouts: int) -> deadlines.Deadline:
        """Return a time limit for many requests; pauses between requests that the user asked for do not count."""
        pause_s = self.downloader.params.get("sleep_interval_requests") or 0.0
        return deadlines.Deadline(n_timeouts * (self.settings.timeout_s + pause_s))

    def read(self, url: str) -> Info:
        """Return yt-dlp's description of a page."""
        info: Info | None = self._call(
            url, lambda: self.downloader.extract_info(url, download=False), downloading=False
        )
        if not info:
            raise Rejected(failures.UNSUPPORTED, "yt-dlp found nothing on this page")
        return info

    def describe(self, address: MediaAddress) -> Info:
        """Return the description of the single video at an address."""
        info = self.read(address.url)
        if not description.is_list(info):
            return info
        entries = [entry for entry in info.get("entries") or () if isinstance(entry, dict)]
        if len(entries) != 1:
            raise Rejected(failures.UNSUPPORTED, f"expected one video, found a list of {len(entries)}")
        return {**entries[0], "title": entries[0].get("title") or info.get("title")}

    def videos(self, url: str, depth: int = 1) -> Iterator[ListedVideo]:
        """Yield the videos of a list, and of the lists in it, such as a channel's tabs."""
        info = self.read(url)
        for video in description.list_videos(info, url) if description.is_list(info) else ():
            video_url = video.address.url
            if (
                not video.problem
                and identity.is_youtube(video_url)
                and identity.youtube_id(video_url) is None
                and depth < _MAX_DEPTH
            ):
                yield from self.videos(video_url, depth + 1)
            else:
                yield video

    def fetch_media(self, info: Info, folder: Path, max_bytes: int) -> Path:
        """Fetch the sound that yt-dlp selected; resume a partial file."""
        name = identity.safe_id("media", str(info.get("format_id")), str(info.get("ext")))
        # a limit that the user sets must not look like a stalled transfer
        chosen = self.downloader.params.get("ratelimit") or math.inf
        slowest = min(deadlines.MIN_BYTES_PER_S, chosen / 2)
        in_fragments = str(info.get("protocol")) not in ("http", "https")
        self.downloader.limits.for_media(max_bytes, slowest, in_fragments=in_fragments)
        return self._fetch(info, folder / name)

    def fetch_captions(self, track: CaptionTrack, folder: Path) -> CaptionFile:
        """Fetch a caption file from the start: it is small, and a second response may differ from the first.

        Raises:
            Rejected: with the reason `NO_CAPTIONS`, which is checked again in the next run, if the page lists captions
                that are not there yet; with the failure's reason otherwise
        """
        path = folder / f"captions.{track.language}.{track.format}"
        # some extractors return the captions themselves
        if "data" in track.source:
            content = str(track.source["data"]).encode("utf-8", errors="replace")
            if len(content) > caption_formats.MAX_BYTES:
                raise downloader.too_large(len(content), caption_formats.MAX_BYTES)
            path.write_bytes(content)
        else:
            path.unlink(missing_ok=True)
            self.downloader.limits.for_captions(caption_formats.MAX_BYTES)
            try:
                self._fetch(track.source, path, subtitle=True)
            except Rejected as error:
                if error.reason not in (failures.BROKEN, failures.NOT_FOUND):
                    raise
                detail = f"the page lists {track.language} ({track.kind}), but not the file: {error.detail}"
                raise Rejected(failures.NO_CAPTIONS, description.line(detail)) from None
        return CaptionFile(path, track.language, track.kind, track.format)

    def _fetch(self, source: Info, path: Path, *, subtitle: bool = False) -> Path:
        if not description.is_fetchable(source):
            raise Rejected(failures.UNSUPPORTED, "only files over http(s), HLS and DASH are fetched")
        target = str(path)
        done, _ = self._call(
            source["url"], lambda: self.downloader.dl(target, source, subtitle=subtitle), downloading=True
        )
        if not done or not path.is_file():
            raise Rejected(failures.BROKEN, "the transfer ended without a file")
        return path

    def _call(self, url: str, call: Callable[[], T], *, downloading: bool) -> T:
        self.downloader.failure = None
        try:
            return call()
        except UndertoneError:
            raise
        except Exception as error:
            # any exception: a page that an extractor fails on must not end the stage
            if error.__cause__ is None:
                # yt-dlp's downloaders report only the text of a failed request
                error.__cause__ = self.downloader.failure
            raise failures.classify(
                error, url, self.refused, downloading=downloading, warnings=self.warnings
            ) from error


@contextmanager
def _session(settings: Crawl, **parameters: Any) -> Iterator[_Session]:
    downloader_type = downloader.downloader_type()
    with (
        network.guarded(settings.allow_addresses, settings.proxy) as refused,
        programs.refused(except_for=_PROGRAMS),
        downloader_type({**_parameters(settings), **parameters}) as running,
    ):
        yield _Session(running, refused, settings)


def _parameters(settings: Crawl) -> dict[str, Any]:
    return {
        **options.parse(settings.yt_dlp_args),
        "format": f"(bestaudio/best)[protocol~='^({description.PROTOCOLS})$']",
        "noplaylist": True,
        "proxy": settings.proxy or "",
        "cookiefile": _cookies(settings),
        "cachedir": str(paths.STATE / "yt-dlp"),
        "socket_timeout": settings.timeout_s,
        # all retries are done by the module `retries`
        "retries": 0,
        "fragment_retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        # a skipped fragment would shift all captions after it
        "skip_unavailable_fragments": False,
        "continuedl": True,
        "nopart": False,
        "updatetime": False,
        # post-processing would need ffmpeg
        "fixup": "never",
        "ffmpeg_location": "/nonexistent/ffmpeg",
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "default_search": "error",
        "enable_file_urls": False,
        "js_runtimes": {name: {} for name in _RUNTIMES},
        "logger": downloader.WarningLog(),
        "quiet": True,
        "noprogress": True,
        "color": "never",
    }


def _too_slow(allowed_s: float) -> Rejected:
    return Rejected(failures.UNSUPPORTED, f"yt-dlp needs more than {allowed_s:.0f} s of computing for this page")


def _last_listed(settings: Crawl) -> int:
    """Return the last position to read of a list: one more than allowed, unless the user asks for fewer."""
    chosen = options.parse(settings.yt_dlp_args).get("playlistend") or _MAX_LISTED + 1
    return min(int(chosen), _MAX_LISTED + 1) if chosen > 0 else _MAX_LISTED + 1


def _cookies(settings: Crawl) -> io.StringIO | None:
    """Return a copy of the cookies: yt-dlp writes them back, and workers must not write the same file."""
    if settings.cookies_file is None:
        return None
    try:
        text = Path(settings.cookies_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"crawl.cookies_file: {settings.cookies_file} cannot be read ({error}); check the path"
        ) from None
    if not re.match(r"#( Netscape)? HTTP Cookie File", text):
        raise ConfigError(
            f"crawl.cookies_file: {settings.cookies_file} has no Netscape header; export the cookies in Netscape format"
        )
    return io.StringIO(text)


def _with_retries(attempt: Callable[[], T], address: MediaAddress, settings: Crawl) -> T:
    try:
        host = urlsplit(address.url).hostname or ""
    except ValueError:
        # yt-dlp rejects the address
        host = ""

    def in_a_slot() -> T:
        try:
            with host_slots.held(host):
                return attempt()
        except retries.TryAgain as error:
            # after a longer wait there is no further attempt
            if error.after_s and error.after_s <= settings.max_backoff_s:
                host_slots.pause(host, error.after_s)
            raise

    return retries.call_with_retries(
        in_a_slot,
        attempts=settings.attempts,
        backoff_s=settings.backoff_s,
        max_backoff_s=settings.max_backoff_s,
    )
