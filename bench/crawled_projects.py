"""Create projects in the state after the stage `crawl`, with its code but without network access.

The interviews are those of the sample (`tasks.simulate`): spoken, encoded and captioned as its site serves them. They
are generated where yt-dlp would download them; the stage does the rest. A test compares a small project with a real
crawl of the same site.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile

from bench.commands import ROOT
from flows.project import workspace
from tasks.core import code_version, config, paths, tables, workers
from tasks.fetching import client, identity
from tasks.fetching.crawl_items import CrawlItem
from tasks.fetching.description import MediaAddress
from tasks.simulate import captions, interviews, sound
from tasks.simulate.interviews import Interview
from tasks.stages import crawl

SITE = "http://127.0.0.1:8417"
TEST_EVERY = 5
"""One interview in this many is held out."""
_PLAYABLE = frozenset({"manual vtt", "automatic vtt", "manual srt", "both"})
_WRITERS = {
    "manual vtt": ("manual", "vtt", captions.manual_vtt),
    "automatic vtt": ("automatic", "vtt", captions.automatic_vtt),
    "manual srt": ("manual", "srt", captions.manual_srt),
    # if both kinds exist, the stage uses the manual captions
    "both": ("manual", "vtt", captions.manual_vtt),
}
_SPEED_STEP = 1.05
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)([.,])(\d\d\d)")
_LIST_HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


@dataclass(frozen=True)
class InterviewJob:
    """One interview to generate: its text, its noise level, and the folder of the project."""

    interview: Interview
    noise_db: float
    settings: config.Crawl
    folder: Path


def plan(settings: config.Simulate, n_interviews: int) -> tuple[Interview, ...]:
    """Plan interviews; only those with usable captions are kept.

    Args:
        settings: settings of the simulation
        n_interviews: number of interviews, one in `TEST_EVERY` held out
    """
    n_test = n_interviews // TEST_EVERY
    sized = settings.model_copy(update={"train": n_interviews - n_test, "test": n_test})
    return tuple(interview for interview in interviews.plan(sized) if interview.captions in _PLAYABLE)


def select(planned: Sequence[Interview], n_interviews: int) -> tuple[Interview, ...]:
    """Return the first interviews of both splits.

    Args:
        planned: result of `plan`
        n_interviews: number of interviews, one in `TEST_EVERY` held out
    """
    n_test = n_interviews // TEST_EVERY
    train, test = ([interview for interview in planned if interview.split == split] for split in tables.SPLITS)
    return (*train[: n_interviews - n_test], *test[:n_test])


def store(
    folder: Path,
    n_interviews: int,
    *,
    site: str = SITE,
    n_workers: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Return a project with crawled interviews; reuses an existing one with the same code and settings.

    Args:
        folder: parent folder of the stores
        n_interviews: number of interviews
        site: URL of the simulated site
        n_workers: number of processes; 0: one per core
        progress: called with a message after each interview
    """
    settings = config.load(ROOT / "params.yaml")
    store_folder = folder / f"crawled-{n_interviews}-{_version(settings, site)}"
    if not store_folder.is_dir():
        part = store_folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        workspace.create(part)
        planned = plan(settings.simulate, n_interviews)
        jobs = [
            InterviewJob(interview, settings.simulate.noise_db, settings.crawl, part.resolve()) for interview in planned
        ]
        rows: list[dict[str, Any]] = []
        with workers.pool(n_workers or os.cpu_count() or 1) as pool:
            for number, crawled in enumerate(pool.map(_crawl_one, jobs, [site] * len(jobs)), start=1):
                rows += crawled
                if progress is not None:
                    progress(f"generating interview {number:,} of {len(jobs):,} (only once)")
        _write(part, rows)
        part.rename(store_folder)
    return store_folder


def enlarged(whole: Path, n_interviews: int, *, progress: Callable[[str], None] | None = None) -> Path:
    """Return a store with more interviews: those of a store, and slower and faster copies of them in the same split.

    Speech synthesis takes a second per interview, a copy 0.1 s. Copies have other samples, times, digests and features;
    their texts are the same.

    Args:
        whole: a store
        n_interviews: number of interviews; split as in the store
        progress: called with a message now and then
    """
    folder = whole.with_name(f"{whole.name}-as-{n_interviews}")
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        workspace.create(part)
        rows = tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
        (part / paths.MEDIA).mkdir(parents=True)
        for name in (row[column] for row in rows for column in ("audio", "captions")):
            os.link(whole / paths.MEDIA / name, part / paths.MEDIA / name)
        copies = [(rows[number % len(rows)], number // len(rows)) for number in range(len(rows), n_interviews)]
        with workers.pool(os.cpu_count() or 1) as pool:
            copied = pool.map(_copy_one, *zip(*copies, strict=True), repeat(whole), repeat(part), chunksize=16)
            for number, row in enumerate(copied, start=1):
                rows.append(row)
                if progress is not None and not number % 100:
                    progress(f"copying interview {number:,} of {len(copies):,} (only once)")
        _write(part, rows)
        part.rename(folder)
    return folder


def _copy_one(row: dict[str, Any], number: int, whole: Path, folder: Path) -> dict[str, Any]:
    """Write a copy of an interview at another speed; return its row."""
    speed = _SPEED_STEP ** ((number + 1) // 2 * (1 if number % 2 else -1))
    video_id = f"{row['video_id']}-copy-{number}"
    copy = {name: row[name].replace(row["video_id"], video_id, 1) for name in ("audio", "captions")}
    samples, rate_hz = soundfile.read(whole / paths.MEDIA / row["audio"], dtype="int16")
    positions = np.arange(int(samples.size / speed)) * speed
    changed = np.interp(positions, np.arange(samples.size), samples).astype(np.int16)
    soundfile.write(folder / paths.MEDIA / copy["audio"], changed, rate_hz)
    text = (whole / paths.MEDIA / row["captions"]).read_text(encoding="utf-8")
    timed = _CLOCK.sub(lambda clock: _slowed(clock, speed), text)
    (folder / paths.MEDIA / copy["captions"]).write_text(timed, encoding="utf-8")
    digests = {name: _digest(folder / paths.MEDIA / copy[name]) for name in copy}
    key = hashlib.sha256(video_id.encode()).hexdigest()
    return {
        **row,
        **copy,
        "video_id": video_id,
        "url": f"{row['url']}-copy-{number}",
        "source_id": f"{row['source_id']}-copy-{number}",
        "fetched_as": key,
        "duration_s": round(changed.size / rate_hz, 3),
        **{f"{name}_sha256": digest for name, digest in digests.items()},
    }


def _slowed(clock: re.Match[str], speed: float) -> str:
    hours, minutes, seconds, mark, milliseconds = clock.groups()
    total_ms = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(milliseconds)
    rest_s, rest_ms = divmod(int(total_ms / speed), 1000)
    return f"{rest_s // 3600:02d}:{rest_s // 60 % 60:02d}:{rest_s % 60:02d}{mark}{rest_ms:03d}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def project(whole: Path, folder: Path, ids: Iterable[str], *, link: bool = False, **changes: str) -> Path:
    """Create a project whose crawl is up to date, with some of a store's interviews.

    Args:
        whole: the store
        folder: folder of the project; replaced
        ids: ids of the interviews
        link: let DVC's cache and the project share files (hard links), which halves the space on disk
        changes: key in params.yaml → new value
    """
    shutil.rmtree(folder, ignore_errors=True)
    workspace.create(folder)
    if link:
        _run_in(folder, "dvc", "config", "cache.type", "hardlink,copy")
    change(folder / "params.yaml", changes)
    return crawl_into(whole, folder, ids)


def crawl_into(whole: Path, folder: Path, ids: Iterable[str]) -> Path:
    """Replace the crawled interviews of a project, and record the stage as up to date.

    Args:
        whole: the store
        folder: folder of the project
        ids: ids of the interviews
    """
    wanted = set(ids)
    rows = [
        row
        for row in tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
        if row["video_id"].partition("-")[2] in wanted
    ]
    (folder / paths.MEDIA).mkdir(parents=True, exist_ok=True)
    for name in (row[column] for row in rows for column in ("audio", "captions")):
        # hard links are safe: the stages never write in place
        if not (linked := folder / paths.MEDIA / name).exists():
            os.link(whole / paths.MEDIA / name, linked)
    _write(folder, rows)
    # the stage crawl depends on the digest that the stage code writes
    _run_in(folder, "tasks", "code")
    _run_in(folder, "dvc", "commit", "--force", "--quiet", "code", "crawl")
    return folder


def _run_in(folder: Path, *command: str) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, check=True)  # noqa: S603


def change(params: Path, changes: dict[str, str]) -> None:
    """Change values in params.yaml.

    Args:
        params: the file
        changes: second-level key → new value; each key must occur exactly once
    """
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    for key, value in changes.items():
        (number,) = (k for k, line in enumerate(lines) if line.startswith(f"  {key}: "))
        lines[number] = f"  {key}: {value}\n"
    params.write_text("".join(lines), encoding="utf-8")


def _crawl_one(job: InterviewJob, site: str) -> list[dict[str, Any]]:
    """Crawl one interview by the stage, with the download replaced by generating the files."""
    os.chdir(job.folder)
    interview = job.interview
    address = MediaAddress(f"{site}/watch/{interview.id}")
    video = CrawlItem(f"{interview.split}-{interview.id}", interview.split, address, job.settings)

    def fetched(address: MediaAddress, folder: Path, *_: Any, **__: Any) -> client.FetchedVideo:
        recording = sound.record(interview, job.noise_db)
        kind, format_, write = _WRITERS[interview.captions]
        tables.write_text(folder / f"captions.en.{format_}", write(recording.utterances))
        media = folder / f"media.{interview.container}"
        sound.encode(recording, media)
        text = client.CaptionFile(folder / f"captions.en.{format_}", "en", kind, format_)
        return client.FetchedVideo(media, text, interview.title, "", "", identity.normalized(address.url))

    with mock.patch.object(client, "fetch", fetched):
        rows: list[dict[str, Any]] = crawl.crawl_one(video, client.fetch_rules(job.settings)).rows.to_pylist()
    shutil.rmtree(video.folder)
    return rows


def _write(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    videos = tables.from_rows(rows, tables.VIDEOS).sort_by("video_id")
    tables.write(videos, folder / paths.VIDEOS, tables.VIDEOS)
    tables.write(tables.from_rows([], tables.REJECTED), folder / paths.rejected("crawl"), tables.REJECTED)
    for split in tables.SPLITS:
        lines = [f"{row['video_id'].partition('-')[2]},{row['url']},,,,,\n" for row in rows if row["split"] == split]
        (folder / paths.DATA / f"{split}.csv").write_text(_LIST_HEADER + "".join(lines), encoding="utf-8")


def _version(settings: config.Config, site: str) -> str:
    code = [
        code_version.version(module)
        for module in ("tasks.stages.crawl", "tasks.simulate.sound", "tasks.simulate.captions")
    ]
    inputs = [settings.simulate.model_dump_json(), settings.crawl.model_dump_json(), site, *code]
    return hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]
