"""Create projects in the state after the stage `crawl`, with its code but without network access.

The interviews are those of the sample (`tasks.simulate`): spoken, encoded and captioned as its site serves them. They
are generated where yt-dlp would download them; the stage does the rest. A test compares a small project with a real
crawl of the same site.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

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


def project(whole: Path, folder: Path, ids: Iterable[str], **changes: str) -> Path:
    """Create a project whose crawl is up to date, with some of a store's interviews.

    Args:
        whole: the store
        folder: folder of the project; replaced
        ids: ids of the interviews
        changes: key in params.yaml → new value
    """
    shutil.rmtree(folder, ignore_errors=True)
    workspace.create(folder)
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
    for command in (["tasks", "code"], ["dvc", "commit", "--force", "--quiet", "code", "crawl"]):
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, check=True)  # noqa: S603
    return folder


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
