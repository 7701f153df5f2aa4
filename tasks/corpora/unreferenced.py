"""Media files and archives in a corpus folder that the reader did not use: sound may be there that it did not find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core.results import Reject
from tasks.corpora.readers.reading import ARCHIVE_SUFFIXES, AUDIO_SUFFIXES, VIDEO_SUFFIXES, Row, printable, relative

_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Unreferenced:
    """Files in a corpus folder that are no utterance's and were not rejected.

    Args:
        n_media: number of media files
        n_archives: number of archives
        media: a few of the media files, relative to the folder
        archives: a few of the archives
    """

    n_media: int = 0
    n_archives: int = 0
    media: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()

    def note(self) -> dict[str, Any]:
        """Return an entry of `reading.json`; empty if there are no such files."""
        if not self.n_media and not self.n_archives:
            return {}
        examples = {"media_examples": list(self.media), "archive_examples": list(self.archives)}
        return {"unreferenced": {"media": self.n_media, "archives": self.n_archives, **examples}}


def from_note(note: Mapping[str, Any]) -> Unreferenced:
    """Return the files that an entry of `reading.json` is about.

    Args:
        note: the whole of `reading.json`
    """
    entry = note.get("unreferenced", {})
    return Unreferenced(
        entry.get("media", 0),
        entry.get("archives", 0),
        tuple(entry.get("media_examples", ())),
        tuple(entry.get("archive_examples", ())),
    )


def find(folder: Path, rows: Sequence[Row], rejects: Sequence[Reject]) -> Unreferenced:
    """Return the files of a corpus folder that the reader did not use.

    Args:
        folder: the corpus folder
        rows: all that the reader read
        rejects: all that it left out
    """
    used = {row[column] for row in rows for column in ("audio", "video") if row.get(column)}
    used |= {reject.id for reject in rejects}
    media, archives = list[str](), list[str]()
    for path in sorted(folder.rglob("*")):
        name = path.name.lower()
        if name.startswith(".") or not path.is_file() or (place := relative(path, folder)) in used:
            continue
        if path.suffix.lower() in AUDIO_SUFFIXES | VIDEO_SUFFIXES:
            media.append(printable(place))
        elif name.endswith(ARCHIVE_SUFFIXES):
            archives.append(printable(place))
    return Unreferenced(len(media), len(archives), tuple(media[:_MAX_EXAMPLES]), tuple(archives[:_MAX_EXAMPLES]))
