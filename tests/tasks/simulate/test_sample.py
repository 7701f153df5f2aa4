import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.core.config import Config, Simulate
from tasks.fetching.local_files import has_timed_words
from tasks.simulate import site
from tasks.simulate.sample import sample

ROOT = Path(__file__).resolve().parents[3]

FINGERPRINT = """
import hashlib, sys
from pathlib import Path
from tasks.core.config import load
from tasks.simulate.sample import sample
from tasks.simulate.site import BusyOnce, File, Text

pages = sample(load(Path("params.yaml")).simulate.model_copy(update={"train": 2, "test": 1}), Path(sys.argv[1]))
for path, resource in sorted(pages.resources.items(), reverse=sys.argv[2] == "backwards"):
    if isinstance(resource, File):
        print(path, hashlib.sha256(resource.path().read_bytes()).hexdigest())
    if isinstance(resource, (Text, BusyOnce)):
        print(path, hashlib.sha256(repr(resource).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def small(settings: Config) -> Simulate:
    return settings.simulate.model_copy(update={"train": 5, "test": 1})


@pytest.fixture(scope="module")
def pages(small: Simulate, tmp_path_factory: pytest.TempPathFactory) -> site.Pages:
    return sample(small, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def base(pages: site.Pages) -> Iterator[str]:
    with site.serve(pages) as url:
        yield url


def titled(pages: site.Pages, ending: str) -> str:
    return next(entry.path for entry in pages.entries if entry.title.endswith(ending))


def body(pages: site.Pages, path: str) -> bytes:
    resource = pages.resources[path]
    assert isinstance(resource, site.File)
    return resource.path().read_bytes()


def extract(url: str, **options: Any) -> dict[str, Any]:
    import yt_dlp

    with yt_dlp.YoutubeDL({"quiet": True, "no_warnings": True, "format": "bestaudio/best", **options}) as downloader:
        info: dict[str, Any] = downloader.extract_info(url, download=bool(options))
        return info


@pytest.mark.slow
def test_bytes_are_the_same_in_any_process_and_any_order(tmp_path: Path) -> None:
    def fingerprint(seed: str, order: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", FINGERPRINT, str(tmp_path / seed), order],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return sorted(done.stdout.splitlines())

    first, second = fingerprint("1", "forwards"), fingerprint("2", "backwards")
    assert len(first) > 15
    assert first == second


def test_the_committed_lists_are_those_of_the_shipped_settings(settings: Config, tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    pages = sample(settings.simulate, tmp_path)
    site.write_lists(pages, f"http://127.0.0.1:{settings.simulate.port}", train, test)
    assert train.read_text() == (ROOT / "data" / "train.csv").read_text()
    assert test.read_text() == (ROOT / "data" / "test.csv").read_text()
    rows = [row for path in (train, test) for row in csv.DictReader(path.read_text().splitlines())]
    assert len(rows) == 24 + 6 + 8
    assert len({row["Id"] for row in rows}) == len(rows)


def test_a_made_file_is_kept_and_other_settings_make_their_own(small: Simulate, tmp_path: Path) -> None:
    path = sample(small, tmp_path).resources["/media/1.m4a"]
    assert isinstance(path, site.File)
    made = path.path()
    before = made.stat().st_mtime_ns
    again = sample(small.model_copy(update={"port": 9000}), tmp_path).resources["/media/1.m4a"]
    other = sample(small.model_copy(update={"noise_db": -20.0}), tmp_path).resources["/media/1.m4a"]
    assert isinstance(again, site.File) and isinstance(other, site.File)
    assert again.path() == made and made.stat().st_mtime_ns == before
    assert other.path() != made and other.path().read_bytes() != made.read_bytes()


def test_captions_are_of_the_kind_that_the_page_says(pages: site.Pages) -> None:
    assert not has_timed_words(body(pages, "/captions/1.vtt"))
    assert has_timed_words(body(pages, "/captions/2.auto.vtt"))
    assert body(pages, "/captions/3.srt").startswith(b"1\n00:00:00,600 --> ")


def test_yt_dlp_crawls_a_page(base: str, tmp_path: Path) -> None:
    info = extract(f"{base}/watch/5", outtmpl=str(tmp_path / "%(id)s.%(ext)s"))
    assert info["title"].startswith("Interview 5: ")
    assert sorted(info["subtitles"]) == ["en", "en-x-auto"]
    assert info["subtitles"]["en"][0]["ext"] == "vtt"
    assert [path.suffix for path in tmp_path.iterdir()] == [".m4a"]


def test_yt_dlp_sees_the_defects(base: str, pages: site.Pages) -> None:
    from yt_dlp.utils import DownloadError

    with pytest.raises(DownloadError, match="404"):
        extract(base + titled(pages, "Removed by its owner"))
    with pytest.raises(DownloadError, match="503"):
        extract(f"{base}/watch/2")
    assert list(extract(f"{base}/watch/2")["subtitles"]) == ["en-x-auto"]
    assert extract(base + titled(pages, "On the air now"))["live_status"] == "is_live"
    without = next(entry for entry in pages.entries if entry.id == "6")
    assert not extract(base + without.path).get("subtitles")
    assert b"[Laughing]" in body(pages, "/captions/7.laughter.vtt")


def test_yt_dlp_leaves_the_oversized_file(base: str, pages: site.Pages, tmp_path: Path) -> None:
    url = base + titled(pages, "Two gigabytes of silence")
    extract(url, outtmpl=str(tmp_path / "big"), max_filesize=1_000_000_000)
    assert list(tmp_path.iterdir()) == []


def test_yt_dlp_makes_a_playlist_of_several_videos(base: str) -> None:
    info = extract(f"{base}/playlist")
    assert info["_type"] == "playlist"
    assert len(info["entries"]) == 3


@pytest.mark.slow
def test_at_any_size_every_listed_page_but_the_removed_one_is_there(settings: Config, tmp_path: Path) -> None:
    pages = sample(settings.simulate.model_copy(update={"train": 1000, "test": 100}), tmp_path)
    missing = [entry.title for entry in pages.entries if entry.path not in pages.resources]
    assert len(pages.entries) == 1106
    assert len(missing) == 1 and missing[0].endswith("Removed by its owner")
