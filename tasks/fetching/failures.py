"""What a failed request or extraction means: for good, for now, or a disk that is full."""

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
LIVE = "live"
TOO_LONG = "too long"
TOO_LARGE = "too large"
UNSUPPORTED = "unsupported"
BROKEN = "broken media"
REFUSED = "address refused"
REPEATED = "listed twice"
REASONS = (NOT_FOUND, REMOVED, NO_CAPTIONS, LIVE, TOO_LONG, TOO_LARGE, UNSUPPORTED, BROKEN, REFUSED, REPEATED, LATER)
"""All reasons for which the crawl gives up a video; only the last is not for good."""

_GONE = {401: REMOVED, 402: REMOVED, 403: REMOVED, 404: NOT_FOUND, 410: NOT_FOUND, 451: REMOVED}
_PASSING = {408, 425, 429}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_FILE = {errno.EACCES, errno.EPERM, errno.EIO}
_SAYINGS = (
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


def meaning(error: BaseException, url: str, refused: Sequence[str], *, downloading: bool) -> Exception:
    """Say what a failure means.

    Args:
        error: what yt-dlp raised, with its causes
        url: the video's address
        refused: addresses that the guard refused meanwhile
        downloading: the description was read, so what fails now is the transfer and not the page

    Returns:
        the exception to raise instead: `TryAgain` or `Transient` for what may pass, `Rejected` for what will not,
        or an OSError if it is the disk that failed
    """
    chain = list(_chain(error))
    if refused:
        return Rejected(REFUSED, f"{refused[0]} is not public; to reach it, add it to crawl.allow_addresses")
    disk: OSError | None = _first(chain, OSError, _is_disk)
    return disk or _by_kind(chain, url) or _by_words(chain, downloading)


def plain(text: str) -> str:
    """Return one short line of a message from outside, without what differs from run to run."""
    line = " ".join(_NOISE.sub("", text).split())
    return "".join(character for character in line if character.isprintable())[:_MAX_DETAIL]


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks to wait; it holds seconds or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((until.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _by_status(answer: Any, url: str) -> Rejected:
    answer.close()
    detail = f"{_host(url)}: HTTP {answer.status} {plain(answer.reason or '')}".strip()
    if answer.status in _PASSING or answer.status >= 500:
        return TryAgain(detail, retry_after_s(answer.response.headers.get("Retry-After")))
    return Rejected(_GONE.get(answer.status, UNSUPPORTED), detail)


def _by_kind(chain: Sequence[BaseException], url: str) -> Rejected | None:
    from yt_dlp.networking.exceptions import HTTPError, RequestError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

    if (answer := _first(chain, HTTPError)) is not None:
        return _by_status(answer, url)
    if any(isinstance(each, (RequestError, ConnectionError, TimeoutError)) for each in chain):
        return TryAgain(_about_transport(chain, url))
    for kind, reason in ((UnsupportedError, UNSUPPORTED), (UserNotLive, LIVE), (GeoRestrictedError, REMOVED)):
        if _first(chain, kind) is not None:
            return Rejected(reason, plain(str(chain[0])))
    return None


def _by_words(chain: Sequence[BaseException], downloading: bool) -> Rejected:
    from yt_dlp.utils import ExtractorError

    text, extraction = plain(str(chain[0])), _first(chain, ExtractorError)
    reason = next((reason for reason, words in _SAYINGS if re.search(words, text, re.IGNORECASE)), None)
    if reason not in (None, LATER):
        return Rejected(str(reason), text)
    if downloading or reason == LATER:
        return TryAgain(text)
    # what yt-dlp did not expect, its next release may handle: not to be remembered, and no use to ask again now
    unexpected = extraction is None or not extraction.expected
    return Transient(LATER, f"yt-dlp failed: {text}") if unexpected else Rejected(UNSUPPORTED, text)


def _about_transport(chain: Sequence[BaseException], url: str) -> str:
    """Name the innermost cause, in words that do not change from run to run."""
    causes = [each for each in chain if isinstance(each, OSError)]
    known = next((each for each in reversed(causes) if each.strerror), None)
    if known is not None:
        text = "the name cannot be resolved" if isinstance(known, socket.gaierror) else str(known.strerror)
    elif any(isinstance(each, TimeoutError) for each in causes):
        text = "timed out"
    else:
        text = plain(str(chain[-1]))
    return f"{_host(url)}: {text[:1].lower()}{text[1:]}"


def _is_disk(error: OSError) -> bool:
    # a socket can be denied, too; but only a file has a name
    return error.errno in _DISK or (error.errno in _FILE and bool(error.filename))


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _first(chain: Sequence[BaseException], kind: type[Any], holds: Any = lambda _: True) -> Any:
    return next((each for each in chain if isinstance(each, kind) and holds(each)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, in the several ways in which libraries keep that."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            info = getattr(each, "exc_info", None) or (None, None)
            waiting += [each.__cause__, each.__context__, info[1], getattr(each, "cause", None)]
            waiting.append(getattr(each, "reason", None))
