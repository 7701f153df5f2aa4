"""Projects as the stage `crawl` leaves them, without a crawl: its own code, with the network taken out.

The interviews are the sample's (`tasks.simulate`), spoken, encoded and captioned as its site would serve them. Where
yt-dlp would fetch them, they are made instead; all that the stage does with them then is done by the stage. A test
holds a small one against a real crawl of the same site.
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
from tasks.fetching.description import MediaAddress
from tasks.simulate import captions, interviews, sound
from tasks.simulate.interviews import Interview
from tasks.stages import crawl

SITE = "http://127.0.0.1:8417"
TEST_EVERY = 5
"""One interview in so many is held out."""
_PLAYABLE = frozenset({"manual vtt", "automatic vtt", "manual srt", "both"})
_WRITERS = {
    "manual vtt": ("manual", "vtt", captions.manual_vtt),
    "automatic vtt": ("automatic", "vtt", captions.automatic_vtt),
    "manual srt": ("manual", "srt", captions.manual_srt),
    # offered by hand and automatic, the stage takes those by hand
    "both": ("manual", "vtt", captions.manual_vtt),
}
_LIST_HEADER = "Id,URL,Title,Audio,Captions,Polarity,Pickle\n"


@dataclass(frozen=True)
class Made:
    """One interview to make: what is said, how noisy the room is, and the folder of the project it is for."""

    interview: Interview
    noise_db: float
    settings: config.Crawl
    folder: Path


def plan(settings: config.Simulate, n_interviews: int) -> tuple[Interview, ...]:
    """Return so many interviews with usable captions, one in `TEST_EVERY` held out."""
    n_test = n_interviews // TEST_EVERY
    sized = settings.model_copy(update={"train": n_interviews - n_test, "test": n_test})
    return tuple(one for one in interviews.plan(sized) if one.captions in _PLAYABLE)


def chosen(planned: Sequence[Interview], n_interviews: int) -> tuple[Interview, ...]:
    """Return the first interviews of both splits, so many in all, one in `TEST_EVERY` held out."""
    n_test = n_interviews // TEST_EVERY
    train, test = ([one for one in planned if one.split == split] for split in tables.SPLITS)
    return (*train[: n_interviews - n_test], *test[:n_test])


def store(
    folder: Path, n_interviews: int, *, site: str = SITE, n_workers: int = 0, tell: Callable[[str], None] | None = None
) -> Path:
    """Return a project in which so many interviews are crawled; one made before is used again.

    Args:
        folder: where such projects are kept
        n_interviews: how many interviews it holds
        site: where they would have been fetched
        n_workers: processes that make them; 0: one per core
        tell: called with how far it is
    """
    settings = config.load(ROOT / "params.yaml")
    made = folder / f"crawled-{n_interviews}-{_version(settings, site)}"
    if not made.is_dir():
        part = made.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        workspace.create(part)
        planned = plan(settings.simulate, n_interviews)
        jobs = [Made(one, settings.simulate.noise_db, settings.crawl, part.resolve()) for one in planned]
        rows: list[dict[str, Any]] = []
        with workers.pool(n_workers or os.cpu_count() or 1) as pool:
            for number, found in enumerate(pool.map(_crawl_one, jobs, [site] * len(jobs)), start=1):
                rows += found
                if tell is not None:
                    tell(f"interview {number:,} of {len(jobs):,}, made once")
        _write(part, rows)
        part.rename(made)
    return made


def project(whole: Path, folder: Path, ids: Iterable[str], **changes: str) -> Path:
    """Make a project whose crawl is done and current, with some of a store's interviews.

    Args:
        whole: the store
        folder: where the project is made; what was there goes
        ids: the interviews' ids
        changes: what stands in params.yaml, and what is to stand there
    """
    shutil.rmtree(folder, ignore_errors=True)
    workspace.create(folder)
    change(folder / "params.yaml", changes)
    return crawl_into(whole, folder, ids)


def crawl_into(whole: Path, folder: Path, ids: Iterable[str]) -> Path:
    """Leave in a project what a crawl of a store's interviews, those named and no others, leaves."""
    wanted = set(ids)
    rows = [
        row
        for row in tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
        if row["video_id"].partition("-")[2] in wanted
    ]
    (folder / paths.MEDIA).mkdir(parents=True, exist_ok=True)
    for name in (row[column] for row in rows for column in ("audio", "captions")):
        # the stages never write in place, so that links are as good as copies
        if not (linked := folder / paths.MEDIA / name).exists():
            os.link(whole / paths.MEDIA / name, linked)
    _write(folder, rows)
    commit = [sys.executable, "-m", "dvc", "commit", "--force", "--quiet", "crawl"]
    subprocess.run(commit, cwd=folder, env={**os.environ, "DVC_NO_ANALYTICS": "1"}, check=True)  # noqa: S603
    return folder


def change(params: Path, changes: dict[str, str]) -> None:
    """Change what stands under some keys in params.yaml, each of which stands there once."""
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    for key, value in changes.items():
        (place,) = (k for k, line in enumerate(lines) if line.startswith(f"  {key}: "))
        lines[place] = f"  {key}: {value}\n"
    params.write_text("".join(lines), encoding="utf-8")


def _crawl_one(made: Made, site: str) -> list[dict[str, Any]]:
    """Let the stage crawl one interview; what it would fetch is made where it would be put."""
    os.chdir(made.folder)
    one = made.interview
    video = crawl.CrawlItem(f"{one.split}-{one.id}", one.split, MediaAddress(f"{site}/watch/{one.id}"), made.settings)

    def fetched(address: MediaAddress, folder: Path, *_: Any) -> client.FetchedVideo:
        recording = sound.record(one, made.noise_db)
        kind, format_, write = _WRITERS[one.captions]
        tables.write_text(folder / f"captions.en.{format_}", write(recording.utterances))
        media = folder / f"media.{one.container}"
        sound.encode(recording, media)
        text = client.CaptionFile(folder / f"captions.en.{format_}", "en", kind, format_)
        return client.FetchedVideo(media, text, one.title, "", "", identity.normalized(address.url))

    with mock.patch.object(client, "fetch", fetched):
        rows: list[dict[str, Any]] = crawl.crawl_one(video, client.fetch_rules(made.settings)).rows.to_pylist()
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
    heard = [settings.simulate.model_dump_json(), settings.crawl.model_dump_json(), site, *code]
    return hashlib.sha256("\0".join(heard).encode()).hexdigest()[:12]
