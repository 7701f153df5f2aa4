"""Stage crawl: fetches every listed interview's sound and captions, once.

Two steps, both remembered: which videos a list's entry stands for (a playlist or channel is many), and each video
itself. What comes in is untrusted; when it came goes to a log beside the data, since no result may hold a clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from tasks.core import memo, paths, tables
from tasks.core.config import Config, Crawl, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import AudioError, InputError, NotEnoughData, Rejected, TableError
from tasks.core.memo import Reject, Result
from tasks.fetching import client, failures, identity, lists, retries
from tasks.fetching.description import Address, Wanted
from tasks.media import decode

LISTED = pa.schema([("url", pa.string()), ("position", pa.int64()), ("id", pa.string())])
"""One row per video of a playlist, channel or page of many; none where an entry is a single video."""

# raised when the same bytes would give another result; an edit of this file must not fetch a thousand videos again
_VERSION = "1"
# what these say depends on settings that are no part of the key: cookies, allowed addresses
_ASKED_AGAIN = (failures.REFUSED, failures.REMOVED)
_SHOWN = 5
_NOTE = "fetched.json"


@dataclass(frozen=True)
class Video:
    """A video to look up or fetch; `reach` says how to get there, and decides no byte of what comes back."""

    id: str
    split: str
    address: Address
    reach: Crawl

    @property
    def content(self) -> str:
        """Where it is."""
        return json.dumps([self.address.url, self.address.position])

    @property
    def folder(self) -> Path:
        """Where its partial downloads lie; another address means another folder, so that two never mix."""
        return paths.DOWNLOADS / f"{self.id}-{hashlib.sha256(self.content.encode()).hexdigest()[:12]}"


def list_one(entry: Video, _: Section) -> Result:
    """Look up which videos a list's entry stands for."""
    found = client.listed(entry.address, entry.reach)
    rows = [{"url": each.address.url, "position": each.address.position, "id": each.id} for each in found]
    return Result(tables.from_rows(rows, LISTED))


def crawl_one(video: Video, wanted: Wanted) -> Result:
    """Fetch one video; put its sound, as 16 kHz mono FLAC, and its captions into `data/crawl/media/`.

    A partial download is kept for the next try, unless the video is given up for good or the disk is full. A finished
    one leaves a note in its place until the stage is done: a run killed before the result is remembered fetches
    nothing twice.
    """
    resumed = video.folder.is_dir()
    key = _work(wanted).key(video)
    if (noted := _noted(video, key)) is not None:
        return noted
    try:
        row = _keep(video, client.fetch(video.address, video.folder, wanted, video.reach), wanted)
    except retries.TryAgain:
        raise
    except Rejected as error:
        shutil.rmtree(video.folder)
        if resumed and error.reason == failures.BROKEN:
            # the two halves may stem from different files: once more, from the start
            return crawl_one(video, wanted)
        raise
    except OSError as error:
        shutil.rmtree(video.folder, ignore_errors=True)
        error.filename = error.filename or str(video.folder)
        raise
    row["fetched_as"] = key
    tables.write_text(video.folder / _NOTE, json.dumps(row))
    for path in _others(video.folder, [_NOTE]):
        path.unlink()
    _log(video, row)
    return Result(tables.from_rows([row], tables.VIDEOS))


def run(config: Config, *, each: Each) -> None:
    """Fetch the videos of both lists; write `videos.parquet`, `rejected.parquet` and the files in `media/`.

    Raises:
        ConfigError: if the crawl's settings cannot be used
        InputError: if a list is malformed, or a video is in both lists
        NotEnoughData: if no video at all could be fetched
    """
    settings = config.crawl
    client.check(settings)
    entries = [*lists.read(Path(settings.train), "train"), *lists.read(Path(settings.test), "test")]
    lists.check_apart(entries)
    if any(identity.is_youtube(entry.url) for entry in entries):
        client.check_javascript()
    entries, rejects = _expand(entries, settings, each)
    lists.check_ids(entries)
    lists.check_apart(entries)
    entries, repeats = lists.without_repeats(entries)
    videos = sorted((_video(entry, settings) for entry in entries), key=lambda video: video.id)
    work = _work(client.wanted_of(settings))
    _adopt(work, videos)
    result = collect(each(work, videos), tables.VIDEOS)
    rejects += [*result.rejects, *(Reject(_id(entry), failures.REPEATED, first.where) for first, entry in repeats)]
    rows = result.rows.to_pylist()
    if not rows:
        raise NotEnoughData(_nothing(settings, rejects))
    _check_sounds_apart(rows)
    fetched = {row["video_id"] for row in rows}
    _drop(video.folder for video in videos if video.id in fetched)
    if all(reject.reason != retries.LATER for reject in rejects):
        # what is merely out of reach today must not be fetched again tomorrow
        _prune(rows, videos)
    tables.write(result.rows.sort_by("video_id"), paths.VIDEOS, tables.VIDEOS)
    write_rejects("crawl", rejects)


def _work(wanted: Wanted) -> Work:
    return Work("crawl", crawl_one, wanted, tables.VIDEOS, version=_VERSION, verify=_still_there, host=_host)


def _host(video: Video) -> str:
    return urlsplit(video.address.url).hostname or ""


def _adopt(work: Work, videos: Sequence[Video]) -> None:
    """Remember what the last table lists: it may come from another machine, or the memo may have been cleaned."""
    try:
        rows = tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()
    except TableError:
        return
    by_key = {row["fetched_as"]: row for row in rows}
    for video in videos:
        if (row := by_key.get(work.key(video))) is not None and not work.place(video).exists():
            memo.remember(work.place(video), Result(tables.from_rows([row], tables.VIDEOS)))


def _noted(video: Video, key: str) -> Result | None:
    """Return what a killed run fetched and did not live to remember, if its files are still there."""
    try:
        row = json.loads((video.folder / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    known = Result(tables.from_rows([row], tables.VIDEOS))
    return known if row["fetched_as"] == key and _still_there(video, known) else None


def _id(entry: lists.Entry) -> str:
    return f"{entry.split}-{entry.id}"


def _video(entry: lists.Entry, settings: Crawl) -> Video:
    return Video(_id(entry), entry.split, Address(entry.url, entry.position), settings)


def _expand(entries: Sequence[lists.Entry], settings: Crawl, each: Each) -> tuple[list[lists.Entry], list[Reject]]:
    """Replace entries that stand for many videos by those; leave out those that cannot be looked up."""
    unclear = [entry for entry in entries if identity.youtube_id(entry.url) is None]
    # a playlist grows, so it is looked up every time; a single video stays one
    work = Work("crawl", list_one, Section(), LISTED, version=_VERSION, verify=_is_single, host=_host)
    expanded, rejects = {entry: [entry] for entry in entries}, list[Reject]()
    for entry, outcome in zip(unclear, each(work, [_video(entry, settings) for entry in unclear]), strict=True):
        result = outcome.result()
        rejects.extend(result.rejects)
        if result.rejects or result.rows.num_rows:
            expanded[entry] = [_child(entry, row) for row in result.rows.to_pylist()]
    return [video for group in expanded.values() for video in group], rejects


def _child(entry: lists.Entry, row: dict[str, Any]) -> lists.Entry:
    where = f"{entry.where} ({row['id']})"
    return replace(
        entry, id=identity.joined(entry.id, row["id"]), url=row["url"], position=row["position"], where=where
    )


def _is_single(_: Video, known: Result) -> bool:
    return known.rows.num_rows == 0 and not _asked_again(known)


def _still_there(_: Video, known: Result) -> bool:
    return not _asked_again(known) and all(
        _digest(paths.MEDIA / row[name]) == row[f"{name}_sha256"]
        for row in known.rows.to_pylist()
        for name in ("audio", "captions")
    )


def _asked_again(known: Result) -> bool:
    return any(reject.reason in _ASKED_AGAIN for reject in known.rejects)


def _keep(video: Video, fetched: client.Fetched, wanted: Wanted) -> dict[str, Any]:
    captions = fetched.captions
    if captions is None:
        raise Rejected(failures.NO_CAPTIONS, "the page offers none")
    audio_name = f"{video.id}.flac"
    captions_name = f"{video.id}.{captions.language}.{captions.kind}.{captions.format}"
    try:
        duration_s = decode.to_flac(fetched.media, paths.MEDIA / audio_name, max_duration_s=wanted.max_duration_s)
    except decode.TooLongError as error:
        raise Rejected(failures.TOO_LONG, str(error)) from None
    except AudioError as error:
        raise Rejected(failures.BROKEN, str(error)) from None
    tables.write_bytes(paths.MEDIA / captions_name, captions.path.read_bytes())
    return {
        "video_id": video.id,
        "split": video.split,
        "url": video.address.url,
        "title": fetched.title or None,
        "channel": fetched.channel or None,
        "duration_s": duration_s,
        "language": captions.language,
        "captions": captions_name,
        "caption_kind": captions.kind,
        "caption_format": captions.format,
        "licence": fetched.licence or None,
        "audio": audio_name,
        "audio_sha256": _digest(paths.MEDIA / audio_name),
        "captions_sha256": _digest(paths.MEDIA / captions_name),
        "source_id": fetched.source_id,
    }


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _log(video: Video, row: dict[str, Any]) -> None:
    note = {"fetched": datetime.now(UTC).isoformat(timespec="seconds"), "video_id": video.id, "url": video.address.url}
    line = json.dumps({**note, "audio_sha256": row["audio_sha256"]}) + "\n"
    paths.CRAWL_LOG.parent.mkdir(parents=True, exist_ok=True)
    # one write of a short line to a file opened for appending: workers do not tear each other's
    handle = os.open(paths.CRAWL_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def _check_sounds_apart(rows: Sequence[dict[str, Any]]) -> None:
    """Find what the addresses hide: the same sound, or the same video at its source, in both lists."""
    for name in ("source_id", "audio_sha256"):
        train = {row[name]: row for row in rows if row["split"] == "train"}
        for row in rows:
            if row["split"] == "test" and (twin := train.get(row[name])) is not None:
                raise InputError(
                    f"{twin['video_id']} ({twin['url']}) and {row['video_id']} ({row['url']}) are the same video, "
                    "once to train on and once to test on; take one out of its list"
                )


def _prune(rows: Sequence[dict[str, Any]], videos: Sequence[Video]) -> None:
    """Delete what belongs to no listed video any more."""
    listed = {row[name] for row in rows for name in ("audio", "captions")}
    for path in _others(paths.MEDIA, listed):
        path.unlink()
    _drop(_others(paths.DOWNLOADS, {video.folder.name for video in videos}))


def _drop(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _others(folder: Path, names: Collection[str]) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*")) if path.name not in names)


def _nothing(settings: Crawl, rejects: Sequence[Reject]) -> str:
    lines = [f"none of the videos in {settings.train} and {settings.test} could be fetched:"]
    lines += [f"  {reject.id}: {reject.reason}: {reject.detail}" for reject in rejects[:_SHOWN]]
    if len(rejects) > _SHOWN:
        lines.append(f"  … and {len(rejects) - _SHOWN} more")
    if any(reject.reason == retries.LATER for reject in rejects):
        lines.append("is the network up, and crawl.proxy right? The sample's site is started by `undertone site`")
    lines.append("nothing was changed: what was fetched before is kept; run again when it is mended")
    return "\n".join(lines)
