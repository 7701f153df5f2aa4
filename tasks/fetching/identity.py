"""Which video a URL means: `youtu.be/X` and `youtube.com/watch?v=X&t=5` are the same one."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")
_MAX_SLUG = 48


def is_youtube(url: str) -> bool:
    """Say whether a URL is one of YouTube's."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == name or host.endswith(f".{name}") for name in _YOUTUBE)


def youtube_id(url: str) -> str | None:
    """Return the 11 characters that name a YouTube video, or None where the URL names no single one."""
    if not is_youtube(url):
        return None
    from yt_dlp.extractor.youtube import YoutubeIE

    found = YoutubeIE.get_temp_id(url)
    return found if isinstance(found, str) and ID_PATTERN.fullmatch(found) else None


@lru_cache(maxsize=4096)
def identity(url: str) -> str:
    """Return what two URLs of the same video have in common: yt-dlp's site and video id, else the tidied URL."""
    if (name := youtube_id(url)) is not None:
        return f"Youtube:{name}"
    from yt_dlp.extractor import gen_extractor_classes

    for site in gen_extractor_classes():
        if site.suitable(url):
            name = site.get_temp_id(url) if site.ie_key() != "Generic" else None
            return f"{site.ie_key()}:{name}" if name else tidied(url)
    return tidied(url)


def tidied(url: str) -> str:
    """Return a URL without what does not change its meaning: scheme, case and `www.` of the host, order, fragment."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    query = sorted((key, value) for key, value in parse_qsl(parts.query, True) if not key.startswith("utm_"))
    return f"{host}{port}{parts.path.rstrip('/') or '/'}" + (f"?{urlencode(query)}" if query else "")


def derived_id(url: str) -> str:
    """Return an id for a video that the list gives none: the same each time, and it says where it comes from."""
    if (name := youtube_id(url)) is not None:
        return name
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].partition(".")[0]
    return joined(last, hashlib.sha256(tidied(url).encode()).hexdigest()[:8])


def joined(*parts: str) -> str:
    """Join parts into an id that is safe as a file name: 1 to 64 letters, digits, `_` and `-`."""
    slug = "-".join(filter(None, (re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in parts)))
    if ID_PATTERN.fullmatch(slug) and slug == "-".join(parts):
        return slug
    mark = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{slug[:_MAX_SLUG]}-{mark}" if slug else mark
