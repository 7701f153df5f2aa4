"""What yt-dlp says of a page: is it a list, may it be fetched, which captions are best. All of it is untrusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tasks.core.config import Section
from tasks.core.errors import Rejected
from tasks.fetching import failures, identity

Info = Mapping[str, Any]

FORMATS = ("vtt", "srt")
KINDS = ("manual", "automatic")
_LIVE = ("is_live", "is_upcoming", "post_live")
# a page can only mark automatic captions in the language tag: in BCP 47's corner for private use
_PRIVATE_USE = "-x-auto"
_ORIGINAL = "-orig"
_PLAIN_PAGES = (None, "Generic", "HTML5MediaEmbed")
_MAX_LINE = 300


class Wanted(Section):
    """What decides the bytes that a video gives; part of the key under which it is remembered."""

    languages: list[str]
    automatic_captions: bool
    max_duration_s: float
    max_bytes: int


@dataclass(frozen=True)
class Address:
    """Where a video is: a page, and which of its media (counted from 1; 0: the only one)."""

    url: str
    position: int = 0


@dataclass(frozen=True)
class Listed:
    """One video of a playlist, channel or page of many."""

    address: Address
    id: str


@dataclass(frozen=True)
class Track:
    """Captions on offer: `kind` is manual or automatic, `format` vtt or srt, `source` yt-dlp's own record of them."""

    language: str
    kind: str
    format: str
    source: Info


def is_list(info: Info) -> bool:
    """Say whether a page is a list of videos rather than one."""
    return info.get("_type") in ("playlist", "multi_video")


def listed(info: Info, url: str) -> list[Listed]:
    """Return the videos of a list: by their own address, or by their place on the page."""
    entries = [(position, entry) for position, entry in enumerate(info.get("entries") or (), start=1) if entry]
    return [_listed(entry, url, position) for position, entry in entries]


def check_limits(info: Info, wanted: Wanted) -> None:
    """Refuse what is live, too long or too large, as far as the page tells.

    Raises:
        Rejected: if it is one of these
    """
    if info.get("is_live") or info.get("live_status") in _LIVE:
        raise Rejected(failures.LIVE, str(info.get("live_status") or "is_live"))
    if (duration_s := info.get("duration") or 0.0) > wanted.max_duration_s:
        raise Rejected(failures.TOO_LONG, f"{duration_s:.0f} s, allowed are {wanted.max_duration_s:.0f} s")
    if (n_bytes := info.get("filesize") or info.get("filesize_approx") or 0) > wanted.max_bytes:
        raise Rejected(failures.TOO_LARGE, f"{n_bytes} bytes, allowed are {wanted.max_bytes}")


def best_track(info: Info, wanted: Wanted) -> Track:
    """Choose captions: by hand before automatic, then by language and format, in the order of preference.

    Raises:
        Rejected: if there are none in the wanted languages
    """
    languages = [language.lower() for language in wanted.languages]
    tracks = list(_tracks(info))
    usable = [
        track
        for track in tracks
        if track.language.lower() in languages and (wanted.automatic_captions or track.kind == "manual")
    ]
    if not usable:
        raise Rejected(failures.NO_CAPTIONS, _about(tracks))
    best = min(
        usable, key=lambda t: (KINDS.index(t.kind), languages.index(t.language.lower()), FORMATS.index(t.format))
    )
    # the tag becomes part of a file name: the settings' spelling of it, not the page's
    return Track(wanted.languages[languages.index(best.language.lower())], best.kind, best.format, best.source)


def source_id(info: Info, address: Address) -> str:
    """Return what names the video at its source, whatever URL led there."""
    if (site := info.get("extractor_key")) not in _PLAIN_PAGES:
        return line(f"{site}:{info.get('id')}")
    place = f"#{address.position}" if address.position else ""
    return identity.tidied(str(info.get("webpage_url") or address.url)) + place


def title(info: Info, address: Address) -> str:
    """Return a video's title; yt-dlp numbers the players of a plain page, also the only one."""
    text = line(info.get("title"))
    return text.removesuffix(" (1)") if info.get("extractor_key") in _PLAIN_PAGES and not address.position else text


def line(text: Any) -> str:
    """Return text from outside as one printable line of at most 300 characters; nothing for None."""
    words = " ".join(str(text or "").split())
    return "".join(character for character in words if character.isprintable())[:_MAX_LINE]


def _listed(entry: Info, url: str, position: int) -> Listed:
    if entry.get("_type") in ("url", "url_transparent"):
        address = Address(str(entry["url"]))
        return Listed(address, str(entry.get("id") or identity.derived_id(address.url)))
    return Listed(Address(url, int(entry.get("playlist_index") or position)), str(entry.get("id") or position))


def _tracks(info: Info) -> Iterator[Track]:
    for kind, key in (("manual", "subtitles"), ("automatic", "automatic_captions")):
        for tag, sources in (info.get(key) or {}).items():
            for source in sources:
                track = _track(str(tag), kind, source)
                if track is not None:
                    yield track


def _track(tag: str, kind: str, source: Info) -> Track | None:
    query = parse_qs(urlsplit(str(source.get("url") or "")).query)
    # a machine's translation (tlang) is not what was said
    if source.get("ext") not in FORMATS or "tlang" in query:
        return None
    automatic = kind == "automatic" or tag.endswith(_PRIVATE_USE) or query.get("kind") == ["asr"]
    language = tag.removesuffix(_PRIVATE_USE).removesuffix(_ORIGINAL)
    return Track(language, "automatic" if automatic else "manual", str(source["ext"]), source)


def _about(tracks: Sequence[Track]) -> str:
    found = sorted({f"{track.language} ({track.kind})" for track in tracks})
    return line(f"found {', '.join(found)}" if found else "the page offers none")
