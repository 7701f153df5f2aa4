"""Interviews on several hosts of this machine, with latency, and lists of them for the crawl."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import crawled_projects
from bench.commands import ROOT
from tasks.core import config
from tasks.simulate import site
from tasks.simulate.sample import sample
from tasks.simulate.traffic import Traffic


@dataclass(frozen=True)
class HostedInterview:
    """An interview on one of the hosts; `language` is that of the captions that the crawl prefers."""

    id: str
    split: str
    url: str
    language: str


@dataclass(frozen=True)
class Hosts:
    """Sites on loopback, `host:port` each, with the interviews dealt to them in turn, and the log of all requests."""

    places: tuple[str, ...]
    interviews: tuple[HostedInterview, ...]
    traffic: Traffic

    def write_lists(self, folder: Path) -> None:
        """Write `train.csv` and `test.csv` into a project's data.

        Args:
            folder: the project
        """
        for split in ("train", "test"):
            with (folder / "data" / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                rows = ((interview.id, interview.url) for interview in self.interviews if interview.split == split)
                csv.writer(file).writerows([("Id", "URL"), *rows])


@contextmanager
def served(folder: Path, n_interviews: int, n_hosts: int, latency_s: float) -> Iterator[Hosts]:
    """Serve interviews from threads of this process while the context lasts.

    Args:
        folder: where the sound is kept for later calls
        n_interviews: number of interviews
        n_hosts: number of hosts: 127.0.0.1, 127.0.0.2 …
        latency_s: time from a request to the first byte of its response
    """
    settings = config.load(ROOT / "params.yaml").simulate
    planned = crawled_projects.plan(settings, n_interviews)
    pages = _ready(site_pages := sample(_sized(settings, n_interviews), folder / "site"))
    entries = {entry.id: entry for entry in site_pages.entries}
    traffic = Traffic(latency_s)
    with ExitStack() as stack:
        urls = [
            stack.enter_context(site.serve(pages, host=f"127.0.0.{number}", through=traffic.through))
            for number in range(1, n_hosts + 1)
        ]
        interviews = tuple(
            HostedInterview(
                interview.id,
                interview.split,
                urls[number % n_hosts] + entries[interview.id].path,
                "en" + site.AUTOMATIC if interview.captions == "automatic vtt" else "en",
            )
            for number, interview in enumerate(planned)
        )
        yield Hosts(tuple(url.removeprefix("http://") for url in urls), interviews, traffic)


def _sized(settings: config.Simulate, n_interviews: int) -> config.Simulate:
    n_test = n_interviews // crawled_projects.TEST_EVERY
    return settings.model_copy(update={"train": n_interviews - n_test, "test": n_test})


def _ready(pages: site.Pages) -> site.Pages:
    """Make all files; pages that are busy at first are not."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda file: file.path(), (r for r in pages.resources.values() if isinstance(r, site.File))))
    resources = {
        path: resource.then if isinstance(resource, site.BusyOnce) else resource
        for path, resource in pages.resources.items()
    }
    return site.Pages(pages.entries, resources)
