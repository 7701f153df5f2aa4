"""Identify the video of a URL: `youtu.be/X` and `youtube.com/watch?v=X&t=5` are the same video."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")
_MAX_SLUG = 48
_MAX_SHOWN = 200


def url_problem(url: str) -> str | None:
    """Return why a URL cannot be fetched, or None. The text never contains a password.

    Args:
        url: any text, from a list or a page
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises if the port is invalid)
        host = parts.hostname
        # what resolvers do to a name; an address in brackets needs no encoding
        (host or "").encode("idna")
    except ValueError as error:
        return f"found {_shown(url)}, which is not a URL ({_cause(error)})"
    if parts.scheme not in ("http", "https") or not host or not url.isprintable():
        return f"found {_shown(url)}; expected a URL that starts with http:// or https://"
    if parts.username is not None or parts.password is not None:
        # the URL is written into tables and reports
        return "found a user name or password in the URL; remove it and use crawl.cookies_file instead"
    return None


def is_youtube(url: str) -> bool:
    """Tell whether a URL belongs to YouTube."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == name or host.endswith(f".{name}") for name in _YOUTUBE)


def youtube_id(url: str) -> str | None:
    """Return the id (11 characters) of a YouTube video, or None if the URL is not that of a single one."""
    if not is_youtube(url):
        return None
    from yt_dlp.extractor.youtube import YoutubeIE

    video_id = YoutubeIE.get_temp_id(url)
    return video_id if isinstance(video_id, str) and ID_PATTERN.fullmatch(video_id) else None


@lru_cache(maxsize=4096)
def identity(url: str) -> str:
    """Return a key shared by all URLs of a video: yt-dlp's site and video id, else the normalized URL."""
    if (name := youtube_id(url)) is not None:
        return f"Youtube:{name}"
    from yt_dlp.extractor import gen_extractor_classes

    # in yt-dlp's own order: the first extractor that accepts the URL would be used
    for site in gen_extractor_classes():
        if site.suitable(url):
            name = site.get_temp_id(url) if site.ie_key() != "Generic" else None
            return f"{site.ie_key()}:{name}" if name else normalized(url)
    return normalized(url)


def normalized(url: str) -> str:
    """Return a URL without scheme, `www.`, fragment and tracking parameters, host in lower case, query sorted.

    A text that is not a valid URL is returned unchanged.
    """
    if url_problem(url) is not None:
        return url
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    query = sorted((key, value) for key, value in parse_qsl(parts.query, True) if not key.startswith("utm_"))
    return f"{host}{port}{parts.path.rstrip('/') or '/'}" + (f"?{urlencode(query)}" if query else "")


def derived_id(url: str) -> str:
    """Return a reproducible, readable id for a video that has none in its list."""
    if (name := youtube_id(url)) is not None:
        return name
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].partition(".")[0]
    return safe_id(last, hashlib.sha256(normalized(url).encode()).hexdigest()[:8])


def safe_id(*parts: str) -> str:
    """Join parts into an id that is safe as a file name: 1 to 64 letters, digits, `_` and `-`.

    Args:
        *parts: any text; a digest is added if characters had to be replaced or cut off
    """
    slug = "-".join(filter(None, (re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in parts)))
    if ID_PATTERN.fullmatch(slug) and slug == "-".join(parts):
        return slug
    # a digest of the parts: different inputs must not get the same file name
    mark = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{slug[:_MAX_SLUG]}-{mark}" if slug else mark


def _shown(url: str) -> str:
    return repr(re.sub(r"//.*@", "//…@", url[:_MAX_SHOWN]))


def _cause(error: ValueError) -> str:
    if isinstance(error, UnicodeError):
        return "its host name is invalid"
    # Python's messages quote parts of the URL, and some are about Python's own limits
    is_plain = re.fullmatch(r"Port out of range 0-65535|Invalid IPv6 URL", str(error))
    return str(error) if is_plain else "its host or port is invalid"
