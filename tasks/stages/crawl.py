"""Stage crawl: fetch the sound and captions of every listed interview once.

Two cached steps: resolve each list entry to its videos (a playlist or channel has many), and fetch each video. All
input is untrusted. Fetch times go to a log outside the tables, because results must be reproducible.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import bugs, forgotten, memo, paths, tables
from tasks.core.config import Config, Crawl
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import AudioError, InputError, NotEnoughData, Rejected, TableError
from tasks.core.results import Reject, Result
from tasks.fetching import client, crawl_items, expansion, failures, identity, lists, local_files, retries
from tasks.fetching.crawl_items import CrawlItem
from tasks.fetching.description import FetchRules
from tasks.media import decode

# increase it when the same bytes give another result; it replaces the code digest in the cache key, so that an edit of
# this file does not fetch all videos again
_VERSION = "1"
_SHOWN = 5
_NOTE = "fetched.json"


def crawl_one(video: CrawlItem, rules: FetchRules) -> Result:
    """Fetch one video; write its sound, as 16 kHz mono FLAC, and its captions to `data/crawl/media/`.

    A partial download is kept for the next attempt, unless the video is rejected permanently or the disk is full. After
    a complete one, a note stays in the folder until the stage ends: a run killed before the result is cached does not
    fetch it again.

    Args:
        video: the video
        rules: captions and limits

    Raises:
        Rejected: if the video cannot be fetched or decoded, or lacks captions that are needed
    """
    resumed = video.folder.is_dir()
    key = _work(rules).key(video)
    if (noted := _noted(video, key)) is not None:
        return noted
    try:
        row = _keep(video, _fetched(video, rules), rules)
    except retries.TryAgain:
        raise
    except Rejected as error:
        shutil.rmtree(video.folder, ignore_errors=True)
        if resumed and error.reason == failures.BROKEN:
            # the two halves may come from different files: fetch again from the start
            return crawl_one(video, rules)
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
        NotEnoughData: if no video could be fetched
    """
    settings = config.crawl
    client.check(settings)
    entries = [*lists.read(Path(settings.train), "train"), *lists.read(Path(settings.test), "test")]
    lists.check_disjoint(entries)
    if any(not entry.is_file and identity.is_youtube(entry.url) for entry in entries):
        client.check_javascript()
    ledger = forgotten.read()
    entries, removed = expansion.without_forgotten(entries, ledger)
    entries, rejects = expansion.expanded_lists(entries, settings, each, ledger)
    rejects += removed
    # again, now that playlists are resolved to their videos
    lists.check_ids(entries)
    lists.check_disjoint(entries)
    entries, repeats = lists.without_repeats(entries)
    needed = not config.transcribe.is_on
    videos = sorted((crawl_items.of_entry(entry, settings, needed) for entry in entries), key=lambda video: video.id)
    work = _work(client.fetch_rules(settings))
    _adopt(work, videos)
    rejects += [Reject(crawl_items.reject_id(entry), failures.REPEATED, first.where) for first, entry in repeats]
    with bugs.also_rejected(rejects):
        result = collect(each(work, videos), tables.VIDEOS)
    rejects += result.rejects
    rows = result.rows.to_pylist()
    if not rows:
        raise NotEnoughData(_explain_no_videos(settings, rejects))
    # before anything is deleted or written: on an error the previous result remains
    _check_sounds_disjoint(rows)
    fetched = {row["video_id"] for row in rows}
    _remove(video.folder for video in videos if video.id in fetched)
    if all(reject.reason != retries.LATER for reject in rejects):
        # not after temporary failures: files of videos that are unavailable now would have to be fetched again
        _prune(rows, videos)
    tables.write(result.rows.sort_by("video_id"), paths.VIDEOS, tables.VIDEOS)
    write_rejects("crawl", rejects)


def forget_failures() -> int:
    """Remove the cached results of everything that was rejected, so that the next run tries it again.

    The caller must hold the stage's lock.

    Returns:
        the number of entries and videos
    """
    rejected = [
        entry.path
        for entry in memo.entries()
        if entry.stage == "crawl" and (result := memo.recall(entry.path)) is not None and result.rejects
    ]
    for path in rejected:
        path.unlink(missing_ok=True)
    return len(rejected)


def _work(rules: FetchRules) -> Work:
    return Work(
        "crawl",
        crawl_one,
        rules,
        tables.VIDEOS,
        version=_VERSION,
        verify=_is_complete,
        host=crawl_items.host,
        imported=crawl_items.IMPORTED,
    )


def _fetched(video: CrawlItem, rules: FetchRules) -> client.FetchedVideo:
    if video.files is not None:
        needed = video.captions_needed
        return local_files.open_recording(Path(video.address.url), video.title, rules, captions_needed=needed)
    return client.fetch(video.address, video.folder, rules, video.access, captions_needed=video.captions_needed)


def _adopt(work: Work, videos: Sequence[CrawlItem]) -> None:
    """Cache the rows of the last table: it may come from another machine, or the cache may have been cleaned."""
    try:
        rows = tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()
    except TableError:
        return
    by_key = {row["fetched_as"]: row for row in rows}
    for video in videos:
        if (row := by_key.get(work.key(video))) is not None and not work.place(video).exists():
            memo.remember(work.place(video), Result(tables.from_rows([row], tables.VIDEOS)))


def _noted(video: CrawlItem, key: str) -> Result | None:
    """Return what a killed run fetched but did not cache, if its files are complete."""
    try:
        row = json.loads((video.folder / _NOTE).read_text(encoding="utf-8"))
        result = Result(tables.from_rows([row], tables.VIDEOS))
    except (FileNotFoundError, ValueError, RecursionError, AttributeError, pa.ArrowException):
        # no note, or a damaged one: fetched again
        return None
    return result if row.get("fetched_as") == key and _is_complete(video, result) else None


def _is_complete(video: CrawlItem, cached: Result) -> bool:
    return not crawl_items.is_retried(cached) and all(
        _digest(paths.MEDIA / row[name]) == row[f"{name}_sha256"]
        if row[name] is not None
        # kept for speech recognition, which may be off again
        else not video.captions_needed
        for row in cached.rows.to_pylist()
        for name in ("audio", "captions")
    )


def _keep(video: CrawlItem, fetched: client.FetchedVideo, rules: FetchRules) -> dict[str, Any]:
    captions = fetched.captions
    if captions is None and video.captions_needed:
        raise Rejected(failures.NO_CAPTIONS, "there are none")
    audio_name = f"{video.id}.flac"
    try:
        duration_s = decode.to_flac(fetched.media, paths.MEDIA / audio_name, max_duration_s=rules.max_duration_s)
    except decode.TooLongError as error:
        raise Rejected(failures.TOO_LONG, str(error)) from None
    except AudioError as error:
        raise Rejected(failures.BROKEN, str(error)) from None
    return {
        "video_id": video.id,
        "split": video.split,
        "url": video.address.url,
        "title": fetched.title or None,
        "channel": fetched.channel or None,
        "duration_s": duration_s,
        "licence": fetched.licence or None,
        "audio": audio_name,
        "audio_sha256": _digest(paths.MEDIA / audio_name),
        "source_id": fetched.source_id,
        **_kept_captions(video, captions),
    }


def _kept_captions(video: CrawlItem, captions: client.CaptionFile | None) -> dict[str, str | None]:
    """Copy captions to the media; return their columns, which are null for a video without captions."""
    if captions is None:
        names = ("language", "captions", "caption_kind", "caption_format", "captions_sha256")
        return dict.fromkeys(names)
    name = f"{video.id}.{captions.language}.{captions.kind}.{captions.format}"
    tables.write_bytes(paths.MEDIA / name, captions.path.read_bytes())
    return {
        "language": captions.language,
        "captions": name,
        "caption_kind": captions.kind,
        "caption_format": captions.format,
        "captions_sha256": _digest(paths.MEDIA / name),
    }


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _log(video: CrawlItem, row: dict[str, Any]) -> None:
    note = {"fetched": datetime.now(UTC).isoformat(timespec="seconds"), "video_id": video.id, "url": video.address.url}
    line = json.dumps({**note, "audio_sha256": row["audio_sha256"]}) + "\n"
    paths.CRAWL_LOG.parent.mkdir(parents=True, exist_ok=True)
    # a single short write to a file opened with O_APPEND is atomic: lines of several workers do not mix
    handle = os.open(paths.CRAWL_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def _check_sounds_disjoint(rows: Sequence[dict[str, Any]]) -> None:
    """Check that no sound, and no video at its source, is in both lists under different addresses."""
    for name in ("source_id", "audio_sha256"):
        train = {row[name]: row for row in rows if row["split"] == "train"}
        for row in rows:
            if row["split"] == "test" and (twin := train.get(row[name])) is not None:
                raise InputError(
                    f"{twin['video_id']} ({twin['url']}) and {row['video_id']} ({row['url']}) are the same video, "
                    "but training and test videos must differ; remove one of them from its list"
                )


def _prune(rows: Sequence[dict[str, Any]], videos: Sequence[CrawlItem]) -> None:
    """Delete files of videos that are no longer listed."""
    listed = {row[name] for row in rows for name in ("audio", "captions") if row[name] is not None}
    for path in _others(paths.MEDIA, listed):
        path.unlink()
    _remove(_others(paths.DOWNLOADS, {video.folder.name for video in videos}))


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _others(folder: Path, names: Collection[str]) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*")) if path.name not in names)


def _explain_no_videos(settings: Crawl, rejects: Sequence[Reject]) -> str:
    lines = [f"none of the videos in {settings.train} and {settings.test} could be fetched:"]
    lines += [f"  {reject.id}: {reject.reason}: {reject.detail}" for reject in rejects[:_SHOWN]]
    if len(rejects) > _SHOWN:
        lines.append(f"  … and {len(rejects) - _SHOWN} more")
    if any(reject.reason == retries.LATER for reject in rejects):
        lines.append("check the network connection and crawl.proxy; for the sample, start its site: undertone site")
    lines.append("files fetched earlier are kept and nothing was changed; run again when this is fixed")
    return "\n".join(lines)
