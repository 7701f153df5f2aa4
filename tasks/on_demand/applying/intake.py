"""New media: files, folders, URLs and lists of them; each is decoded once, with the captions that belong to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.core.config import Config
from tasks.core.errors import AudioError, InputError, Rejected
from tasks.fetching import client, description, identity, local_files
from tasks.fetching.description import MediaAddress
from tasks.media.decode import to_flac
from tasks.on_demand import result_names

STDIN = "-"
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAX_LINE = 4096


@dataclass(frozen=True)
class Source:
    """A file or URL; `problem`: why no model can be applied to it; `is_skipped`: another file stands for it."""

    text: str
    problem: str = ""
    is_skipped: bool = False


@dataclass(frozen=True)
class Medium:
    """A decoded medium.

    Args:
        source: as given by the user
        name: for the names of results
        media: the file itself
        flac: its sound at 16 kHz
        duration_s: of the sound
        captions: its caption file, if there is one
        language: of the captions, as their name or the page states it; "": unknown
        digests: SHA-256 of the file and of the decoded sound
    """

    source: str
    name: str
    media: Path
    flac: Path
    duration_s: float
    captions: Path | None
    digests: tuple[str, ...]
    language: str = ""


def sources(arguments: Iterable[str], lines: Iterable[str]) -> Iterator[Source]:
    """Yield every source once: a folder stands for the media in it, `-` for the lines of standard input.

    Args:
        arguments: files, folders, URLs, `-`
        lines: of standard input, one source each; empty ones and those that begin with # are ignored
    """
    seen = set[str]()
    for argument in arguments:
        entries = _listed(lines) if argument == STDIN else [argument]
        for source in (source for entry in entries for source in _of_entry(entry)):
            key = key_of(source.text)
            if key not in seen or source.problem:
                seen.add(key)
                yield source


def obtain(source: str, captions: Path | None, folder: Path, config: Config) -> Medium:
    """Fetch or open a medium, find its captions, and decode its sound.

    Args:
        source: file or http(s) URL
        captions: its captions; None: the best ones beside the file or on the page
        folder: for what is fetched and decoded
        config: all settings; a URL is fetched by the rules of the crawl

    Raises:
        InputError: if it cannot be fetched, is no media file, has no sound, or is longer than `crawl.max_duration_s`
    """
    if _ADDRESS.match(source):
        name, media, beside, language = _fetched(source, folder, config)
    else:
        media = Path(source)
        if not media.is_file():
            raise InputError(f"{source}: there is no such file; expected a media file, a folder or an http(s) URL")
        name, (beside, language) = result_names.readable(media.stem), _beside(media, config)
    flac = folder / "sound.flac"
    try:
        duration_s = to_flac(media, flac, max_duration_s=config.crawl.max_duration_s)
    except AudioError as error:
        raise InputError(f"{source}: {error}") from None
    digests = tuple(_digest(path) for path in (media, flac))
    # captions that the user names state no language
    return Medium(source, name, media, flac, duration_s, captions or beside, digests, "" if captions else language)


def key_of(source: str) -> str:
    """Return what distinguishes a source from others: its URL, or its path, relative in the project folder.

    Args:
        source: file or URL
    """
    if _ADDRESS.match(source):
        return identity.normalized(source)
    path, project = Path(source).resolve(), Path.cwd().resolve()
    return str(path.relative_to(project) if path.is_relative_to(project) else path)


def _listed(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        entry = line[:_MAX_LINE].strip()
        if entry and not entry.startswith("#"):
            yield entry


def _of_entry(entry: str) -> Iterator[Source]:
    if _ADDRESS.match(entry) or not Path(entry).is_dir():
        yield Source(entry)
        return
    try:
        scanned = local_files.scan(Path(entry))
    except InputError as error:
        yield Source(entry, str(error))
        return
    yield from (Source(str(recording.file)) for recording in scanned.recordings)
    for path, reason in scanned.skipped:
        if path.suffix.lower().removeprefix(".") in local_files.MEDIA_TYPES:
            yield Source(str(path), reason, is_skipped=True)


def _fetched(source: str, folder: Path, config: Config) -> tuple[str, Path, Path | None, str]:
    client.check(config.crawl)
    try:
        rules = client.fetch_rules(config.crawl)
        fetched = client.fetch(MediaAddress(source), folder, rules, config.crawl, captions_needed=False)
    except Rejected as error:
        raise InputError(f"{source}: {error}") from None
    name = result_names.readable(fetched.title)
    if fetched.captions is None:
        return name, fetched.media, None, ""
    return name, fetched.media, fetched.captions.path, fetched.captions.language


def _beside(media: Path, config: Config) -> tuple[Path | None, str]:
    """Return the best captions beside a media file and their language; without any, None and ""."""
    try:
        track = description.best(local_files.captions(media), client.fetch_rules(config.crawl))
    except Rejected:
        return None, ""
    path: Path = track.source["path"]
    return path, track.language


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
