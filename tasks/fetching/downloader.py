"""yt-dlp limited to http(s), to a number of bytes and to a time for each response.

All requests go through one handler, `requests`: others connect past the checks (curl_cffi, which is written in C) or
decompress a whole response before its size can be checked (urllib).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from tasks.core.errors import Rejected
from tasks.fetching import deadlines, failures, identity

MAX_PAGE_BYTES = 32 * 2**20
"""Largest page after decompression; also manifests, scripts and answers of APIs."""
MAX_FRAGMENT_BYTES = 256 * 2**20
"""Largest fragment of a stream: yt-dlp holds one in memory."""
MAX_PAGES_DEEP = 10
"""Longest chain of pages that name the next one as the video's: by a refresh, or as the player's page."""
_MAX_WARNINGS = 100
_EXTRACTORS = list[Any]()
"""yt-dlp's default extractors, in its order."""
_TLS_CONTEXTS = dict[tuple[Any, ...], Any]()


class WarningLog:
    """yt-dlp's warnings, which contain its advice; errors are raised as exceptions, other messages are ignored."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Ignore the message."""

    info = error = debug

    def warning(self, message: str) -> None:
        """Keep the message, up to a number of messages."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message)


class ResponseLimits:
    """Limits of a response: those of a page, until `for_media` or `for_captions` is called.

    Args:
        timeout_s: time in seconds for a page or a caption file
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.for_pages()

    def for_pages(self) -> None:
        """Limit each page in size and time."""
        self.max_bytes = MAX_PAGE_BYTES
        # a page may turn out to be a media file, of which yt-dlp reads only the beginning
        self.max_length: float = math.inf
        self._make: Callable[[], deadlines.TimeLimit] = lambda: deadlines.Deadline(self._timeout_s)

    def for_captions(self, max_bytes: int) -> None:
        """Limit each response in size and time.

        Args:
            max_bytes: limit of the size
        """
        self.for_pages()
        self.max_length = self.max_bytes = max_bytes

    def for_media(self, max_bytes: int, slowest_bytes_per_s: float, *, in_fragments: bool) -> None:
        """Limit the size, and the average speed of all responses together.

        Args:
            max_bytes: limit of the size
            slowest_bytes_per_s: minimum speed
            in_fragments: whether there are many responses, each of which is held in memory
        """
        self.max_length = max_bytes
        self.max_bytes = min(max_bytes, MAX_FRAGMENT_BYTES) if in_fragments else max_bytes
        pace = deadlines.Pace(self._timeout_s, slowest_bytes_per_s)
        self._make = lambda: pace

    def new_time_limit(self) -> deadlines.TimeLimit:
        """Return the time limit of the next response."""
        return self._make()


def too_large(n_bytes: int, max_bytes: float) -> Rejected:
    """Return the error for a response that exceeds its limit."""
    return Rejected(failures.TOO_LARGE, f"{n_bytes} bytes, allowed are {max_bytes:.0f}")


@cache
def downloader_type() -> type[Any]:
    """Return the subclass of `yt_dlp.YoutubeDL`; imported late, because yt-dlp takes long to import."""
    from yt_dlp import YoutubeDL
    from yt_dlp import globals as switches
    from yt_dlp.networking.exceptions import RequestError

    # plugins are untrusted code
    switches.plugin_dirs.value = []

    class Downloader(YoutubeDL):  # type: ignore[misc]
        """yt-dlp with limits; it records its last failed request."""

        failure: BaseException | None = None
        _n_pages = 0

        def __init__(self, parameters: dict[str, Any]) -> None:
            self.limits = ResponseLimits(parameters["socket_timeout"])
            super().__init__({**parameters, "progress_hooks": [self.check_progress]})

        def extract_info(self, *arguments: Any, **options: Any) -> Any:
            # pages can lead to each other for ever
            self._n_pages += 1
            try:
                if self._n_pages > MAX_PAGES_DEEP:
                    raise Rejected(failures.UNSUPPORTED, f"the page leads to other pages, {MAX_PAGES_DEEP} times over")
                return super().extract_info(*arguments, **options)
            finally:
                self._n_pages -= 1

        def add_default_info_extractors(self) -> None:
            # yt-dlp sorts its 1,700 extractors each time, which takes as long as reading a page
            if "allowed_extractors" in self.params:
                super().add_default_info_extractors()
                return
            if not _EXTRACTORS:
                super().add_default_info_extractors()
                _EXTRACTORS[:] = self._ies.values()
                return
            for extractor in _EXTRACTORS:
                # an instance belongs to one downloader
                self.add_info_extractor(extractor if isinstance(extractor, type) else type(extractor)())

        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            director = super().build_request_director([_handler_type()], None)
            for handler in director.handlers.values():
                handler.limits = self.limits
            return director

        def process_ie_result(self, ie_result: Any, download: bool = True, extra_info: Any = None) -> Any:
            # in a list, a broken address is rejected alone; yt-dlp would reject the whole list
            if (
                ie_result.get("_type") in ("url", "url_transparent")
                and "playlist" in (extra_info or {})
                and identity.url_problem(str(ie_result.get("url")))
            ):
                return ie_result
            return super().process_ie_result(ie_result, download, extra_info)

        def urlopen(self, request: Any) -> Any:
            url = request if isinstance(request, str) else request.url
            if (problem := identity.url_problem(url)) is not None:
                raise Rejected(failures.INVALID_URL, problem)
            try:
                response = super().urlopen(request)
            except RequestError as error:
                self.failure = error
                raise
            if (n_bytes := int(response.headers.get("Content-Length") or 0)) > self.limits.max_length:
                response.close()
                raise too_large(n_bytes, self.limits.max_length)
            return response

        def check_progress(self, progress: dict[str, Any]) -> None:
            n_bytes = max(progress.get("total_bytes") or 0, progress.get("downloaded_bytes") or 0)
            if n_bytes > self.limits.max_length:
                raise too_large(n_bytes, self.limits.max_length)

    return Downloader


@cache
def _handler_type() -> type[Any]:
    from yt_dlp.networking._requests import RequestsResponseAdapter, RequestsRH, RequestsSession
    from yt_dlp.networking.exceptions import HTTPError

    class LimitedResponse(RequestsResponseAdapter):  # type: ignore[misc]
        """A response that counts its bytes after decompression, and has a time limit."""

        def limit(self, max_bytes: int, time_limit: deadlines.TimeLimit) -> None:
            self._max_bytes, self._n_bytes, self._time_limit = max_bytes, 0, time_limit
            length = self.headers.get("Content-Length")
            if length is not None and not (length.isascii() and length.isdigit()):
                del self.headers["Content-Length"]

        def read(self, amt: int | None = None) -> bytes:
            with deadlines.limited(self._time_limit):
                return bytes(super().read(amt))

        def _real_read(self, amt: int | None = None) -> bytes:
            if amt is not None:
                return self._counted(super()._real_read(amt))
            # in pieces: a whole response is held in memory, so it is a page, whatever is being fetched
            pieces, left = [], MAX_PAGE_BYTES
            while piece := self._counted(super()._real_read(1 << 20)):
                pieces.append(piece)
                if (left := left - len(piece)) < 0:
                    raise too_large(MAX_PAGE_BYTES - left, MAX_PAGE_BYTES)
            return b"".join(pieces)

        def _counted(self, piece: bytes) -> bytes:
            self._n_bytes += len(piece)
            if self._n_bytes > self._max_bytes:
                raise too_large(self._n_bytes, self._max_bytes)
            return piece

    class LimitedSession(RequestsSession):  # type: ignore[misc]
        """A session that does not read the bodies of redirects, which may be of any size."""

        def get_redirect_target(self, resp: Any) -> str | None:
            target: str | None = super().get_redirect_target(resp)
            if target is not None and not resp._content_consumed:
                resp.raw.close()
                resp._content, resp._content_consumed = b"", True
            return target

    class LimitedRH(RequestsRH):  # type: ignore[misc]
        """yt-dlp's handler for `requests`, with limits."""

        RH_KEY = "Requests"
        limits: ResponseLimits

        def _create_instance(self, **settings: Any) -> Any:
            session = super()._create_instance(**settings)
            # yt-dlp makes the session and its adapters in one function, without a choice of the class
            session.__class__ = LimitedSession
            return session

        def _make_sslcontext(self, legacy_ssl_support: bool | None = None) -> Any:
            # reading the certificates takes 20 ms, as much as parsing a page
            legacy = self.legacy_ssl_support if legacy_ssl_support is None else legacy_ssl_support
            key = (self.verify, legacy, self.prefer_system_certs, repr(self._client_cert))
            if key not in _TLS_CONTEXTS:
                _TLS_CONTEXTS[key] = super()._make_sslcontext(legacy_ssl_support)
            return _TLS_CONTEXTS[key]

        def _send(self, request: Any) -> Any:
            time_limit = self.limits.new_time_limit()
            try:
                with deadlines.limited(time_limit):
                    response = super()._send(request)
            except HTTPError as error:
                # extractors read the bodies of error pages, too
                self._limited(error.response, time_limit)
                raise
            return self._limited(response, time_limit)

        def _limited(self, response: Any, time_limit: deadlines.TimeLimit) -> Any:
            # not wrapped: a discarded response closes its connection
            response.__class__ = LimitedResponse
            response.limit(self.limits.max_bytes, time_limit)
            return response

    return LimitedRH
