"""The media files of a corpus, each with the utterances in it: what is decoded once, and kept apart by its bytes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Span:
    """An utterance in a media file, in seconds; None stands for the whole file."""

    utterance_id: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class MediaFile:
    """A media file of the corpus at `folder`, and the utterances in it; `sha256` stands for its bytes."""

    folder: str
    path: str
    sha256: str
    spans: tuple[Span, ...]

    @property
    def id(self) -> str:
        """The file's path in the corpus."""
        return self.path

    @property
    def whole_path(self) -> Path:
        """Where the file lies."""
        return Path(self.folder, self.path)

    @property
    def content(self) -> str:
        """The file's digest and every span."""
        return json.dumps([self.sha256, [[one.utterance_id, one.start_s, one.end_s] for one in self.spans]])


def files(rows: Iterable[Mapping[str, Any]], column: str, digests: Mapping[str, str], folder: Path) -> list[MediaFile]:
    """Return the media files that a column of an utterance table names and that have a digest, sorted, with spans."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        if (path := row.get(column)) and path in digests:
            spans[path].append(Span(row["utterance_id"], row.get("start_s"), row.get("end_s")))
    return [MediaFile(str(folder.resolve()), path, digests[path], tuple(spans[path])) for path in sorted(spans)]
