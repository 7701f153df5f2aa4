"""A folder of real media and captions as the same kind of site."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from tasks.core.errors import InputError
from tasks.simulate import captions, site
from tasks.simulate.site import Entry, Track

MEDIA_TYPES = {
    ".webm": "audio/webm",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
}
CAPTION_TYPES = {".vtt": "text/vtt; charset=utf-8", ".srt": "application/x-subrip; charset=utf-8"}

_LANGUAGE = r"(?:\.(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*))?"
_DEFAULT_LANGUAGE = "en"


def folder(path: Path, *, test_every: int = 5) -> site.Pages:
    """Return a folder of media as a site: one page for each `X.webm|m4a|mp3|wav|mp4`.

    Its captions are `X.vtt`, `X.srt`, or with a language `X.en.vtt`. A `.vtt` with word time tags is automatic.

    Args:
        path: the folder; files in folders below are not looked at
        test_every: every so many media, in the order of their names, one goes to the test list; the last one does
            if that would leave the list empty

    Raises:
        InputError: if there is no such folder, it holds no media, or two media files differ only in their extension
    """
    media = _media(path)
    resources: dict[str, site.Resource] = {}
    entries: list[Entry] = []
    for index, file in enumerate(media, start=1):
        test = index % test_every == 0 or (index == len(media) < test_every)
        entry = Entry(file.stem, file.stem, "test" if test else "train", f"/watch/{file.stem}")
        entries.append(entry)
        tracks = []
        for found, language in _captions(file):
            url = f"/captions/{found.name}"
            tracks.append(Track(url, language, automatic=found.suffix == ".vtt" and _rolls(found)))
            resources[url] = _served(found, CAPTION_TYPES[found.suffix])
        url = f"/media/{file.name}"
        resources[url] = _served(file, MEDIA_TYPES[file.suffix])
        resources[entry.path] = site.watch_page(entry.title, url, MEDIA_TYPES[file.suffix], tracks)
    resources["/"] = site.index_page(path.name, entries)
    return site.Pages(tuple(entries), resources)


def _media(path: Path) -> list[Path]:
    if not path.is_dir():
        raise InputError(f"{path}: there is no such folder")
    media = sorted(file for file in path.iterdir() if file.suffix in MEDIA_TYPES)
    if not media:
        raise InputError(f"{path}: no media in it; expected {', '.join(MEDIA_TYPES)}")
    stems = [file.stem for file in media]
    if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise InputError(f"{path}: several media files are called '{twice}'; keep one of them")
    return media


def _captions(media: Path) -> list[tuple[Path, str]]:
    """Find a media file's captions; those by hand come first."""
    pattern = re.compile(re.escape(media.stem) + _LANGUAGE + r"\.(?:vtt|srt)")
    found = [
        (file, match["language"] or _DEFAULT_LANGUAGE)
        for file in sorted(media.parent.iterdir())
        if (match := pattern.fullmatch(file.name))
    ]
    return sorted(found, key=lambda one: (one[0].suffix == ".vtt" and _rolls(one[0]), one[0].name))


def _rolls(vtt: Path) -> bool:
    return captions.is_rolling(vtt.read_text(encoding="utf-8", errors="replace"))


def _served(file: Path, media_type: str) -> site.File:
    return site.File(partial(Path, file.resolve()), media_type)
