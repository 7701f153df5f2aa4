"""The crawl on loopback: what it fetches and refuses; nothing is fetched twice or lost."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tasks.core import bugs, config, each, forgotten, memo, paths, results, tables
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.core.forgotten import Ledger
from tasks.core.outcomes import ItemsFailed
from tasks.fetching import client, failures
from tasks.fetching.crawl_items import CrawlItem
from tasks.fetching.description import MediaAddress
from tasks.fetching.lists import ListEntry
from tasks.media import decode
from tasks.stages import crawl

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sound(wav: Callable[..., Path]) -> Callable[..., bytes]:
    """A WAV file's bytes; its length distinguishes it from others."""
    return lambda duration_s=1.0: wav(duration_s, 16_000).read_bytes()


@pytest.fixture
def crawled(project: Path, site: Any, settings: config.Config) -> Run:
    """Write both lists, run the stage in this process, and return the rows of `videos.parquet`."""

    def run(
        train: list[str] | None = None,
        test: list[str] | None = None,
        suffix: str = ".txt",
        transcribe: str = "never",
        **changes: Any,
    ) -> list[dict[str, Any]]:
        for split, urls in (("train", train), ("test", test)):
            if urls is not None:
                Path(f"data/{split}.txt").parent.mkdir(exist_ok=True)
                Path(f"data/{split}.txt").write_text("\n".join(urls))
        quick = {"backoff_s": 0.01, "max_backoff_s": 0.05, "timeout_s": 5.0, "allow_addresses": [site.place]}
        changed = {"train": f"data/train{suffix}", "test": f"data/test{suffix}", **quick, **changes}
        section = settings.crawl.model_copy(update=changed)
        runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
        recognition = settings.transcribe.model_copy(update={"when": transcribe})
        made = settings.model_copy(update={"crawl": section, "runtime": runtime, "transcribe": recognition})
        with bugs.recorded("crawl", paths.rejected("crawl")):
            crawl.run(made, each=each.Tally().of(each.local(runtime)))
        return tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()

    return run


def rejected() -> dict[str, str]:
    rows = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    return {row["item"]: row["reason"] for row in rows}


def reasons() -> set[str]:
    return set(rejected().values())


def test_fetches_sound_and_captions(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    rows = crawled([site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    assert [row["split"] for row in rows] == ["test", "train"]
    row = rows[1]
    flac, vtt = paths.MEDIA / row["audio"], paths.MEDIA / row["captions"]
    about = soundfile.info(flac)
    assert (about.samplerate, about.channels, about.subtype, about.frames) == (16_000, 1, "PCM_16", 24_000)
    assert row["duration_s"] == 1.5
    assert row["audio_sha256"] == hashlib.sha256(flac.read_bytes()).hexdigest()
    assert row["captions_sha256"] == hashlib.sha256(vtt.read_bytes()).hexdigest()
    assert vtt.name == f"{row['video_id']}.en.manual.vtt"
    assert row["title"] == "About one"
    assert rejected() == {}
    assert not list(paths.DOWNLOADS.glob("*"))


def test_second_run_fetches_nothing_and_writes_the_same_bytes(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    lists = [site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))]
    crawled(*lists)
    before, table = site.requests.total(), paths.VIDEOS.read_bytes()
    crawled(*lists, timeout_s=3.0, attempts=2)
    assert site.requests.total() == before
    assert paths.VIDEOS.read_bytes() == table


def test_videos_without_captions_are_kept_if_speech_is_recognised(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    french = '<track kind="captions" srclang="fr" src="/french.vtt">'
    train = [site.interview("one", sound(1.5)), site.interview("silent", sound(1.2), "")]
    test = [site.interview("two", sound(1.0)), site.interview("french", sound(1.1), french)]
    captioned = crawled(train, test)
    table = paths.VIDEOS.read_bytes()
    assert [row["title"] for row in captioned] == ["About two", "About one"]
    rows = {row["title"]: row for row in crawled(train, test, transcribe="missing")}
    for name in ("silent", "french"):
        row = rows.pop(f"About {name}")
        missing = ("captions", "captions_sha256", "caption_kind", "caption_format", "language")
        assert [row[column] for column in missing] == [None] * 5
        assert (paths.MEDIA / row["audio"]).is_file()
    assert list(rows.values()) == captioned
    assert (site.requests["/one.wav"], site.requests["/silent.wav"], site.requests["/french.vtt"]) == (1, 1, 0)
    requests = site.requests.total()
    crawled(train, test, transcribe="always")
    assert site.requests.total() == requests, "nothing is fetched again"
    crawled(train, test)
    assert paths.VIDEOS.read_bytes() == table
    assert reasons() == {"no captions"}
    assert (site.requests["/one.wav"], site.requests["/silent.wav"]) == (1, 1)


def test_when_it_was_fetched_is_logged_outside_the_data(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    crawled([site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    notes = [json.loads(line) for line in paths.CRAWL_LOG.read_text().splitlines()]
    assert len(notes) == 2
    assert all(note["fetched"].endswith("+00:00") for note in notes)


def test_a_lost_file_is_fetched_again_and_a_stray_one_deleted(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    lists = [site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))]
    rows = crawled(*lists)
    (paths.MEDIA / rows[0]["audio"]).unlink()
    (paths.MEDIA / "stray.flac").write_bytes(b"x")
    assert crawled(*lists) == rows
    assert site.requests["/two.wav"] == 2
    assert site.requests["/one.wav"] == 1
    assert sorted(path.name for path in paths.MEDIA.iterdir()) == sorted(
        name for row in rows for name in (row["audio"], row["captions"])
    )


def test_a_video_removed_from_the_list_is_deleted(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    one, two, three = (site.interview(name, sound(s)) for name, s in (("one", 1.5), ("two", 1.0), ("three", 1.2)))
    crawled([one, three], [two])
    crawled([one], [two])
    assert len(list(paths.MEDIA.glob("*.flac"))) == 2


def test_manual_captions_come_before_automatic_ones(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    automatic = '<track kind="captions" srclang="en-x-auto" src="/a.vtt">'
    manual = '<track kind="captions" srclang="en-GB" src="/one.vtt">'
    site.add("/a.vtt", b"WEBVTT\n", "text/vtt")
    rows = crawled(
        [site.interview("one", sound(1.5), automatic + manual)], [site.interview("two", sound(1.0), automatic)]
    )
    assert [(row["caption_kind"], row["language"]) for row in rows] == [("automatic", "en"), ("manual", "en-GB")]
    assert rows[0]["captions"].endswith(".en.automatic.vtt")


def test_permanent_failures_are_rejects_and_are_remembered(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None]
) -> None:
    site.answers["/private"] = lambda handler: respond(handler, 403)
    site.answers["/huge.wav"] = lambda handler: respond(
        handler, 200, b"RIFF", "audio/wav", {"Content-Length": "2000000000"}
    )
    urls = {
        site.url("/gone"): "not found",
        site.url("/private"): "removed or private",
        site.interview("silent", sound(1.0), ""): "no captions",
        site.interview("french", sound(1.0), '<track srclang="fr" src="/one.vtt">'): "no captions",
        site.add("/empty", "<html><body>no media here</body></html>"): "unsupported",
        site.interview("junk", b"\x00\x01" * 4000): "broken media",
        site.interview("zero", b""): "broken media",
        site.interview("long", sound(9.0)): "too long",
        site.interview("large", sound(1.0), media="/huge.wav"): "too large",
    }
    good = site.interview("one", sound(1.5))
    crawled([*urls, good], [site.interview("two", sound(1.0))], max_duration_s=8.0)
    assert sorted(rejected().values()) == sorted(urls.values())
    assert reasons() <= set(failures.REASONS)
    before = site.requests.copy()
    crawled(max_duration_s=8.0)
    again = site.requests - before
    assert set(again) == {"/private", "/watch/silent", "/watch/french"}, "only what may change is asked again"
    assert not list(paths.DOWNLOADS.glob("*"))


def test_live_streams_are_rejected(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    manifest = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4,\n7.ts\n"
    site.add("/live.m3u8", manifest, "application/vnd.apple.mpegurl")
    source = '{"src": "/live.m3u8", "type": "application/x-mpegurl"}'
    player = f'<video id="p"></video><script>var player = videojs("p"); player.src({source});</script>'
    page = f"<html><title>now</title><body>{player}</body></html>"
    crawled([site.add("/live", page), site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    assert reasons() == {"live"}


def live_page(site: Any, name: str) -> str:
    manifest = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4,\n/seg7.ts\n"
    return str(site.add(f"/watch/{name}", manifest, "application/x-mpegURL"))


def test_what_may_change_is_looked_at_again_in_the_next_run(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None]
) -> None:
    fresh, foreign = site.interview("fresh", sound(1.2), ""), site.interview("foreign", sound(1.3), "")
    expired = site.interview("expired", sound(1.4))
    site.answers["/expired.wav"] = lambda handler: respond(handler, 403)
    train = [site.interview("one", sound(1.5)), fresh, foreign, live_page(site, "stream"), expired]
    test = [site.interview("two", sound(1.0))]
    assert len(crawled(train, test, attempts=2)) == 2
    assert sorted(rejected().values()) == ["live", "no captions", "no captions", "unavailable for now"]
    assert site.requests["/watch/expired"] == 3, "listed once; each attempt reads the page again"
    site.interview("fresh", sound(1.2))
    site.interview("stream", sound(1.1))
    del site.answers["/expired.wav"]
    before = site.requests.copy()
    assert len(crawled(train, test)) == 5
    assert list(rejected().values()) == ["no captions"]
    assert (site.requests - before)["/one.wav"] == 0


def test_forced_what_failed_for_good_is_tried_again(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    lists = [site.interview("one", sound(1.5)), site.url("/watch/late")], [site.interview("two", sound(1.0))]
    crawled(*lists)
    assert list(rejected().values()) == ["not found"]
    site.interview("late", sound(1.2))
    before = site.requests.copy()
    assert len(crawled(*lists)) == 2
    assert site.requests == before
    assert crawl.forget_failures() >= 1
    assert len(crawled(*lists)) == 3
    assert site.requests["/one.wav"] == 1


def test_of_a_feed_a_broken_or_secret_address_is_rejected_alone(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    site.interview("one", sound(1.5))
    links = ["http://h:99999/x", f"http://me:secret@{site.place}/watch/one", site.url("/watch/one")]
    items = "".join(f"<item><title>x</title><link>{link}</link></item>" for link in links)
    feed = site.add("/feed", f"<rss><channel><title>feed</title>{items}</channel></rss>", "text/xml")
    assert len(crawled([feed], [site.interview("two", sound(1.0))])) == 2
    rows = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    assert [row["reason"] for row in rows] == ["invalid URL", "invalid URL"]
    assert "secret" not in str(rows)


def test_truncated_media_are_broken(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    whole = io.BytesIO()
    soundfile.write(whole, np.random.default_rng(1).integers(-999, 999, 160_000, np.int16), 16_000, format="FLAC")
    cut = whole.getvalue()[: len(whole.getvalue()) // 2]
    crawled([site.interview("cut", cut), site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    assert reasons() == {"broken media"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_retried(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None], status: int
) -> None:
    page, media = site.interview("one", sound(1.5)), site.pages["/one.wav"]

    def busy_at_first(path: str) -> Callable[[Any], None]:
        def answer(handler: Any) -> None:
            if site.requests[path] <= 1:
                respond(handler, status, headers={"Retry-After": "0"})
            else:
                respond(handler, 200, site.pages[path][1], site.pages[path][0])

        return answer

    site.answers["/watch/one"], site.answers["/one.wav"] = busy_at_first("/watch/one"), busy_at_first("/one.wav")
    rows = crawled([page], [site.interview("two", sound(1.0))])
    assert len(rows) == 2
    assert media[1]


def test_a_server_that_stays_busy_is_left_for_the_next_run(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None]
) -> None:
    page = site.interview("one", sound(1.5))
    site.answers["/one.wav"] = lambda handler: respond(handler, 503)
    lists = [page, site.interview("three", sound(1.2))], [site.interview("two", sound(1.0))]
    assert len(crawled(*lists, attempts=3)) == 2
    assert reasons() == {"unavailable for now"}
    assert site.requests["/one.wav"] == 3
    del site.answers["/one.wav"]
    assert len(crawled(*lists)) == 3
    assert rejected() == {}
    assert site.requests["/three.wav"] == 1


def test_a_server_that_requests_too_long_a_wait_is_not_retried(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None]
) -> None:
    page = site.interview("one", sound(1.5))
    site.answers["/one.wav"] = lambda handler: respond(handler, 429, headers={"Retry-After": "3600"})
    crawled([page, site.interview("three", sound(1.2))], [site.interview("two", sound(1.0))])
    assert site.requests["/one.wav"] == 1


def test_an_interrupted_transfer_is_resumed(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    page, whole = site.interview("one", sound(20.0)), sound(20.0)

    def break_off_once(handler: Any) -> None:
        if site.requests["/one.wav"] > 1:
            site._send(handler, "audio/wav", whole)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/wav")
        handler.send_header("Content-Length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[: len(whole) // 2])

    site.answers["/one.wav"] = break_off_once
    rows = crawled([page], [site.interview("two", sound(1.0))])
    assert rows[1]["duration_s"] == 20.0
    assert len(site.ranges) == 1
    assert int(site.ranges[0].removeprefix("bytes=").partition("-")[0]) > 100_000


def test_a_partial_file_of_another_video_is_not_resumed(
    crawled: Run, site: Any, sound: Callable[..., bytes], settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [site.interview("one", sound(5.0))], [site.interview("two", sound(1.0))]
    crawled(*lists)
    videos = {row["split"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    (paths.MEDIA / videos["train"]["audio"]).unlink()
    item = CrawlItem(videos["train"]["video_id"], "train", MediaAddress(lists[0][0]), settings.crawl)
    item.folder.mkdir(parents=True)
    for name in ("media-0-wav", "media-0-wav.part"):
        (item.folder / name).write_bytes(b"another file's first bytes")
    assert {row["split"]: row for row in crawled(*lists)} == videos


def test_stopped_in_the_middle_and_run_again(
    crawled: Run, site: Any, sound: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("one", "three", "five")
    train = [site.interview(name, sound(1.2 + number / 8)) for number, name in enumerate(names)]
    lists = train, [site.interview("two", sound(1.0))]
    real, calls = decode.to_flac, []

    def stop_at_third(*arguments: Any, **options: Any) -> float:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(decode, "to_flac", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        crawled(*lists)
    assert not paths.VIDEOS.exists()
    rows = crawled(*lists)
    assert len(rows) == 4
    assert all(site.requests[f"/{name}.wav"] == 1 for name in (*names, "two")), "the finished download is used, too"


def test_a_full_disk_stops_the_stage_and_loses_nothing(
    crawled: Run, site: Any, sound: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = (
        [site.interview("one", sound(1.5)), site.interview("three", sound(1.2))],
        [site.interview("two", sound(1.0))],
    )
    real, calls = decode.to_flac, []

    def full_at_second(*arguments: Any, **options: Any) -> float:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[1]))
        return real(*arguments, **options)

    monkeypatch.setattr(decode, "to_flac", full_at_second)
    with pytest.raises(OSError, match="No space left") as caught:
        crawled(*lists)
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in paths.DOWNLOADS.glob("*/*")] == ["fetched.json"], "no half file takes up space"
    assert not list(paths.MEDIA.glob(".*"))
    before = site.requests.copy()
    assert len(crawled(*lists)) == 3
    assert (site.requests - before).keys() & {"/one.wav", "/two.wav", "/three.wav"} != {
        "/one.wav",
        "/two.wav",
        "/three.wav",
    }, "what was finished before is kept"


@pytest.mark.parametrize("step", ["list_videos", "fetch"])
def test_a_bug_costs_one_page_and_its_last_row_stays(
    crawled: Run, site: Any, sound: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    lists = [site.interview("one", sound(1.5)), site.interview("two", sound(1.2))], [site.interview("three", sound())]
    crawled([lists[0][0]], lists[1])
    complete, before = paths.VIDEOS.read_bytes(), site.requests.copy()
    real = getattr(client, step)

    def with_bug(address: Any, *arguments: Any, **options: Any) -> Any:
        if address.url.endswith("/one"):
            raise KeyError("formats")
        return real(address, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(client, step, with_bug)
        shutil.rmtree(paths.MEMO)
        for path in paths.MEDIA.glob("train-*one*"):
            path.unlink()
        lists[0].append("http://127.0.0.1:9/closed")
        with pytest.raises(ItemsFailed, match=r"one[^:]*: KeyError: 'formats'\n1 of \d items of crawl"):
            crawled(*lists)
    assert paths.VIDEOS.read_bytes() == complete
    assert sorted(rejected().values()) == ["address refused", "bug"]
    assert (site.requests - before)["/two.wav"] == 1
    assert len(crawled(*lists)) == 3
    assert site.requests["/two.wav"] == 1, "the other videos are cached"


def test_no_network_is_one_clear_message_and_changes_nothing(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    crawled([site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    before = {path: path.read_bytes() for path in paths.CRAWL.rglob("*") if path.is_file()}
    with pytest.raises(NotEnoughData, match="connection refused") as caught:
        crawled(["http://127.0.0.1:9/a"], ["http://127.0.0.1:9/b"], allow_addresses=["127.0.0.1:9"])
    assert "undertone site" in str(caught.value)
    assert {path: path.read_bytes() for path in paths.CRAWL.rglob("*") if path.is_file()} == before


def test_private_addresses_are_refused_until_they_are_allowed(
    crawled: Run, site: Any, sound: Callable[..., bytes]
) -> None:
    lists = [site.interview("one", sound(1.5)), "http://169.254.169.254/latest"], [site.interview("two", sound(1.0))]
    with pytest.raises(NotEnoughData, match="address refused"):
        crawled(*lists, allow_addresses=[])
    assert site.requests.total() == 0
    assert len(crawled(*lists)) == 2
    assert reasons() == {"address refused"}


def test_a_redirect_to_a_private_address_is_refused(
    crawled: Run, site: Any, sound: Callable[..., bytes], respond: Callable[..., None]
) -> None:
    site.answers["/away"] = lambda handler: respond(handler, 302, headers={"Location": "http://127.0.0.1:9/inside"})
    crawled([site.url("/away"), site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    assert reasons() == {"address refused"}


@pytest.mark.parametrize("part", ["media", "captions"])
def test_media_and_captions_at_a_private_address_are_refused(
    crawled: Run, site: Any, sound: Callable[..., bytes], part: str
) -> None:
    inside = "http://127.0.0.1:9/inside"
    page = (
        site.interview("bad", sound(1.0), media=f"{inside}.wav")
        if part == "media"
        else site.interview("bad", sound(1.0), f'<track srclang="en" src="{inside}.vtt">')
    )
    crawled([page, site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))])
    assert reasons() == {"address refused"}


def test_a_page_with_several_videos_is_expanded(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    players = "".join(
        f'<video><source src="/{name}.wav" type="audio/wav"><track srclang="en" src="/{name}.vtt"></video>'
        for name in ("one", "three")
    )
    site.interview("one", sound(1.5))
    site.interview("three", sound(1.2))
    page = site.add("/playlist", f"<html><title>Many</title><body>{players}</body></html>")
    rows = crawled([page], [site.interview("two", sound(1.0))])
    assert [row["duration_s"] for row in rows if row["split"] == "train"] == [1.5, 1.2]
    assert len({row["video_id"] for row in rows}) == 3


def test_a_feed_is_expanded_in_each_run(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    def feed(*names: str) -> str:
        items = "".join(f"<item><title>{n}</title><link>{site.url(f'/watch/{n}')}</link></item>" for n in names)
        return site.add("/feed", f"<rss><channel><title>feed</title>{items}</channel></rss>", "text/xml")

    for name, duration_s in (("one", 1.5), ("three", 1.2)):
        site.interview(name, sound(duration_s))
    test = site.interview("two", sound(1.0))
    assert len(crawled([feed("one")], [test])) == 2
    assert len(crawled([feed("one", "three")], [test])) == 3
    assert site.requests["/one.wav"] == 1


def test_removed_videos_do_not_come_back(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    for name, duration_s in (("one", 1.5), ("three", 1.2), ("four", 1.1)):
        site.interview(name, sound(duration_s))
    items = "".join(f"<item><title>{n}</title><link>{site.url(f'/watch/{n}')}</link></item>" for n in ("one", "three"))
    feed = site.add("/feed", f"<rss><channel><title>feed</title>{items}</channel></rss>", "text/xml")
    Path("data").mkdir()
    ledger = Ledger().with_removed(
        "video", [ListEntry("", "", site.url(f"/watch/{n}"), "").video for n in ("three", "four")]
    )
    forgotten.write(ledger)
    rows = crawled([feed, site.url("/watch/four")], [site.interview("two", sound(1.0))])
    assert [row["title"] for row in rows] == ["About two", "About one"]
    assert reasons() == {"forgotten"}
    assert len(rejected()) == 2
    assert (site.requests["/three.wav"], site.requests["/watch/four"]) == (0, 0)
    # neither the table of rejects nor the cache names them
    content = paths.rejected("crawl").read_bytes() + b"".join(entry.path.read_bytes() for entry in memo.entries())
    assert b"/watch/three" not in content
    table = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    assert not any("watch" in str(cell) for row in table for cell in row.values())
    assert any("data/train.txt, row 2: removed on request on" in row["detail"] for row in table)


def test_the_same_video_twice_in_a_list_is_fetched_once(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    page = site.interview("one", sound(1.5))
    assert len(crawled([page, f"{page}#again"], [site.interview("two", sound(1.0))])) == 2
    assert reasons() == {"listed twice"}


def test_a_video_in_both_lists_is_an_error_that_names_it(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    page = site.interview("one", sound(1.5))
    with pytest.raises(InputError, match=r"train.txt, row 1 and data/test.txt, row 2: .*/watch/one"):
        crawled([page], [site.interview("two", sound(1.0)), page])
    assert site.requests.total() == 0


def test_the_same_sound_in_both_lists_is_an_error(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    with pytest.raises(InputError, match="the same video"):
        crawled([site.interview("one", sound(1.5))], [site.interview("mirror", sound(1.5))])
    assert not paths.VIDEOS.exists()


def test_youtube_needs_a_javascript_runtime(crawled: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"JavaScript runtime.*deno\.com"):
        crawled(["https://youtu.be/xoUZD1UH_uY"], ["https://www.youtube.com/watch?v=Sx8kUBBjzQY"])


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(
    crawled: Run, site: Any, sound: Callable[..., bytes], settings: config.Config
) -> None:
    lists = (
        [site.interview("one", sound(1.5)), site.interview("three", sound(1.2))],
        [site.interview("two", sound(1.0))],
    )
    crawled(*lists)
    before = {path: path.read_bytes() for path in sorted(paths.CRAWL.rglob("*")) if path.is_file()}
    for path in before:
        path.unlink()
    runtime = settings.runtime.model_copy(update={"workers": 2, "progress": "never"})
    changes = {"train": "data/train.txt", "test": "data/test.txt", "allow_addresses": [site.place]}
    section = settings.crawl.model_copy(update=changes)
    crawl.run(settings.model_copy(update={"crawl": section, "runtime": runtime}), each=each.local(runtime))
    assert {path: path.read_bytes() for path in sorted(paths.CRAWL.rglob("*")) if path.is_file()} == before


def test_killed_after_a_download_and_before_it_is_remembered(
    crawled: Run, site: Any, sound: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))]

    def killed(place: Path, result: results.Result) -> None:
        if result.rows.schema.names == tables.VIDEOS.names:
            raise KeyboardInterrupt
        remember(place, result)

    remember = memo.remember
    with monkeypatch.context() as patch:
        patch.setattr(memo, "remember", killed)
        with pytest.raises(KeyboardInterrupt):
            crawled(*lists)
    assert [row["video_id"].split("-")[1] for row in crawled(*lists)] == ["two", "one"]
    assert (site.requests["/one.wav"], site.requests["/two.wav"]) == (1, 1)
    assert not list(paths.DOWNLOADS.glob("*"))


def test_without_the_memo_the_table_is_enough(crawled: Run, site: Any, sound: Callable[..., bytes]) -> None:
    lists = [site.interview("one", sound(1.5))], [site.interview("two", sound(1.0))]
    rows = crawled(*lists)
    shutil.rmtree(paths.MEMO)
    assert crawled(*lists) == rows
    assert (site.requests["/one.wav"], site.requests["/two.wav"]) == (1, 1)
    shutil.rmtree(paths.MEMO)
    crawled(*lists, languages=["en", "de"])
    assert (site.requests["/one.wav"], site.requests["/two.wav"]) == (2, 2), "other settings may bring other captions"
    shutil.rmtree(paths.MEMO)
    (paths.MEDIA / rows[0]["audio"]).write_bytes(b"damaged")
    crawled(*lists, languages=["en", "de"])
    assert site.requests["/two.wav"] == 3


def list_files(folder: Path, train: list[str], test: list[str]) -> None:
    for split, names in (("train", train), ("test", test)):
        rows = "".join(f'"{folder / name}"\n' for name in names)
        Path(f"data/{split}.csv").parent.mkdir(exist_ok=True)
        Path(f"data/{split}.csv").write_text(f"File\n{rows}")


def test_recordings_on_disk_need_no_server(
    crawled: Run, site: Any, wav: Callable[..., Path], settings: config.Config
) -> None:
    folder = wav(1.5, name="An interview – Ana Pérez [x].wav").parent
    wav(1.0, name="Second talk.wav")
    for name in ("An interview – Ana Pérez [x].en.vtt", "Second talk.en-orig.vtt"):
        (folder / name).write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello there\n")
    list_files(folder, ["An interview – Ana Pérez [x].wav"], ["Second talk.wav", "third.wav"])
    rows = crawled(suffix=".csv")
    assert [(row["title"], row["duration_s"], row["caption_kind"]) for row in rows] == [
        ("Second talk", 1.0, "automatic"),
        ("An interview – Ana Pérez [x]", 1.5, "manual"),
    ]
    assert rejected() == {"test-third": "no such file"}
    assert not site.requests
    table = paths.VIDEOS.read_bytes()
    crawled(suffix=".csv")
    assert paths.VIDEOS.read_bytes() == table


def test_changed_captions_of_a_recording_are_read_again(crawled: Run, site: Any, wav: Callable[..., Path]) -> None:
    folder = wav(1.5, name="a.wav").parent
    wav(1.0, name="b.wav")
    list_files(folder, ["a.wav"], ["b.wav"])
    with pytest.raises(NotEnoughData, match="no captions"):
        crawled(suffix=".csv")
    for name in ("a.vtt", "b.vtt"):
        (folder / name).write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello there\n")
    first = crawled(suffix=".csv")
    (folder / "b.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\ngood bye\n")
    second = crawled(suffix=".csv")
    assert first[0]["captions_sha256"] != second[0]["captions_sha256"]
    assert first[1] == second[1]
    assert (paths.MEDIA / second[0]["captions"]).read_text().endswith("good bye\n")


def test_a_broken_recording_is_rejected_and_stays_where_it_is(
    crawled: Run, site: Any, wav: Callable[..., Path]
) -> None:
    folder = wav(1.5, name="a.wav").parent
    (folder / "b.wav").write_bytes(b"RIFF no sound")
    for name in ("a.vtt", "b.vtt"):
        (folder / name).write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello there\n")
    list_files(folder, ["a.wav"], ["b.wav"])
    crawled(suffix=".csv")
    assert rejected() == {"test-b": "broken media"}
    assert (folder / "b.wav").is_file()
