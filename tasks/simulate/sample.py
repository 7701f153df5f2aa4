"""The embedded sample as a site: planned interviews, and defective ones."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tasks.core import code_version, tables
from tasks.core.config import Simulate
from tasks.simulate import captions, interviews, site, sound
from tasks.simulate.interviews import Interview
from tasks.simulate.site import PageTrack, SiteEntry

MEDIA_TYPES = {"m4a": "audio/mp4", "webm": "audio/webm"}
VTT, SRT = "text/vtt; charset=utf-8", "application/x-subrip; charset=utf-8"

_WRITERS = {
    "vtt": captions.manual_vtt,
    "auto.vtt": captions.automatic_vtt,
    "srt": captions.manual_srt,
    "laughter.vtt": captions.laughter_vtt,
}
_SUFFIXES: dict[interviews.Captions, tuple[str, ...]] = {
    "manual vtt": ("vtt",),
    "automatic vtt": ("auto.vtt",),
    "manual srt": ("srt",),
    "both": ("vtt", "auto.vtt"),
    "laughter": ("laughter.vtt",),
    "none": (),
}
_BUSY = "2"
"""The interview whose page is busy at first: a usable one, so that a missing retry loses data."""
_PLAYLIST = 3
_OVERSIZED = 2_000_000_000
_HLS = "application/vnd.apple.mpegurl"
_MANIFEST = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1041\n#EXTINF:6.0,\n1041.ts\n"
"""A playlist without an end marker, as of a live broadcast."""


def sample(settings: Simulate, cache_folder: Path) -> site.Pages:
    """Return the sample as a site; sound and captions are made on their first request.

    Besides the usable interviews, the train list has one without captions, one whose captions are only laughter, one
    that is missing (404), one whose media file is garbage, a live broadcast and one of 2 GB; a usable one answers 503
    once. `/` links to all of them, `/playlist` has several videos.

    Args:
        settings: number of interviews, their sound, and the seed
        cache_folder: where generated files are kept, separately for other settings and versions of the code
    """
    folder = cache_folder / _version(settings)
    planned = interviews.plan(settings)
    entries = [SiteEntry(interview.id, interview.title, interview.split, _watch(interview.id)) for interview in planned]
    resources: dict[str, site.Resource] = {}
    for interview in planned:
        page = site.watch_page(interview.title, *_shown(interview))
        resources[_watch(interview.id)] = site.BusyOnce(page, retry_after_s=1) if interview.id == _BUSY else page
        resources |= _files(interview, folder, settings.noise_db)
    defects, unusable = _defects(first_id=len(planned) + 1)
    entries = sorted([*entries, *defects], key=lambda entry: (entry.split == "test", int(entry.id)))
    videos = [_shown(interview) for interview in planned[:_PLAYLIST]]
    resources["/"] = site.index_page("Interviews", entries)
    resources["/playlist"] = site.playlist_page("A playlist", videos)
    return site.Pages(tuple(entries), resources | unusable)


def _version(settings: Simulate) -> str:
    key = settings.model_dump_json(exclude={"port"}) + code_version.version(__name__)
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _watch(id_: str) -> str:
    return f"/watch/{id_}"


def _media(interview: Interview) -> str:
    return f"{interview.id}.{interview.container}"


def _shown(interview: Interview) -> tuple[str, str, Sequence[PageTrack]]:
    tracks = [
        PageTrack(f"/captions/{interview.id}.{suffix}", "en", automatic=suffix == "auto.vtt")
        for suffix in _SUFFIXES[interview.captions]
    ]
    return f"/media/{_media(interview)}", MEDIA_TYPES[interview.container], tracks


def _files(interview: Interview, folder: Path, noise_db: float) -> dict[str, site.Resource]:
    lock = threading.Lock()
    media = _media(interview)
    names = [media, *(f"{interview.id}.{suffix}" for suffix in _SUFFIXES[interview.captions])]

    def file(name: str, media_type: str) -> site.File:
        return site.File(partial(_made, interview, folder, noise_db, name, lock), media_type)

    served: dict[str, site.Resource] = {f"/media/{media}": file(media, MEDIA_TYPES[interview.container])}
    return served | {f"/captions/{name}": file(name, SRT if name.endswith("srt") else VTT) for name in names[1:]}


def _made(interview: Interview, folder: Path, noise_db: float, name: str, lock: threading.Lock) -> Path:
    path = folder / name
    with lock:
        if not path.is_file():
            recording = sound.record(interview, noise_db)
            for suffix in _SUFFIXES[interview.captions]:
                tables.write_text(folder / f"{interview.id}.{suffix}", _WRITERS[suffix](recording.utterances))
            sound.encode(recording, folder / _media(interview))
    return path


def _defects(first_id: int) -> tuple[list[SiteEntry], dict[str, site.Resource]]:
    """Return interviews without sound, and their resources."""
    removed, broken, live, oversized = ids = [str(first_id + i) for i in range(4)]
    titles = ("Removed by its owner", "A broken file", "On the air now", "Two gigabytes of silence")
    entries = [
        SiteEntry(id_, f"Interview {id_}: {title}", "train", _watch(id_))
        for id_, title in zip(ids, titles, strict=True)
    ]
    track = [PageTrack(f"/captions/{broken}.vtt", "en", automatic=False)]
    cue = b"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nThere was something here that nobody can hear now.\n"
    served: dict[str, site.Resource] = {
        _watch(broken): site.watch_page(entries[1].title, f"/media/{broken}.m4a", "audio/mp4", track),
        f"/media/{broken}.m4a": site.Text(b"this was an interview once " * 400, "audio/mp4"),
        f"/captions/{broken}.vtt": site.Text(cue, VTT),
        _watch(live): site.live_page(entries[2].title, f"/live/{live}.m3u8"),
        f"/live/{live}.m3u8": site.Text(_MANIFEST, _HLS),
        _watch(oversized): site.watch_page(entries[3].title, f"/media/{oversized}.webm", "audio/webm", track),
        f"/media/{oversized}.webm": site.ZeroFile(_OVERSIZED, "audio/webm"),
    }
    return entries, {path: resource for path, resource in served.items() if path != _watch(removed)}
