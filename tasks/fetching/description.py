"""Evaluate yt-dlp's description of a page (untrusted input): list or video, limits, best captions, title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tasks.core.caption_formats import FORMATS
from tasks.core.config import Section
from tasks.core.errors import Rejected
from tasks.fetching import failures, identity

Info = Mapping[str, Any]

PROTOCOLS = "https?|m3u8_native|http_dash_segments"
KINDS = ("manual", "automatic")
_LIVE = ("is_live", "is_upcoming", "post_live")
# a page can mark automatic captions only in the language tag: a private-use subtag of BCP 47
_PRIVATE_USE = "-x-auto"
_ORIGINAL = "-orig"
# YouTube adds the name of a track made by hand, as an id of 11 characters; ids of automatic tracks begin with "a"
_NAMED = re.compile(r"(?P<language>[a-z]{2,3}(?:-[a-z0-9]{2,8})*)-[a-z0-9_-]{11}", re.IGNORECASE)
_AUTOMATIC = re.compile(r"a-(?P<language>[a-z]{2,3}(?:-[a-z0-9]{2,8})*)", re.IGNORECASE)
# offered among the captions
_CHATS = ("live_chat", "rechat", "danmaku")
_PLAIN_PAGES = (None, "Generic", "HTML5MediaEmbed")
_MAX_LINE, _MAX_TAG = 300, 35
_JOINERS = "\u200c\u200d"
"""Not printable, but parts of Persian and Indic words and of emoji."""


class FetchRules(Section):
    """Settings that determine the fetched bytes; part of the cache key of a video."""

    languages: list[str]
    automatic_captions: bool
    max_duration_s: float
    max_bytes: int


@dataclass(frozen=True)
class MediaAddress:
    """A page, and which of its media (counted from 1; 0: the only one)."""

    url: str
    position: int = 0


@dataclass(frozen=True)
class ListedVideo:
    """One video of a playlist, channel or page with several videos; `problem` states why it cannot be fetched."""

    address: MediaAddress
    id: str
    problem: str = ""


@dataclass(frozen=True)
class CaptionTrack:
    """Available captions: `kind` is manual or automatic, `format` an extension, `source` yt-dlp's record of them."""

    language: str
    kind: str
    format: str
    source: Info


def is_list(info: Info) -> bool:
    """Tell whether a page is a list of videos."""
    return info.get("_type") in ("playlist", "multi_video")


def list_videos(info: Info, url: str) -> list[ListedVideo]:
    """Return the videos of a list: by their own address, or by their position on the page.

    Args:
        info: yt-dlp's description of the list
        url: its address
    """
    entries = [(position, entry) for position, entry in enumerate(info.get("entries") or (), start=1) if entry]
    return [_listed(entry, url, position) for position, entry in entries]


def check_limits(info: Info, rules: FetchRules) -> None:
    """Reject a video that is live, too long or too large, as far as the page states it.

    Args:
        info: yt-dlp's description of the video
        rules: the limits

    Raises:
        Rejected: if it exceeds one
    """
    if info.get("is_live") or info.get("live_status") in _LIVE:
        raise Rejected(failures.LIVE, line(info.get("live_status") or "is_live"))
    if (duration_s := _number(info.get("duration"))) > rules.max_duration_s:
        raise Rejected(failures.TOO_LONG, f"{duration_s:.0f} s, allowed are {rules.max_duration_s:.0f} s")
    if (n_bytes := _number(info.get("filesize")) or _number(info.get("filesize_approx"))) > rules.max_bytes:
        raise Rejected(failures.TOO_LARGE, f"{n_bytes:.0f} bytes, allowed are {rules.max_bytes}")


def best_track(info: Info, rules: FetchRules) -> CaptionTrack:
    """Choose captions: manual before automatic, then by language and format in order of preference.

    Args:
        info: yt-dlp's description of the video
        rules: languages, and whether automatic captions are allowed

    Raises:
        Rejected: if there are none in the wanted languages, or only in formats that are not read
    """
    tracks = list(_tracks(info))
    fetchable = [track for track in tracks if "data" in track.source or is_fetchable(track.source)]
    if tracks and not fetchable:
        raise Rejected(failures.UNSUPPORTED, f"captions: {_address_problem(tracks)}")
    return best(fetchable, rules)


def best(tracks: Sequence[CaptionTrack], rules: FetchRules) -> CaptionTrack:
    """Choose captions: manual before automatic, then by language and format in order of preference.

    Args:
        tracks: those that can be fetched
        rules: languages (tags, or patterns such as `en.*`), and whether automatic captions are allowed

    Raises:
        Rejected: if there are none in the wanted languages, or only in formats that are not read
    """
    ranks = {track.language: _rank(track.language, rules.languages) for track in tracks}
    usable = [
        track
        for track in tracks
        if ranks[track.language] is not None and (rules.automatic_captions or track.kind == "manual")
    ]
    if not usable:
        raise Rejected(failures.NO_CAPTIONS, _about(tracks))
    readable = [track for track in usable if track.format in FORMATS]
    if not readable:
        offers = sorted({f"{track.language} ({track.kind}) as {track.format}" for track in usable})
        raise Rejected(failures.OTHER_FORMATS, line(f"found {', '.join(offers)}; read are {', '.join(FORMATS)}"))
    chosen = min(readable, key=lambda t: (KINDS.index(t.kind), ranks[t.language], FORMATS.index(t.format)))
    return CaptionTrack(_spelling(chosen.language, rules.languages), chosen.kind, chosen.format, chosen.source)


def track(tag: str, caption_format: str, automatic: bool = False) -> CaptionTrack:
    """Return a track, without its source, from its language tag as sites and downloaders write it.

    Args:
        tag: such as `en`, `en_US`, `en-nP7-2PuUl7o` (a named track), `a-en` or `en-orig` (automatic)
        caption_format: a file extension
        automatic: whether it is known to be automatic apart from its tag

    Example:
        >>> track("en-nP7-2PuUl7o", "vtt").language, track("a-en", "vtt").kind, track("pt_BR", "srt").language
        ('en', 'automatic', 'pt-BR')
    """
    plain = tag.removesuffix(_PRIVATE_USE).removesuffix(_ORIGINAL)
    automatic |= plain != tag
    if named := _NAMED.fullmatch(plain):
        plain = named["language"]
    elif marked := _AUTOMATIC.fullmatch(plain):
        plain, automatic = marked["language"], True
    language = plain.replace("_", "-")
    return CaptionTrack(language, "automatic" if automatic else "manual", caption_format, {})


def _rank(language: str, wanted: Sequence[str]) -> int | None:
    """Return the place of the first entry that a language fits, or None; an unstated language fits every one."""
    if not language:
        return len(wanted)
    return next((place for place, entry in enumerate(wanted) if _fits(language, entry)), None)


def _fits(language: str, entry: str) -> bool:
    pattern = re.escape(entry.replace("_", "-")).replace(r"\.\*", ".*")
    return re.fullmatch(pattern, language, re.IGNORECASE) is not None


def _spelling(language: str, wanted: Sequence[str]) -> str:
    """Return a language as the settings spell it; one that fits a pattern or is unstated, in safe characters."""
    if not language:
        language = next((entry for entry in wanted if ".*" not in entry), "und")
    exact = (entry for entry in wanted if entry.replace("_", "-").lower() == language.lower())
    # the tag becomes part of a file name: use the settings' spelling, not the page's
    return next(exact, re.sub(r"[^A-Za-z0-9-]", "", language)[:_MAX_TAG] or "und")


def source_id(info: Info, address: MediaAddress) -> str:
    """Return an id of the video at its source that is the same for all its URLs.

    Args:
        info: yt-dlp's description of the video
        address: the address it was read from
    """
    if (site := info.get("extractor_key")) not in _PLAIN_PAGES:
        return line(f"{site}:{info.get('id')}")
    position = f"#{address.position}" if address.position else ""
    return identity.normalized(str(info.get("webpage_url") or address.url)) + position


def title(info: Info, address: MediaAddress) -> str:
    """Return a video's title, without the number that yt-dlp adds on plain pages, even to an only video.

    Args:
        info: yt-dlp's description of the video
        address: the address it was read from
    """
    text = line(info.get("title"))
    return text.removesuffix(" (1)") if info.get("extractor_key") in _PLAIN_PAGES and not address.position else text


def line(text: Any) -> str:
    """Return external text as one printable line of at most 300 characters.

    Args:
        text: any value; None becomes an empty line
    """
    words = " ".join(str(text or "").split())
    return "".join(character for character in words if character.isprintable() or character in _JOINERS)[:_MAX_LINE]


def is_fetchable(source: Info) -> bool:
    """Tell whether yt-dlp fetches a media or caption file itself, over http(s), HLS or DASH.

    All other protocols, such as rtmp, would start an external program.

    Args:
        source: yt-dlp's record of the file
    """
    from yt_dlp.utils import determine_protocol

    # fragments of HLS and DASH have URLs of their own
    if identity.url_problem(str(source.get("url") or "")) is not None:
        return False
    return re.fullmatch(PROTOCOLS, str(determine_protocol(dict(source)))) is not None


def _number(value: Any) -> float:
    """Return a number of a page, or 0."""
    return float(value) if isinstance(value, int | float) else 0.0


def _listed(entry: Info, url: str, position: int) -> ListedVideo:
    name = str(entry.get("id") or "")
    if entry.get("_type") not in ("url", "url_transparent"):
        index = entry.get("playlist_index")
        return ListedVideo(MediaAddress(url, index if isinstance(index, int) else position), name or str(position))
    address = MediaAddress(str(entry.get("url")).strip())
    if (problem := identity.url_problem(address.url)) is not None:
        return ListedVideo(address, str(position), problem)
    return ListedVideo(address, name or identity.derived_id(address.url))


def _tracks(info: Info) -> Iterator[CaptionTrack]:
    for kind, key in (("manual", "subtitles"), ("automatic", "automatic_captions")):
        for tag, sources in (info.get(key) or {}).items():
            for source in sources:
                if (offered := _track(str(tag), kind, source)) is not None:
                    yield offered


def _track(tag: str, kind: str, source: Info) -> CaptionTrack | None:
    query = _query(str(source.get("url") or ""))
    # machine translations (tlang) are not transcripts
    if tag in _CHATS or "tlang" in query:
        return None
    automatic = kind == "automatic" or query.get("kind") == ["asr"]
    return replace(track(tag, str(source.get("ext")).lower(), automatic), source=source)


def _address_problem(tracks: Sequence[CaptionTrack]) -> str:
    """Return why none of the tracks' addresses can be fetched."""
    problems = [identity.url_problem(str(offered.source.get("url"))) for offered in tracks]
    return line(next(filter(None, problems), "found another protocol; expected http(s), HLS or DASH"))


def _query(url: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(url).query)
    except ValueError:
        return {}


def _about(tracks: Sequence[CaptionTrack]) -> str:
    offers = sorted({f"{offered.language or 'no language'} ({offered.kind})" for offered in tracks})
    return line(f"found {', '.join(offers)}" if offers else "there are none")
