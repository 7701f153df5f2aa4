"""A folder of real media and captions, served as a site of interviews."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from tasks.core.errors import InputError
from tasks.simulate import captions, site
from tasks.simulate.site import PageTrack, SiteEntry

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
    """Return a folder of media as a site with a page for each `X.webm|m4a|mp3|wav|mp4`.

    Its captions are `X.vtt`, `X.srt`, or with a language `X.en.vtt`. A `.vtt` with word time tags is automatic.

    Args:
        path: the folder; subfolders are ignored
        test_every: by name, every `test_every`-th file goes to the test list; the last one does if there are fewer

    Raises:
        InputError: if there is no such folder, it holds no media, or two media files differ only in their extension
    """
    media = _media(path)
    resources: dict[str, site.Resource] = {}
    entries: list[SiteEntry] = []
    for index, file in enumerate(media, start=1):
        test = index % test_every == 0 or (index == len(media) < test_every)
        entry = SiteEntry(file.stem, file.stem, "test" if test else "train", f"/watch/{file.stem}")
        entries.append(entry)
        tracks = []
        for caption_file, language in _captions(file):
            url = f"/captions/{caption_file.name}"
            tracks.append(PageTrack(url, language, automatic=_is_automatic(caption_file)))
            resources[url] = _served(caption_file, CAPTION_TYPES[caption_file.suffix])
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
    if repeated := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise InputError(f"{path}: several media files are called '{repeated}'; keep one of them")
    return media


def _captions(media: Path) -> list[tuple[Path, str]]:
    """Return a media file's captions with their languages, manual ones first."""
    pattern = re.compile(re.escape(media.stem) + _LANGUAGE + r"\.(?:vtt|srt)")
    matches = [
        (file, match["language"] or _DEFAULT_LANGUAGE)
        for file in sorted(media.parent.iterdir())
        if (match := pattern.fullmatch(file.name))
    ]
    return sorted(matches, key=lambda pair: (_is_automatic(pair[0]), pair[0].name))


def _is_automatic(file: Path) -> bool:
    return file.suffix == ".vtt" and captions.is_rolling(file.read_text(encoding="utf-8", errors="replace"))


def _served(file: Path, media_type: str) -> site.File:
    return site.File(partial(Path, file.resolve()), media_type)
