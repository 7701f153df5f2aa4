"""Check which videos of the lists still exist: pages are read as the crawl reads them, media are not fetched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from tasks.core import tables
from tasks.core.config import Config, Crawl, Section
from tasks.core.each import Each, Work, collect
from tasks.core.errors import InputError, Rejected, Transient
from tasks.core.results import Result
from tasks.fetching import client, crawl_items, failures, lists
from tasks.fetching.description import MediaAddress
from tasks.fetching.lists import ListEntry

EXISTS, GONE, PRIVATE, BLOCKED, UNKNOWN = STATES = ("exists", "gone", "private", "blocked here", "unknown")
"""`private`: removed by its owner, private, or with a login; `unknown`: it could not be found out, such as when a host
does not answer."""
CHECKED = pa.schema([(name, pa.string()) for name in ("split", "id", "url", "state", "detail", "row")])
"""One row per entry of the lists."""
_STATE_OF = {
    failures.NOT_FOUND: GONE,
    failures.NO_FILE: GONE,
    failures.REMOVED: PRIVATE,
    failures.LOGIN: PRIVATE,
    failures.BLOCKED: BLOCKED,
    # what the crawl cannot use may exist all the same
    failures.LIVE: EXISTS,
    failures.NO_FORMAT: EXISTS,
    failures.TOO_LARGE: EXISTS,
}


@dataclass(frozen=True)
class ListedPage:
    """An entry of a list, and how to reach its page."""

    entry: ListEntry
    access: Crawl

    @property
    def id(self) -> str:
        """Its name in messages."""
        return f"{self.entry.split}-{self.entry.id}"

    @property
    def content(self) -> str:
        """Its address."""
        return self.entry.url


def check_one(page: ListedPage, _: Section) -> Result:
    """Find out whether a page exists.

    Args:
        page: an entry of a list

    Returns:
        one row of schema `CHECKED`
    """
    state, detail = _state(page)
    entry = page.entry
    row = {"split": entry.split, "id": entry.id, "url": entry.url, "state": state, "detail": detail, "row": entry.where}
    return Result(tables.from_rows([row], CHECKED))


def check(config: Config, each: Each) -> list[dict[str, Any]]:
    """Check all entries of both lists.

    Args:
        config: all settings
        each: maps entries

    Returns:
        rows of `CHECKED`, in the order of the lists

    Raises:
        ConfigError: if the crawl's settings cannot be used
        InputError: if a list is malformed
    """
    client.check(config.crawl)
    entries = [*lists.read(Path(config.crawl.train), "train"), *lists.read(Path(config.crawl.test), "test")]
    pages = [ListedPage(entry, config.crawl) for entry in entries]
    rows: list[dict[str, Any]] = collect(each(work(), pages), CHECKED).rows.to_pylist()
    return rows


def work() -> Work:
    """Return the work on each entry; its results are not reused, since a page may be gone a minute later."""
    return Work("lists", check_one, Section(), CHECKED, verify=_is_reused, host=_host, imported=crawl_items.IMPORTED)


def counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Return the number of entries in each state.

    Args:
        rows: from `check`
    """
    counted = Counter(row["state"] for row in rows)
    return {state: counted[state] for state in STATES if counted[state]}


def write(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the rows as CSV or JSON.

    Args:
        rows: from `check`
        path: ending in .csv or .json

    Raises:
        InputError: if it has another ending
    """
    if path.suffix.lower() == ".json":
        tables.write_text(path, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    elif path.suffix.lower() == ".csv":
        tables.write_csv(path, rows)
    else:
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected .csv or .json")


def _is_reused(page: ListedPage, cached: Result) -> bool:
    # a module-level function: work is sent to other processes
    return False


def _host(page: ListedPage) -> str:
    return urlsplit(page.entry.url).hostname or ""


def _state(page: ListedPage) -> tuple[str, str]:
    if page.entry.is_file:
        return (EXISTS, "") if Path(page.entry.url).is_file() else (GONE, "no such file")
    try:
        listed = client.list_videos(MediaAddress(page.entry.url, page.entry.position), page.access)
    except Transient as error:
        return UNKNOWN, str(error)
    except Rejected as error:
        return _STATE_OF.get(error.reason, UNKNOWN), str(error)
    return EXISTS, f"a list of {len(listed)} videos" if listed else ""
