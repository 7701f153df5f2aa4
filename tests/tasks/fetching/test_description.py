"""Descriptions of pages: captions, limits, names. Classification of failures."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from yt_dlp.utils import DownloadError, ExtractorError, UnsupportedError

from tasks.core.errors import Rejected, Transient
from tasks.fetching import description, failures, retries
from tasks.fetching.description import FetchRules, MediaAddress

URL = "https://a.example/x"


def wanted(**changes: Any) -> FetchRules:
    usual = {"languages": ["en", "en-GB"], "automatic_captions": True, "max_duration_s": 60.0, "max_bytes": 1000}
    return FetchRules.model_validate({**usual, **changes})


def source(ext: str = "vtt", query: str = "") -> dict[str, str]:
    return {"ext": ext, "url": f"https://a.example/c.{ext}{query}"}


@pytest.mark.parametrize(
    ("info", "best"),
    [
        ({"subtitles": {"en": [source()]}}, ("en", "manual", "vtt")),
        ({"subtitles": {"EN-gb": [source()]}}, ("en-GB", "manual", "vtt")),
        ({"subtitles": {"en-GB": [source()]}, "automatic_captions": {"en": [source()]}}, ("en-GB", "manual", "vtt")),
        ({"automatic_captions": {"en-orig": [source("json3"), source("srt")]}}, ("en", "automatic", "srt")),
        ({"subtitles": {"en-x-auto": [source()]}}, ("en", "automatic", "vtt")),
        ({"subtitles": {"en": [source(query="?kind=asr")], "en-GB": [source("srt")]}}, ("en-GB", "manual", "srt")),
        ({"subtitles": {"en": [source("srt"), source("vtt")]}}, ("en", "manual", "vtt")),
        ({"subtitles": {"en": [source("ttml"), source("json3")]}}, ("en", "manual", "json3")),
        ({"subtitles": {"en": [source("scc"), source("ASS")]}}, ("en", "manual", "ass")),
        ({"subtitles": {"en": [source("dfxp")]}, "automatic_captions": {"en": [source()]}}, ("en", "manual", "dfxp")),
        ({"subtitles": {"en": [source("scc")]}, "automatic_captions": {"en": [source()]}}, ("en", "automatic", "vtt")),
    ],
)
def test_the_best_captions_are_chosen(info: dict[str, Any], best: tuple[str, str, str]) -> None:
    track = description.best_track(info, wanted())
    assert (track.language, track.kind, track.format) == best


@pytest.mark.parametrize(
    ("tags", "languages", "best"),
    [
        (("en-nP7-2PuUl7o",), ["en"], ("en", "manual")),
        (("en-GB-nP7-2PuUl7o",), ["en-GB"], ("en-GB", "manual")),
        (("en_US",), ["en-US"], ("en-US", "manual")),
        (("en_us",), ["en_US"], ("en_US", "manual")),
        (("a-en",), ["en"], ("en", "automatic")),
        (("en-AU",), ["en.*"], ("en-AU", "manual")),
        (("en-AU", "en"), ["en", "en.*"], ("en", "manual")),
        (("en-AU", "en"), ["en-.*", "en"], ("en-AU", "manual")),
        (("pt-BR", "es-419"), ["es.*", "pt.*"], ("es-419", "manual")),
        (("zh-Hans",), [".*"], ("zh-Hans", "manual")),
    ],
)
def test_language_tags_as_sites_write_them(tags: tuple[str, ...], languages: list[str], best: tuple[str, str]) -> None:
    info = {"subtitles": {tag: [source()] for tag in tags}}
    track = description.best_track(info, wanted(languages=languages))
    assert (track.language, track.kind) == best


@pytest.mark.parametrize("tags", [("eng",), ("fr-en",), ("en-AU",), ("fr-nP7-2PuUl7o",)])
def test_a_language_is_no_pattern(tags: tuple[str, ...]) -> None:
    with pytest.raises(Rejected, match="found "):
        description.best_track({"subtitles": {tag: [source()] for tag in tags}}, wanted())


def test_captions_by_hand_under_a_name_come_before_automatic_ones() -> None:
    info = {
        "subtitles": {"en-nP7-2PuUl7o": [source()]},
        "automatic_captions": {"en": [source()], "en-orig": [source()]},
    }
    track = description.best_track(info, wanted(languages=["en", "en-US", "en-GB"]))
    assert (track.language, track.kind) == ("en", "manual")


def test_a_language_becomes_part_of_a_file_name_in_safe_characters() -> None:
    track = description.best_track({"subtitles": {"en/../x": [source()]}}, wanted(languages=["en.*"]))
    assert track.language == "enx"


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"subtitles": None, "automatic_captions": {}},
        {"subtitles": {"fr": [source()]}},
        {"subtitles": {"live_chat": [source("json")]}},
        {"subtitles": {None: [source()]}},
        {"automatic_captions": {"en": [source(query="?lang=fr&tlang=en")]}},
    ],
)
def test_captions_in_other_languages_are_not_used(info: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="no captions"):
        description.best_track(info, wanted())


@pytest.mark.parametrize("ext", ["scc", "mp4caption", None])
def test_captions_in_other_formats_are_named(ext: str | None) -> None:
    with pytest.raises(Rejected) as caught:
        description.best_track({"subtitles": {"en": [{"ext": ext, "url": URL}], "fr": [source()]}}, wanted())
    assert caught.value.reason == "captions in other formats"
    assert caught.value.detail.startswith(f"found en (manual) as {str(ext).lower()}; read are vtt, srt, ")


def test_automatic_captions_can_be_excluded() -> None:
    with pytest.raises(Rejected, match=r"found en \(automatic\)"):
        description.best_track({"automatic_captions": {"en": [source()]}}, wanted(automatic_captions=False))


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"is_live": True}, "live"),
        ({"live_status": "is_upcoming"}, "live"),
        ({"duration": 61}, "too long"),
        ({"filesize": 1001}, "too large"),
        ({"filesize_approx": 1001}, "too large"),
        ({"duration": "long", "filesize": [5], "live_status": "is_upcoming"}, "live"),
    ],
)
def test_limits(info: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        description.check_limits(info, wanted())
    assert caught.value.reason == reason
    description.check_limits({"live_status": "was_live", "duration": 60, "filesize": 1000}, wanted())


def test_external_text_becomes_one_printable_line() -> None:
    assert description.line(" a\n\tb\x1b[31m\u202e" + "x" * 900)[:8] == "a b[31mx"
    assert len(description.line("x" * 900)) == 300
    assert description.line(None) == ""
    assert description.line("می\u200cخواهم 👨\u200d👩\u200d👧") == "می\u200cخواهم 👨\u200d👩\u200d👧"


def test_the_source_of_a_video_has_one_name() -> None:
    assert description.source_id({"extractor_key": "Youtube", "id": "abc"}, MediaAddress(URL)) == "Youtube:abc"
    assert description.source_id({"extractor_key": "Generic", "id": "x"}, MediaAddress(URL, 2)) == "a.example/x#2"


def meaning(error: BaseException, downloading: bool = False) -> Exception:
    return failures.classify(error, URL, [], downloading=downloading)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("[youtube] x: Private video. Sign in if you've been granted access", "removed or private"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "removed or private"),
        ("[youtube] x: This live event will begin in 3 hours.", "live"),
        ("[youtube] x: Premieres in 2 days", "live"),
        ("[youtube] x: Sign in to confirm you’re not a bot", "unavailable for now"),
        ("[youtube] x: We're processing this video. Check back later.", "unavailable for now"),
        ("[youtube] x: Sign in to confirm your age. Use --cookies for the authentication", "login needed"),
        ("[youtube] x: The uploader has not made this video available in your country", "blocked in this country"),
        ("[youtube] x: Requested format is not available. Use --list-formats for a list", "no usable format"),
        ("[youtube] x: No video formats found!", "no usable format"),
        ("[x] x: This video is DRM protected", "unsupported"),
        ("[x] x: odd", "error of the site"),
    ],
)
def test_messages_of_sites_are_classified(message: str, reason: str) -> None:
    error = meaning(ExtractorError(message, expected=True))
    assert isinstance(error, Rejected)
    assert error.reason == reason
    assert isinstance(error, Transient) == (reason == retries.LATER)


@pytest.mark.parametrize(
    ("message", "warnings", "advice"),
    [
        (
            "[youtube] x: Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies for the "
            "authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to manually pass cookies",
            [],
            "set crawl.cookies_file",
        ),
        ("[x] x: This video is for members only", [], "set crawl.cookies_file"),
        (
            "[youtube] x: Requested format is not available. Use --list-formats for a list of available formats",
            ["WARNING: [youtube] No supported JavaScript runtime could be found. See https://github.com/x"],
            "install Deno",
        ),
        (
            "[x] x: Unable to extract title; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , "
            "filling out the appropriate issue template. Confirm you are on the latest version using  yt-dlp -U",
            [],
            "update yt-dlp",
        ),
    ],
)
def test_hints_of_yt_dlp_are_passed_on_without_its_text_about_bug_reports(
    message: str, warnings: list[str], advice: str
) -> None:
    error = failures.classify(ExtractorError(message, expected=True), URL, [], downloading=False, warnings=warnings)
    assert isinstance(error, Rejected)
    assert advice in error.detail
    assert not any(noise in error.detail for noise in ("https://", "--", "report this issue"))


def test_an_error_inside_an_extractor_names_its_type() -> None:
    assert "TypeError: not subscriptable" in str(meaning(TypeError("not subscriptable")))


def test_unexpected_errors_are_neither_cached_nor_retried() -> None:
    for error in (ExtractorError("Unable to extract title"), KeyError("formats")):
        error = meaning(error)
        assert isinstance(error, Transient)
        assert not isinstance(error, retries.TryAgain)


def test_a_failed_transfer_is_retried_and_a_full_disk_is_not() -> None:
    assert isinstance(meaning(DownloadError("1 bytes read, 2 more expected"), downloading=True), retries.TryAgain)
    full = DownloadError("unable to write data")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/x")
    error = meaning(full, downloading=True)
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOSPC


def test_an_unsupported_page_is_named_as_such() -> None:
    error = meaning(UnsupportedError(URL))
    assert isinstance(error, Rejected)
    assert error.reason == "unsupported"


def test_details_are_the_same_every_time() -> None:
    text = (
        "ERROR: [x] a\x1b[0m: <Connection object at 0x7f3a> failed; please report this issue on https://x (caused by y)"
    )
    assert failures.one_line(text) == "[x] a: <Connection object> failed"
