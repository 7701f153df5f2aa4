"""A folder of real media and captions, served as a site of interviews."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tasks.fetching import local_files
from tasks.simulate import site
from tasks.simulate.site import PageTrack, SiteEntry

_CAPTION_TYPES = {"vtt": "text/vtt; charset=utf-8", "srt": "application/x-subrip; charset=utf-8"}
_DEFAULT_LANGUAGE = "en"


def folder(path: Path) -> site.Pages:
    """Return a folder of media as a site with a page for each recording, with the captions beside it.

    Args:
        path: the folder

    Raises:
        InputError: if there is no such folder, or it holds no media
    """
    recordings = local_files.scan(path).recordings
    resources: dict[str, site.Resource] = {}
    entries: list[SiteEntry] = []
    for recording, tested in zip(recordings, local_files.are_tested(recordings), strict=True):
        split = "test" if tested else "train"
        entry = SiteEntry(recording.id, recording.file.stem, split, f"/watch/{recording.id}")
        entries.append(entry)
        tracks = []
        for place, track in enumerate(sorted(recording.captions, key=lambda track: track.kind != "manual")):
            url = f"/captions/{recording.id}/{place}.{track.format}"
            tracks.append(PageTrack(url, track.language or _DEFAULT_LANGUAGE, automatic=track.kind == "automatic"))
            media_type = _CAPTION_TYPES.get(track.format, "application/octet-stream")
            resources[url] = _served(track.source["path"], media_type)
        extension = recording.file.suffix.lower()
        url = f"/media/{recording.id}{extension}"
        media_type = local_files.MEDIA_TYPES[extension.removeprefix(".")]
        resources[url] = _served(recording.file, media_type)
        resources[entry.path] = site.watch_page(entry.title, url, media_type, tracks)
    resources["/"] = site.index_page(path.name, entries)
    return site.Pages(tuple(entries), resources)


def _served(file: Path, media_type: str) -> site.File:
    return site.File(partial(Path, file.resolve()), media_type)
