"""Classify a failed request or extraction: permanent, temporary, or an error of the local disk."""

from __future__ import annotations

import errno
import http.client
import math
import re
import socket
import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from tasks.core import forgotten
from tasks.core.errors import Rejected, Transient
from tasks.fetching.programs import ProgramRefusedError
from tasks.fetching.retries import LATER, TryAgain

NOT_FOUND = "not found"
REMOVED = "removed or private"
NO_CAPTIONS = "no captions"
OTHER_FORMATS = "captions in other formats"
LIVE = "live"
TOO_LONG = "too long"
TOO_LARGE = "too large"
UNSUPPORTED = "unsupported"
BROKEN = "broken media"
REFUSED = "address refused"
LOGIN = "login needed"
BLOCKED = "blocked in this country"
NO_FORMAT = "no usable format"
SITE = "error of the site"
INVALID_URL = "invalid URL"
REPEATED = "listed twice"
NO_FILE = "no such file"
FORGOTTEN = forgotten.FORGOTTEN
REASONS = (
    NOT_FOUND, REMOVED, NO_CAPTIONS, OTHER_FORMATS, LIVE, TOO_LONG, TOO_LARGE, UNSUPPORTED, BROKEN, REFUSED, LOGIN,
    BLOCKED, NO_FORMAT, SITE, INVALID_URL, REPEATED, NO_FILE, FORGOTTEN, LATER,
)  # fmt: skip
"""All reasons for which the crawl rejects a video."""
RETRIED = (NO_CAPTIONS, OTHER_FORMATS, LIVE, NO_FORMAT, SITE, REMOVED, LOGIN, BLOCKED, REFUSED, NO_FILE)
"""Reasons that are checked again in each run: the site, cookies or other settings may have changed. `LATER` never
reaches the cache; the other reasons are final."""

# HTTP status → reason; 5xx and _TEMPORARY are retried, others are "unsupported"
_GONE = {401: LOGIN, 402: REMOVED, 403: REMOVED, 404: NOT_FOUND, 410: NOT_FOUND, 451: REMOVED}
_TEMPORARY = {408, 425, 429}
# of media and captions: their addresses expire, so the page is read again
_EXPIRED = {401, 403, 410}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_FILE = {errno.EACCES, errno.EPERM, errno.EIO}
# yt-dlp has no error classes for these: match its messages; the first match counts
_SOON = re.compile(r"too many requests|rate.?limit|try again|temporarily", re.IGNORECASE)
_MESSAGES = (
    (
        LATER,
        r"not a bot|check back|come back later|(still|currently|being) process|processing this video|"
        r"will be available|not yet available|available (soon|later)",
    ),
    (
        LIVE,
        r"live event|premiere|is live|not currently live|is offline|livestream|live stream|is upcoming|"
        r"(not|hasn.t|has not) (yet )?(started|begun|aired)|will (begin|start|air)|starts? (in|at|on) ",
    ),
    (UNSUPPORTED, r"\bdrm\b|ffmpeg could not be found"),
    (BROKEN, r"did not get any data blocks"),
    (NO_FORMAT, r"format is not available|no video formats|no formats|only images are available"),
    (BLOCKED, r"geo.?restrict|your country|your (region|location)|country"),
    (REMOVED, r"private|removed|deleted|terminated|copyright|blocked"),
    (
        LOGIN,
        r"sign in|log ?in|logged.in|registered users|members|subscri(be|ption)|account credentials|authenticat|cookies",
    ),
    (REMOVED, r"unavailable|not available"),
    (NOT_FOUND, r"not found|does not exist|doesn't exist|no longer exists"),
)
# yt-dlp's hints, in error messages and in warnings → what to do here
_ADVICE = (
    (
        r"javascript runtime|js runtime|challenge solving failed|signature solving failed",
        "yt-dlp needs a JavaScript runtime: install Deno, or Node.js 22 or newer",
    ),
    (
        r"yt-dlp -U\b|update yt-dlp|latest version|older than \d+ days|out.?of.?date|outdated",
        "update yt-dlp, if there is a newer version",
    ),
    (
        r"^login needed|--cookies|sign in|log ?in|logged.in|account cookies|cookies are",
        "set crawl.cookies_file to the cookies of a login",
    ),
    (r"po.?token", "the site asks for a PO token, which the crawl cannot make; cookies of a login may help"),
    (r"impersonat", "the site may accept real browsers only, which the crawl does not imitate"),
)
_NOISE = re.compile(
    r"^(?:ERROR|WARNING): |[;.,]?\s*please report this issue on .*|\x1b\[[0-9;]*m| at 0x[0-9a-f]+|\(caused by .*"
    r"|\b(?:Use --|See +https?://|Also see +https?://|Try using --|Confirm you are on).*",
    re.DOTALL | re.IGNORECASE,
)
_BROKEN_URL = re.compile(
    r"invalid ipv6 url|port could not be cast|port out of range|netloc .* contains invalid|encoding with .idna", re.I
)
_MAX_DETAIL = 300
_MAX_ADVICE = 2


def classify(
    error: BaseException, url: str, refused: Sequence[str], *, downloading: bool, warnings: Sequence[str] = ()
) -> Exception:
    """Return the exception to raise for a failure.

    Args:
        error: exception from yt-dlp, with its causes
        url: the video's address
        refused: non-public addresses that were refused in the meantime
        downloading: whether the transfer failed, after the page was read
        warnings: yt-dlp's warnings before the failure; their advice is added to the detail

    Returns:
        `TryAgain` or `Transient` for a temporary failure, `Rejected` for a permanent one, OSError if the disk failed
    """
    chain = list(_chain(error))
    # first: libraries wrap a refused connection in errors that look temporary
    if refused:
        return Rejected(REFUSED, f"{refused[0]} is not public; to reach it, add it to crawl.allow_addresses")
    if (own := _first(chain, Rejected)) is not None:
        # raised in a check of a response, and wrapped by yt-dlp
        return cast("Rejected", own)
    disk: OSError | None = _first(chain, OSError, _is_disk)
    if disk is not None:
        return disk
    failure = _by_type(chain, url, downloading) or _by_message(chain, downloading)
    texts = [str(error) for error in chain if isinstance(error, Exception)]
    return with_advice(failure, [*texts, *warnings])


def with_advice(failure: Rejected, texts: Iterable[str]) -> Rejected:
    """Add yt-dlp's hints to a failure's detail, in terms of this project's settings.

    Args:
        failure: the failure; it is changed and returned
        texts: yt-dlp's messages
    """
    # a login is needed whether yt-dlp mentions cookies or not
    text = " ".join([failure.reason, *texts])
    advice = [step for pattern, step in _ADVICE if re.search(pattern, text, re.IGNORECASE)]
    failure.detail = "; ".join(filter(None, [failure.detail, *advice[:_MAX_ADVICE]]))
    return failure


def one_line(text: str) -> str:
    """Return an external message as one line of at most 300 characters, without parts that vary between runs."""
    line = " ".join(_NOISE.sub("", text).split())
    return "".join(character for character in line if character.isprintable())[:_MAX_DETAIL]


def retry_after_s(value: str | None) -> float | None:
    """Return the wait in seconds that a Retry-After header requests.

    Args:
        value: the header: seconds or a date
    """
    text = (value or "").strip()
    # str.isdigit accepts digits that float does not
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max((until.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)
    except OverflowError:
        # beyond the calendar: later than any limit
        return math.inf
    except (ValueError, TypeError, IndexError, OSError):
        return None


def _by_status(error: Any, url: str, downloading: bool) -> Rejected:
    error.close()
    loop = " (redirect loop)" if error.redirect_loop else ""
    detail = f"{_host(url)}: HTTP {error.status} {one_line(error.reason or '')}".strip() + loop
    if error.status in _TEMPORARY or error.status >= 500:
        return TryAgain(detail, retry_after_s(error.response.headers.get("Retry-After")))
    if downloading and error.status in _EXPIRED:
        return TryAgain(f"{detail}, although the page lists this address")
    return Rejected(_GONE.get(error.status, UNSUPPORTED), detail)


def _by_type(chain: Sequence[BaseException], url: str, downloading: bool) -> Rejected | None:
    from yt_dlp.networking.exceptions import HTTPError, RequestError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

    if (http_error := _first(chain, HTTPError)) is not None:
        return _by_status(http_error, url, downloading)
    if (program := _first(chain, ProgramRefusedError)) is not None:
        return Rejected(UNSUPPORTED, str(program))
    if _first(chain, Exception, _is_about_the_url) is not None:
        return Rejected(INVALID_URL, one_line(str(chain[0])))
    if any(isinstance(error, (RequestError, ConnectionError, TimeoutError)) for error in chain):
        return TryAgain(_transport_detail(chain, url))
    for error_type, reason in ((UnsupportedError, UNSUPPORTED), (UserNotLive, LIVE), (GeoRestrictedError, BLOCKED)):
        if _first(chain, error_type) is not None:
            return Rejected(reason, one_line(str(chain[0])))
    return None


def _is_about_the_url(error: BaseException) -> bool:
    """Return whether a library refused a URL; there is no common class of such errors."""
    from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
    from urllib3.exceptions import LocationParseError

    if isinstance(error, (InvalidURL, InvalidSchema, MissingSchema, LocationParseError, http.client.InvalidURL)):
        return True
    return isinstance(error, ValueError) and bool(_BROKEN_URL.search(str(error)))


def _by_message(chain: Sequence[BaseException], downloading: bool) -> Rejected:
    from yt_dlp.utils import ExtractorError, YoutubeDLError

    text, extraction = one_line(str(chain[0])), _first(chain, ExtractorError)
    # messages of Python's own errors say nothing about the video
    patterns = _MESSAGES if isinstance(chain[0], YoutubeDLError) else ()
    reason = next((reason for reason, pattern in patterns if re.search(pattern, text, re.IGNORECASE)), None)
    if reason == LATER:
        return Transient(LATER, text)
    if _SOON.search(text):
        return TryAgain(text)
    unexpected = extraction is None or not extraction.expected
    if reason is not None:
        return Rejected(reason, text)
    if downloading:
        return TryAgain(text)
    # yt-dlp's next release may handle an unexpected error: do not cache the result, and do not retry now
    if unexpected:
        return Transient(LATER, f"yt-dlp failed: {_unexpected(chain, text)}")
    return Rejected(SITE, text)


def _unexpected(chain: Sequence[BaseException], text: str) -> str:
    """Return an unexpected error as text: that of yt-dlp, or the error's type and yt-dlp's module."""
    from yt_dlp.utils import YoutubeDLError

    if _first(chain, YoutubeDLError) is not None:
        causes = [f"{type(error).__name__}: {one_line(str(error))}" for error in chain[1:2]]
        return one_line(" ".join([text, *causes]))
    files = [Path(frame.filename) for frame in traceback.extract_tb(chain[0].__traceback__)]
    extractors = [file.stem for file in files if "extractor" in file.parts]
    return one_line(f"{extractors[-1] if extractors else 'yt_dlp'}: {type(chain[0]).__name__}: {text}")


def _transport_detail(chain: Sequence[BaseException], url: str) -> str:
    """Return the innermost cause as text that does not vary between runs."""
    causes = [error for error in chain if isinstance(error, OSError)]
    innermost = next((error for error in reversed(causes) if error.strerror), None)
    if innermost is not None:
        text = "the name cannot be resolved" if isinstance(innermost, socket.gaierror) else str(innermost.strerror)
    elif any(isinstance(error, TimeoutError) for error in causes):
        text = "timed out"
    else:
        text = one_line(str(chain[-1]))
    return f"{_host(url)}: {text[:1].lower()}{text[1:]}"


def _is_disk(error: OSError) -> bool:
    # sockets can be denied, too, but only errors of files have a file name
    return error.errno in _DISK or (error.errno in _FILE and bool(error.filename))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return "invalid host"


def _first(chain: Sequence[BaseException], error_type: type[Any], condition: Any = lambda _: True) -> Any:
    return next((error for error in chain if isinstance(error, error_type) and condition(error)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all its causes; libraries store these in several attributes."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            info = getattr(cause, "exc_info", None) or (None, None)
            waiting += [cause.__cause__, cause.__context__, info[1], getattr(cause, "cause", None)]
            waiting.append(getattr(cause, "reason", None))
            waiting += [*(getattr(cause, "unexpected_errors", None) or ()), *cause.args]
