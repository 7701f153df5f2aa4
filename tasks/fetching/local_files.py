"""Recordings on disk: media files of a folder, their captions, and crawl lists that name them.

Captions stand beside a media file under its name, with or without a language, as downloaders and recognisers write
them: `X.vtt`, `X.en.vtt`, `X.en-orig.vtt`, `X.mp4.srt`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.core import tables
from tasks.core.caption_formats import FORMATS
from tasks.core.errors import InputError, Rejected
from tasks.fetching import client, description, failures, identity
from tasks.fetching.description import CaptionTrack, FetchRules

MEDIA_TYPES = {
    "webm": "audio/webm", "m4a": "audio/mp4", "m4b": "audio/mp4", "mp3": "audio/mpeg", "wav": "audio/wav",
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska",
    "mka": "audio/x-matroska", "opus": "audio/ogg", "ogg": "audio/ogg", "oga": "audio/ogg", "ogv": "video/ogg",
    "flac": "audio/flac", "aac": "audio/aac", "ac3": "audio/ac3", "aif": "audio/aiff", "aiff": "audio/aiff",
    "amr": "audio/amr", "wma": "audio/x-ms-wma", "wmv": "video/x-ms-wmv", "asf": "video/x-ms-asf",
    "avi": "video/x-msvideo", "caf": "audio/x-caf", "flv": "video/x-flv", "w64": "audio/x-w64", "mp2": "audio/mpeg",
    "mpg": "video/mpeg", "mpeg": "video/mpeg", "ts": "video/mp2t", "m2ts": "video/mp2t", "3gp": "video/3gpp",
}  # fmt: skip
"""Extension in small letters → MIME type, of the containers that are decoded."""
COLUMNS = ("Id", "File", "Title")

_TAG = re.compile(r"(?:\.(?P<tag>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9_-]+)?))?\.(?P<format>[A-Za-z0-9]+)")
_TIMED_WORDS = re.compile(rb"<\d+:\d\d:\d\d\.\d{3}><c")
_SNIFFED_BYTES = 1 << 16
_TEST_EVERY = 5
_NO_MEDIA, _NO_CAPTIONS = "neither media nor captions of a media file", "no captions beside it"
_SAME = "the same name as"


@dataclass(frozen=True)
class LocalRecording:
    """A media file with the captions beside it.

    Args:
        file: the media file
        id: unique in its folder, safe as a file name
        captions: `source` of each track is `{"path": Path}`
    """

    file: Path
    id: str
    captions: tuple[CaptionTrack, ...]


@dataclass(frozen=True)
class MediaFolder:
    """The recordings of a folder in the order of their names, and (file, reason) of the files that are none."""

    recordings: tuple[LocalRecording, ...]
    skipped: tuple[tuple[Path, str], ...]


def scan(folder: Path) -> MediaFolder:
    """Find the recordings of a folder and its subfolders; hidden files are ignored.

    Args:
        folder: the folder

    Raises:
        InputError: if there is no such folder, or it holds no media file
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))
    media = [path for path in files if _suffix(path) in MEDIA_TYPES]
    if not media:
        raise InputError(f"{folder}: no media in it; expected files such as {', '.join(sorted(MEDIA_TYPES))}")
    by_name: dict[Path, Path] = {}
    for path in media:
        # talk.mp4 and talk.m4a are one recording, which must not be in both lists
        by_name.setdefault(path.with_suffix(""), path)
    kept = list(by_name.values())
    names = _ids(path.relative_to(folder) for path in kept)
    recordings = tuple(LocalRecording(path, name, captions(path)) for path, name in zip(kept, names, strict=True))
    used = {path for r in recordings for path in (r.file, *(track.source["path"] for track in r.captions))}
    skipped = tuple((path, _why_skipped(path, by_name)) for path in files if path not in used)
    return MediaFolder(recordings, skipped)


def without_captions(recordings: Iterable[LocalRecording]) -> Iterator[tuple[Path, str]]:
    """Yield (file, reason) of recordings that have no captions beside them.

    Args:
        recordings: from `scan`
    """
    return ((recording.file, _NO_CAPTIONS) for recording in recordings if not recording.captions)


def captions(media: Path) -> tuple[CaptionTrack, ...]:
    """Return the captions beside a media file, sorted by name.

    A file that names no language has the language "", which fits every setting.

    Args:
        media: the media file
    """
    tracks = []
    # the longer prefix first: a language is no part of the name
    stems = [_composed(name) for name in (media.name, media.stem)]
    for path in sorted(media.parent.iterdir()):
        name = _composed(path.name)
        rest = next((name[len(stem) :] for stem in stems if name.startswith(stem)), "")
        match = _TAG.fullmatch(rest)
        if match and match["format"].lower() in FORMATS and path.is_file():
            track = description.track(match["tag"] or "", match["format"].lower(), _is_timed(path))
            tracks.append(CaptionTrack(track.language, track.kind, track.format, {"path": path}))
    return tuple(tracks)


def open_recording(media: Path, title: str, rules: FetchRules, *, captions_needed: bool = True) -> client.FetchedVideo:
    """Return a media file and the best of its captions, as a crawl returns a video.

    Args:
        media: the media file
        title: its title
        rules: languages, and whether automatic captions are allowed
        captions_needed: reject a recording without captions

    Raises:
        Rejected: if there is no such file, it is too large, or it has no captions in the wanted languages
    """
    if not media.is_file():
        raise Rejected(failures.NO_FILE, f"{media}")
    if (n_bytes := media.stat().st_size) > rules.max_bytes:
        raise Rejected(failures.TOO_LARGE, f"{n_bytes} bytes, allowed are {rules.max_bytes}")
    chosen = None
    try:
        track = description.best(captions(media), rules)
        chosen = client.CaptionFile(track.source["path"], track.language, track.kind, track.format)
    except Rejected:
        if captions_needed:
            raise
    return client.FetchedVideo(media, chosen, title, "", "", f"sha256:{_digest(media)}")


def fingerprint(media: Path) -> list[str]:
    """Return digests of a media file and of all captions beside it, with their languages; empty if there is none.

    Args:
        media: the media file
    """
    if not media.is_file():
        return []
    beside = (f"{t.language} {t.kind} {t.format} {_digest(t.source['path'])}" for t in captions(media))
    return [_digest(media), *beside]


def write_lists(recordings: Sequence[LocalRecording], train: Path, test: Path) -> None:
    """Write crawl lists of recordings, as CSV with the columns `Id,File,Title`.

    Args:
        recordings: from `scan`
        train: file of the train list
        test: file of the test list: every fifth recording by name, and at least one
    """
    rows: dict[Path, list[tuple[str, str, str]]] = {train: [], test: []}
    for recording, tested in zip(recordings, are_tested(recordings), strict=True):
        path = test if tested else train
        rows[path].append((recording.id, str(recording.file.resolve()), recording.file.stem))
    for path, listed in rows.items():
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerows([COLUMNS, *listed])
        tables.write_text(path, sink.getvalue())


def are_tested(recordings: Sequence[LocalRecording]) -> list[bool]:
    """Return which recordings go to the test list: every fifth does; if there are fewer, the last one.

    Copies of a recording are in the same list: a crawl refuses lists that share a video.

    Args:
        recordings: in the order of their names
    """
    contents = _contents(recordings)
    if len(set(contents)) == 1:
        # copies of a single recording: the crawl names them
        contents = [recording.id for recording in recordings]
    numbers = {content: number for number, content in enumerate(dict.fromkeys(contents))}
    return [_is_tested(numbers[content], len(numbers)) for content in contents]


def _contents(recordings: Sequence[LocalRecording]) -> list[str]:
    """Return a text for each recording that copies of it share; only files of the same size are read."""
    sizes = [recording.file.stat().st_size for recording in recordings]
    counts = Counter(sizes)
    return [
        _digest(recording.file) if counts[size] > 1 else recording.id
        for recording, size in zip(recordings, sizes, strict=True)
    ]


def _is_tested(number: int, count: int) -> bool:
    return (number + 1) % _TEST_EVERY == 0 or number + 1 == count < _TEST_EVERY


def has_timed_words(vtt: bytes) -> bool:
    """Return whether captions have word time tags, which only automatic ones have.

    Args:
        vtt: content of a WebVTT file, or its beginning
    """
    return _TIMED_WORDS.search(vtt) is not None


def _why_skipped(path: Path, by_name: Mapping[Path, Path]) -> str:
    other = by_name.get(path.with_suffix("")) if _suffix(path) in MEDIA_TYPES else None
    return f"{_SAME} {other.name}, which is used" if other else _NO_MEDIA


def _ids(names: Iterable[Path]) -> list[str]:
    parts = [(*path.parent.parts, path.stem) for path in names]
    ids = [identity.safe_id(*part) for part in parts]
    # names that differ only in capitals, or in characters that were replaced
    repeats = {name for name, count in Counter(name.lower() for name in ids).items() if count > 1}
    return [
        identity.safe_id(name, str(number)) if name.lower() in repeats else name for number, name in enumerate(ids, 1)
    ]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _composed(name: str) -> str:
    """Return a name with composed letters: file systems and downloaders write `é` as one character or as two."""
    return unicodedata.normalize("NFC", name)


def _suffix(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _is_timed(path: Path) -> bool:
    if _suffix(path) != "vtt":
        return False
    with path.open("rb") as file:
        return has_timed_words(file.read(_SNIFFED_BYTES))


def _digest(path: Path) -> str:
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@cache
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
