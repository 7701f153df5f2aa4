"""Expansion of the crawl lists: pages with several videos are replaced by these, removed videos are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from tasks.core import forgotten, tables
from tasks.core.config import Crawl, Section
from tasks.core.each import Each, Work
from tasks.core.forgotten import Ledger
from tasks.core.results import Reject, Result
from tasks.fetching import client, crawl_items, failures, identity, lists, local_files
from tasks.fetching.crawl_items import CrawlItem

LISTED = pa.schema([("url", pa.string()), ("position", pa.int64()), ("id", pa.string())])
"""A row per video of a playlist, channel or page with several videos; none if an entry is a single video."""

# increase it when the same page gives another result; it replaces the code digest in the cache key
_VERSION = "1"
Video = TypeVar("Video")


def list_one(entry: CrawlItem, _: Section) -> Result:
    """Resolve a list's entry to its videos.

    Args:
        entry: a page
    """
    videos = client.list_videos(entry.address, entry.access)
    rows = [
        {"url": video.address.url, "position": video.address.position, "id": video.id}
        for video in videos
        if not video.problem
    ]
    rejects = [
        Reject(identity.safe_id(entry.id, video.id), failures.INVALID_URL, video.problem)
        for video in videos
        if video.problem
    ]
    # before the rows are cached: the cache, too, must not name a removed video
    rows, removed = _without_forgotten(
        rows, lambda row: [_listed(row)], lambda row: f"listed by {entry.id}", entry.ledger
    )
    rejects += removed
    return Result(tables.from_rows(rows, LISTED), tuple(rejects))


def expanded_lists(
    entries: Sequence[lists.ListEntry], settings: Crawl, each: Each, ledger: Ledger
) -> tuple[list[lists.ListEntry], list[Reject]]:
    """Replace entries that have several videos by these; leave out those that cannot be resolved.

    Args:
        entries: of both lists
        settings: of the crawl
        each: runs a piece of work on items
        ledger: of removed videos

    Returns:
        the videos in the lists' order, and the rejected pages
    """
    unresolved = [entry for entry in entries if not entry.is_file and identity.youtube_id(entry.url) is None]
    # playlists grow, so they are resolved in each run; a single video remains a single video
    # a playlist that cannot be read because of a bug costs none of the other videos
    work = Work(
        "crawl",
        list_one,
        Section(),
        LISTED,
        _VERSION,
        verify=_is_single,
        host=crawl_items.host,
        fails_later=True,
        imported=crawl_items.IMPORTED,
    )
    # a dict keeps the order of the lists
    expanded, rejects = {entry: [entry] for entry in entries}, list[Reject]()
    pages = [replace(crawl_items.of_entry(entry, settings), ledger=ledger) for entry in unresolved]
    for entry, outcome in zip(unresolved, each(work, pages), strict=True):
        result = outcome.result()
        rejects.extend(result.rejects)
        if result.rejects or result.rows.num_rows:
            expanded[entry] = [_child(entry, row) for row in result.rows.to_pylist()]
    return [video for group in expanded.values() for video in group], rejects


def without_forgotten(entries: Sequence[lists.ListEntry], ledger: Ledger) -> tuple[list[lists.ListEntry], list[Reject]]:
    """Leave out entries that were removed at a person's request.

    Args:
        entries: of both lists
        ledger: of removed videos
    """
    return _without_forgotten(entries, _identities, lambda entry: entry.where, ledger)


def _child(entry: lists.ListEntry, row: dict[str, Any]) -> lists.ListEntry:
    where = f"{entry.where} ({row['id']})"
    return replace(
        entry, id=identity.safe_id(entry.id, row["id"]), url=row["url"], position=row["position"], where=where
    )


def _is_single(entry: CrawlItem, cached: Result) -> bool:
    is_list = cached.rows.num_rows > 0 or any(reject.id != entry.id for reject in cached.rejects)
    return not is_list and not crawl_items.is_retried(cached)


def _identities(entry: lists.ListEntry) -> list[str]:
    """Return the names under which a list entry may have been removed: its address, and a file's content."""
    digests = local_files.fingerprint(Path(entry.url)) if entry.is_file else []
    return [entry.video, *(f"sha256:{digest}" for digest in digests[:1])]


def _listed(row: Mapping[str, Any]) -> str:
    return lists.ListEntry("", "", row["url"], "", row["position"] or 0).video


def _without_forgotten(
    videos: Sequence[Video],
    names: Callable[[Video], Sequence[str]],
    where: Callable[[Video], str],
    ledger: Ledger,
) -> tuple[list[Video], list[Reject]]:
    """Leave out videos that were removed at a person's request; the rejects do not name them."""
    kept, rejects = list[Video](), list[Reject]()
    for video in videos if ledger.removed else ():
        days = [(name, day) for name in names(video) if (day := ledger.day(forgotten.VIDEO, name))]
        if days:
            name, day = days[0]
            detail = f"{where(video)}: removed on request on {day} ({forgotten.LEDGER})"
            rejects.append(Reject(ledger.mark(forgotten.VIDEO, name), failures.FORGOTTEN, detail))
        else:
            kept.append(video)
    return (kept if ledger.removed else list(videos)), rejects
