"""Classify a failed request or extraction: permanent, temporary, or an error of the local disk."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tasks.core.errors import Rejected, Transient
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
REPEATED = "listed twice"
REASONS = (
    NOT_FOUND,
    REMOVED,
    NO_CAPTIONS,
    OTHER_FORMATS,
    LIVE,
    TOO_LONG,
    TOO_LARGE,
    UNSUPPORTED,
    BROKEN,
    REFUSED,
    REPEATED,
    LATER,
)
"""All reasons for which the crawl rejects a video; only the last is temporary."""

# HTTP status → reason; 5xx and _TEMPORARY are retried, others are "unsupported"
_GONE = {401: REMOVED, 402: REMOVED, 403: REMOVED, 404: NOT_FOUND, 410: NOT_FOUND, 451: REMOVED}
_TEMPORARY = {408, 425, 429}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_FILE = {errno.EACCES, errno.EPERM, errno.EIO}
# yt-dlp has no error classes for these: match its messages; the first match counts
_MESSAGES = (
    (LATER, r"not a bot|too many requests|rate.?limit|try again|temporarily"),
    (LIVE, r"live event|premiere|is live|not currently live|is offline|livestream|live stream"),
    (UNSUPPORTED, r"\bdrm\b"),
    (BROKEN, r"did not get any data blocks"),
    (
        REMOVED,
        r"private|removed|deleted|unavailable|not available|terminated|sign in|log ?in|members|copyright|blocked",
    ),
    (NOT_FOUND, r"not found|does not exist|doesn't exist|no longer exists"),
)
_NOISE = re.compile(
    r"^ERROR: |; please report this issue on .*|\x1b\[[0-9;]*m| at 0x[0-9a-f]+|\(caused by .*", re.DOTALL
)
_MAX_DETAIL = 300


def classify(error: BaseException, url: str, refused: Sequence[str], *, downloading: bool) -> Exception:
    """Return the exception to raise for a failure.

    Args:
        error: exception from yt-dlp, with its causes
        url: the video's address
        refused: non-public addresses that were refused in the meantime
        downloading: whether the transfer failed, after the page was read

    Returns:
        `TryAgain` or `Transient` for a temporary failure, `Rejected` for a permanent one, OSError if the disk failed
    """
    chain = list(_chain(error))
    # first: libraries wrap a refused connection in errors that look temporary
    if refused:
        return Rejected(REFUSED, f"{refused[0]} is not public; to reach it, add it to crawl.allow_addresses")
    disk: OSError | None = _first(chain, OSError, _is_disk)
    return disk or _by_type(chain, url) or _by_message(chain, downloading)


def one_line(text: str) -> str:
    """Return an external message as one line of at most 300 characters, without parts that vary between runs."""
    line = " ".join(_NOISE.sub("", text).split())
    return "".join(character for character in line if character.isprintable())[:_MAX_DETAIL]


def retry_after_s(value: str | None) -> float | None:
    """Return the wait in seconds that a Retry-After header requests.

    Args:
        value: the header: seconds or a date
    """
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((until.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _by_status(error: Any, url: str) -> Rejected:
    error.close()
    detail = f"{_host(url)}: HTTP {error.status} {one_line(error.reason or '')}".strip()
    if error.status in _TEMPORARY or error.status >= 500:
        return TryAgain(detail, retry_after_s(error.response.headers.get("Retry-After")))
    return Rejected(_GONE.get(error.status, UNSUPPORTED), detail)


def _by_type(chain: Sequence[BaseException], url: str) -> Rejected | None:
    from yt_dlp.networking.exceptions import HTTPError, RequestError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

    if (http_error := _first(chain, HTTPError)) is not None:
        return _by_status(http_error, url)
    if any(isinstance(error, (RequestError, ConnectionError, TimeoutError)) for error in chain):
        return TryAgain(_transport_detail(chain, url))
    for error_type, reason in ((UnsupportedError, UNSUPPORTED), (UserNotLive, LIVE), (GeoRestrictedError, REMOVED)):
        if _first(chain, error_type) is not None:
            return Rejected(reason, one_line(str(chain[0])))
    return None


def _by_message(chain: Sequence[BaseException], downloading: bool) -> Rejected:
    from yt_dlp.utils import ExtractorError

    text, extraction = one_line(str(chain[0])), _first(chain, ExtractorError)
    reason = next((reason for reason, pattern in _MESSAGES if re.search(pattern, text, re.IGNORECASE)), None)
    if reason not in (None, LATER):
        return Rejected(str(reason), text)
    if downloading or reason == LATER:
        return TryAgain(text)
    # yt-dlp's next release may handle an unexpected error: do not cache the result, and do not retry now
    unexpected = extraction is None or not extraction.expected
    return Transient(LATER, f"yt-dlp failed: {text}") if unexpected else Rejected(UNSUPPORTED, text)


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
    return urlsplit(url).netloc


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
