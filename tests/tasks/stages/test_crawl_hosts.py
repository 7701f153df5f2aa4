"""The crawl of several hosts: they are served at the same time, each under its limit, and results are the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tasks.core import config, each, paths, tables
from tasks.simulate import site
from tasks.simulate.site import Pages, PageTrack, SiteEntry
from tasks.simulate.traffic import LoggedRequest, Traffic, most_at_once
from tasks.stages import crawl

CAPTIONS = site.Text(b"WEBVTT\n\n00:00.000 --> 00:02.000\nhello there, this is wonderful\n", "text/vtt")
LATENCY_S = 0.5
Wav = Callable[..., Path]
Lists = dict[str, list[str]]


def pages(wav: Wav, number: int, n_interviews: int, busy_s: int) -> Pages:
    """A site of interviews with different sounds. The last is held out; the first may be busy at first."""
    resources: dict[str, site.Resource] = {}
    names = [str(position) for position in range(1, n_interviews + 1)]
    for name in names:
        track = PageTrack(f"/{name}.vtt", "en", automatic=False)
        page = site.watch_page(f"Interview {name}", f"/{name}.wav", "audio/wav", [track])
        resources[f"/watch/{name}"] = site.BusyOnce(page, busy_s) if busy_s and name == "1" else page
        sound = wav(1.0 + number / 10 + int(name) / 100, 16_000).read_bytes()
        resources[f"/{name}.wav"] = site.Text(sound, "audio/wav")
        resources[f"/{name}.vtt"] = CAPTIONS
    entries = (SiteEntry(name, "", "test" if name == names[-1] else "train", f"/watch/{name}") for name in names)
    return Pages(tuple(entries), resources)


@contextmanager
def served(wav: Wav, sizes: Sequence[int], traffic: Traffic, busy_s: int = 0) -> Iterator[Lists]:
    """Serve sites of these sizes, each on a host of its own; yield the lists' URLs."""
    with ExitStack() as stack:
        lists: Lists = {"train": [], "test": []}
        for number, size in enumerate(sizes, 1):
            shown = pages(wav, number, size, busy_s)
            url = stack.enter_context(site.serve(shown, host=f"127.0.0.{number}", through=traffic.through))
            for entry in shown.entries:
                lists[entry.split].append(url + entry.path)
        yield lists


def places(lists: Lists) -> list[str]:
    return sorted({urlsplit(url).netloc for urls in lists.values() for url in urls})


def run(lists: Lists, settings: config.Config, *, per_host: int, workers: int = 2, **changes: float) -> None:
    """Crawl all interviews of the sites."""
    Path("data").mkdir(exist_ok=True)
    for split, urls in lists.items():
        Path(f"data/{split}.txt").write_text("\n".join(urls))
    files = {"train": "data/train.txt", "test": "data/test.txt", "allow_addresses": places(lists)}
    runtime = settings.runtime.model_copy(update={"workers": workers, "per_host": per_host, "progress": "never"})
    section = settings.crawl.model_copy(update={**files, **changes})
    crawl.run(settings.model_copy(update={"crawl": section, "runtime": runtime}), each=each.local(runtime))


def test_hosts_are_fetched_from_at_the_same_time_each_under_its_limit(
    project: Path, settings: config.Config, wav: Wav
) -> None:
    traffic = Traffic(LATENCY_S)
    # the large one is left for more processes than may fetch from it
    with served(wav, [7, 2, 2, 2], traffic) as lists:
        run(lists, settings, per_host=2)
        table, rejected = paths.VIDEOS.read_bytes(), paths.rejected("crawl").read_bytes()
        by_host = {place: traffic.most_at_once(place) for place in places(lists)}
        # more than one host's share, and more than two worker processes would fetch
        assert traffic.most_at_once() > 3, by_host
        assert max(by_host.values()) == 2, by_host
        assert [len(tables.read(paths.VIDEOS, tables.VIDEOS)), len(traffic.requests)] == [13, 52]
        shutil.rmtree(paths.CRAWL)
        shutil.rmtree(paths.STATE)
        traffic.requests.clear()
        traffic.latency_s = 0.0
        run(lists, settings, per_host=2, workers=1)
    assert traffic.most_at_once() == 1
    assert (paths.VIDEOS.read_bytes(), paths.rejected("crawl").read_bytes()) == (table, rejected)


def test_a_busy_host_is_left_alone_by_all_processes(project: Path, settings: config.Config, wav: Wav) -> None:
    traffic = Traffic(LATENCY_S)
    with served(wav, [9], traffic, busy_s=5) as lists:
        run(lists, settings, per_host=3, backoff_s=0.01, max_backoff_s=6.0)
    busy = next(request for request in traffic.requests if request.path == "/watch/1")
    assert busy.ended_s
    after_s = [request.began_s - busy.ended_s for request in traffic.requests]
    # two other fetches may be in progress when the first is refused
    assert [time_s for time_s in after_s if LATENCY_S < time_s < 4.9] == []
    assert sum(time_s > 4.9 for time_s in after_s) >= 27
    assert len(tables.read(paths.VIDEOS, tables.VIDEOS)) == 9


@pytest.mark.parametrize(
    ("spans", "expected"), [([], 0), ([(0, 1), (1, 2)], 1), ([(0, 3), (1, 2), (1.5, None), (4, 5)], 3)]
)
def test_requests_in_progress_at_the_same_time(spans: list[tuple[float, float | None]], expected: int) -> None:
    assert most_at_once([LoggedRequest("a", "/", *span) for span in spans]) == expected
