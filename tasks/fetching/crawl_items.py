"""Item of the crawl: an entry of a list to resolve, or a video to fetch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tasks.core import paths
from tasks.core.code_version import PACKAGE
from tasks.core.config import Crawl
from tasks.core.forgotten import Ledger
from tasks.core.results import Result
from tasks.fetching import failures, lists, local_files
from tasks.fetching.description import MediaAddress

IMPORTED = (f"{PACKAGE}.fetching.imported", f"{PACKAGE}.stages.crawl")
"""Modules that processes which fetch are forked with."""


@dataclass(frozen=True)
class CrawlItem:
    """An entry to resolve, or a video to fetch; `access` (proxy, retries …) does not affect the fetched bytes.

    Of a file on disk, the address is its path, and `files` are the digests of the media file and its captions. Whether
    captions are needed decides whether a video is kept, and changes no byte of it: it is not part of `content`. Neither
    is the ledger of removed videos, which removes some of a playlist's.
    """

    id: str
    split: str
    address: MediaAddress
    access: Crawl
    title: str = ""
    files: tuple[str, ...] | None = None
    captions_needed: bool = True
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def content(self) -> str:
        """The page's URL, and the position on it; of a file also its title and digests."""
        if self.files is not None:
            return json.dumps([self.address.url, self.title, *self.files])
        return json.dumps([self.address.url, self.address.position])

    @property
    def folder(self) -> Path:
        """Folder of its partial downloads; the address is part of the name, so that two videos never mix."""
        return paths.DOWNLOADS / f"{self.id}-{hashlib.sha256(self.content.encode()).hexdigest()[:12]}"


def reject_id(entry: lists.ListEntry) -> str:
    """Return the id of a list's entry in tables and in the table of rejects.

    Args:
        entry: of a list
    """
    return f"{entry.split}-{entry.id}"


def of_entry(entry: lists.ListEntry, settings: Crawl, captions_needed: bool = True) -> CrawlItem:
    """Return the item of a list's entry; a file's has the digests of its content.

    Args:
        entry: of a list
        settings: of the crawl
        captions_needed: whether a video without captions is rejected
    """
    if entry.is_file:
        digests = tuple(local_files.fingerprint(Path(entry.url)))
        address = MediaAddress(entry.url)
        return CrawlItem(reject_id(entry), entry.split, address, settings, entry.title, digests, captions_needed)
    address = MediaAddress(entry.url, entry.position)
    return CrawlItem(reject_id(entry), entry.split, address, settings, captions_needed=captions_needed)


def host(video: CrawlItem) -> str:
    """Return the host that an item is fetched from, empty for a file.

    Args:
        video: the item
    """
    return urlsplit(video.address.url).hostname or ""


def is_retried(cached: Result) -> bool:
    """Return whether a result is a rejection that the next run tries again.

    Args:
        cached: the result of an item
    """
    return any(reject.reason in failures.RETRIED for reject in cached.rejects)
