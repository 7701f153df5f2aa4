"""Hostile servers: every answer ends in time and within a bounded memory, as a rejected item."""

from __future__ import annotations

import gzip
import itertools
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.core import config
from tasks.core.errors import Rejected
from tasks.fetching import client, failures
from tasks.fetching.description import MediaAddress

Answer = Callable[[Any], None]


@pytest.fixture
def fetched(site: Any, settings: config.Config, tmp_path: Path) -> Callable[..., client.FetchedVideo]:
    """Fetch a page of the site, with one attempt and short timeouts."""

    def fetch(url: str, *, captions_needed: bool = True, **changes: Any) -> client.FetchedVideo:
        quick = {"attempts": 1, "backoff_s": 0.01, "timeout_s": 0.5, "allow_addresses": [site.place], **changes}
        section = settings.crawl.model_copy(update=quick)
        rules = client.fetch_rules(section)
        return client.fetch(MediaAddress(url), tmp_path / "video", rules, section, captions_needed=captions_needed)

    return fetch


@pytest.fixture
def listed(site: Any, settings: config.Config) -> Callable[..., list[client.ListedVideo]]:
    """List the videos of a page of the site."""

    def videos(url: str, **changes: Any) -> list[client.ListedVideo]:
        quick = {"attempts": 1, "backoff_s": 0.01, "timeout_s": 0.5, "allow_addresses": [site.place], **changes}
        return client.list_videos(MediaAddress(url), settings.crawl.model_copy(update=quick))

    return videos


def raw(*pieces: bytes, every_s: float = 0.0) -> Answer:
    """Send bytes as they are, with a pause before each piece, until the client leaves."""

    def answer(handler: Any) -> None:
        for piece in pieces:
            time.sleep(every_s)
            handler.wfile.write(piece)
        handler.close_connection = True

    return answer


def endless(first: bytes, piece: bytes, every_s: float = 0.0) -> Answer:
    """Send a piece again and again, for at most ten seconds."""

    def answer(handler: Any) -> None:
        handler.wfile.write(first)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            time.sleep(every_s)
            handler.wfile.write(piece)

    return answer


def head(kind: str = "text/html", status: str = "200 OK", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.0 {status}",
        f"Content-Type: {kind}",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def packed(n_megabytes: int) -> bytes:
    """Return gzip of a large page, made without holding it in memory."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(b"<p> </p>" * 2**17) for _ in range(n_megabytes)) + packer.flush()


RETRY_AFTER = [
    "²", "-5", "9" * 400, "1.5", "nan", "", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 99999 23:59:59 GMT",
    "Mon, 99 Foo 2020", "Thu, 01 Jan 0000 00:00:00 GMT", "Wed, 21 Oct 2015 07:28:00 -9999",
]  # fmt: skip


@pytest.mark.parametrize("value", RETRY_AFTER)
def test_an_odd_retry_after_is_no_error(value: str) -> None:
    seconds = failures.retry_after_s(value)
    assert seconds is None or seconds >= 0


def test_a_busy_page_with_an_odd_retry_after_is_rejected(site: Any, listed: Callable[..., Any]) -> None:
    site.answers["/busy"] = raw(head(status="429 Too Many Requests", Retry_After="Fri, 31 Dec 9999 23:59:59 -1200"))
    with pytest.raises(Rejected, match=r"unavailable for now: .*HTTP 429"):
        listed(site.url("/busy"), attempts=3, timeout_s=5.0)
    assert site.requests["/busy"] == 1, "the requested wait is longer than any limit"


BROKEN = [
    "http://[::1/c.vtt", "http://h:99999/c.vtt", "http://h:port/c.vtt", f"http://{'a' * 70}.example/c.vtt",
    "http://a..b/c.vtt", "http://℀.example/c.vtt", "http:///c.vtt", "http://user:secret@h/c.vtt",
]  # fmt: skip
PROTOCOLS = ["rtmp", "rtmpe", "mms", "rtsp", "ftp", "file", "ws"]


@pytest.mark.parametrize("url", [*BROKEN, *(f"{name}://10.0.0.1/c.vtt" for name in PROTOCOLS)])
@pytest.mark.parametrize("part", ["captions", "media"])
def test_files_at_other_addresses_are_rejected_and_start_nothing(
    site: Any, fetched: Callable[..., Any], url: str, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program in ("rtmpdump", "ffmpeg", "mplayer"):
        (tmp_path / program).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    page = (
        site.interview("bad", b"RIFF", f'<track srclang="en" src="{url}">')
        if part == "captions"
        else site.interview("bad", b"RIFF", media=url)
    )
    with pytest.raises(Rejected) as caught:
        fetched(page)
    assert "secret" not in str(caught.value)
    assert str(caught.value).count("expected") <= 1, caught.value
    assert not (tmp_path / "started").exists()


def test_captions_at_a_usable_address_are_preferred(site: Any, fetched: Callable[..., Any]) -> None:
    tracks = '<track srclang="en" src="rtmp://10.0.0.1/c.vtt"><track srclang="en" src="/two.vtt">'
    page = site.interview("two", b"RIFF", tracks)
    assert fetched(page).captions.path.read_bytes() == site.pages["/two.vtt"][1]


@pytest.mark.parametrize("url", [*BROKEN, "rtmp://10.0.0.1/c", "file:///etc/passwd", "javascript:alert(1)"])
def test_of_a_feed_only_the_broken_address_is_rejected(site: Any, listed: Callable[..., Any], url: str) -> None:
    good = site.interview("one", b"RIFF")
    items = "".join(f"<item><title>x</title><link>{link}</link></item>" for link in (url, good))
    videos = listed(site.add("/feed", f"<rss><channel><title>f</title>{items}</channel></rss>", "text/xml"))
    assert [bool(video.problem) for video in videos] == [True, False]
    assert "secret" not in videos[0].problem


@pytest.mark.parametrize(
    "answer",
    [
        endless(head(), b"<p>" * 10_000),
        raw(head(Content_Encoding="gzip") + packed(64)),
        raw(head(Content_Encoding="gzip, gzip") + gzip.compress(packed(64))),
        raw(head(status="404 Not Found", Content_Encoding="gzip") + packed(64)),
    ],
    ids=["endless", "gzip", "gzip twice", "error page"],
)
def test_pages_have_a_limit_after_decompression(site: Any, listed: Callable[..., Any], answer: Answer) -> None:
    site.answers["/large"] = answer
    with pytest.raises(Rejected, match=r"too large|not found"):
        listed(site.url("/large"), timeout_s=8.0)


def test_the_body_of_a_redirect_is_not_read(site: Any, listed: Callable[..., Any]) -> None:
    page = site.interview("one", b"RIFF")
    site.answers["/away"] = endless(head(status="302 Found", Location="/watch/one"), b"x" * 100_000)
    started = time.monotonic()
    assert listed(site.url("/away"), timeout_s=8.0) == []
    assert time.monotonic() - started < 5
    assert page


@pytest.mark.parametrize("how", ["redirect", "refresh"])
def test_pages_that_lead_to_each_other_for_ever_are_left(site: Any, listed: Callable[..., Any], how: str) -> None:
    numbers = itertools.count()

    def next_page(handler: Any) -> None:
        url = site.url(f"/maze?{next(numbers)}")
        body = f'<html><meta http-equiv="refresh" content="0;URL={url}"></html>'.encode()
        handler.wfile.write(head(status="302 Found", Location=url) if how == "redirect" else head() + body)

    site.answers["/maze"] = next_page
    with pytest.raises(Rejected, match="unsupported"):
        listed(site.url("/maze"), timeout_s=8.0)
    assert site.requests["/maze"] < 40


def test_a_page_on_which_patterns_take_for_ever_is_left(
    site: Any, listed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LIST_COMPUTING_S", 0.3)
    page = site.add("/slow", "<html>" + "<video " * 300_000)
    with pytest.raises(Rejected, match=r"unsupported: yt-dlp needs more than 0 s of computing"):
        listed(page, timeout_s=8.0)


def test_captions_have_a_limit_after_decompression(site: Any, fetched: Callable[..., Any]) -> None:
    page = site.interview("one", b"RIFF", '<track srclang="en" src="/large.vtt">')
    site.answers["/large.vtt"] = raw(head("text/vtt", Content_Encoding="gzip") + packed(64))
    with pytest.raises(Rejected, match="too large"):
        fetched(page, timeout_s=8.0)


@pytest.mark.parametrize("answer", [raw(head("text/vtt")), raw(head(status="404 Not Found"))])
def test_captions_that_are_listed_and_not_there_may_come_later(
    site: Any, fetched: Callable[..., Any], answer: Answer
) -> None:
    page = site.interview("one", b"RIFF")
    site.answers["/one.vtt"] = answer
    with pytest.raises(Rejected, match=r"no captions: the page lists en \(manual\), but not the file") as caught:
        fetched(page)
    assert caught.value.reason in failures.RETRIED
    assert fetched(page, captions_needed=False).captions is None


STATUS = b"HTTP/1.1 200 OK\r\n"
SLOW = {
    "status line": endless(b"HTTP/1.1 2", b"0", 0.1),
    "header": endless(STATUS, b"X-A: b\r\n", 0.1),
    "body": endless(head(), b"<p>", 0.1),
    "chunks": endless(STATUS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.1),
    "continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.1),
    "after a burst": endless(head() + b"<p>" * 100_000, b"R", 0.1),
}


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("part", ["page", "captions", "media"])
def test_a_trickle_ends_with_the_deadline(site: Any, fetched: Callable[..., Any], part: str, slow: str) -> None:
    page = site.interview("one", b"RIFF", media="/one.wav")
    site.answers[{"page": "/watch/one", "captions": "/one.vtt", "media": "/one.wav"}[part]] = SLOW[slow]
    started = time.monotonic()
    with pytest.raises(Rejected, match="unavailable for now"):
        fetched(page)
    assert time.monotonic() - started < 4


def test_a_slow_but_steady_transfer_is_not_ended(site: Any, fetched: Callable[..., Any]) -> None:
    page, sound = site.interview("one", b"RIFF"), b"R" * 12_000
    pieces: Iterator[bytes] = (sound[start : start + 600] for start in range(0, len(sound), 600))
    site.answers["/one.wav"] = raw(head("audio/wav", Content_Length=str(len(sound))), *pieces, every_s=0.1)
    assert fetched(page).media.read_bytes() == sound


def test_a_very_long_list_is_rejected(site: Any, listed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MAX_LISTED", 3)
    links = [f"<item><title>x</title><link>{site.url(f'/watch/{number}')}</link></item>" for number in range(9)]
    for n_videos in (3, 4, 9):
        items = "".join(links[:n_videos])
        url = site.add("/feed", f"<rss><channel><title>f</title>{items}</channel></rss>", "text/xml")
        if n_videos == 3:
            assert len(listed(url)) == 3
        else:
            with pytest.raises(Rejected, match="a list of more than 3 videos"):
                listed(url)
    assert len(listed(url, yt_dlp_args=["--playlist-end", "2"])) == 2


@pytest.mark.parametrize("status", [401, 403, 410])
def test_an_expired_address_is_read_again_from_the_page(
    site: Any, fetched: Callable[..., Any], respond: Callable[..., None], status: int
) -> None:
    page = site.interview("one", b"RIFF")
    numbers = itertools.count(1)

    def fresh(handler: Any) -> None:
        body = site.pages["/watch/one"][1].replace(b"/one.wav", b"/one.wav?%d" % next(numbers))
        respond(handler, 200, body)

    def expired(handler: Any) -> None:
        respond(handler, 200, b"RIFF", "audio/wav") if handler.path == "/one.wav?3" else respond(handler, status)

    site.answers["/watch/one"], site.answers["/one.wav"] = fresh, expired
    with pytest.raises(Rejected, match=f"unavailable for now: .*HTTP {status}"):
        fetched(page, attempts=2)
    assert fetched(page, attempts=1).media.read_bytes() == b"RIFF"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "abc"}, {"Content_Length": "-1"}, {"Content_Length": "1e3"}, {"Content_Length": "9" * 30},
        {"Content_Encoding": "gzip"}, {"Content_Encoding": "deflate"}, {"Content_Encoding": ", ".join(["gzip"] * 9)},
        {"Transfer_Encoding": "chunked"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("part", ["page", "captions", "media"])
def test_false_headers_reject_at_most_the_item(
    site: Any, fetched: Callable[..., Any], part: str, headers: dict[str, str]
) -> None:
    page = site.interview("one", b"RIFF")
    path = {"page": "/watch/one", "captions": "/one.vtt", "media": "/one.wav"}[part]
    kind, body = site.pages[path]
    site.answers[path] = raw(head(kind, **headers) + body)
    try:
        fetched(page)
    except Rejected as error:
        assert error.reason in failures.REASONS
