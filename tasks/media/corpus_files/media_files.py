"""List the media files of a corpus with their utterances: each file is decoded once, and cached by its bytes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core import paths
from tasks.core.config import Corpus
from tasks.core.item_files import ItemFile


@dataclass(frozen=True)
class UtteranceSpan:
    """An utterance's place in a media file, in seconds; None: start or end of the file."""

    utterance_id: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class MediaFile:
    """A media file of the corpus at `folder`, its digest, and its utterances.

    `is_ours`: undertone decoded it to 16 kHz mono FLAC, so that spans can be read without decoding the whole file.
    """

    folder: str
    path: str
    sha256: str
    spans: tuple[UtteranceSpan, ...]
    is_ours: bool = False

    @property
    def id(self) -> str:
        """The file's path in the corpus."""
        return self.path

    @property
    def whole_path(self) -> Path:
        """The path including the folder, or that of a worker's copy."""
        return paths.local(Path(self.folder, self.path))

    @property
    def content(self) -> str:
        """The file's digest and every span."""
        return json.dumps([self.sha256, [[s.utterance_id, s.start_s, s.end_s] for s in self.spans]])

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the file."""
        return (ItemFile(Path(self.folder, self.path), self.sha256),)


def files(
    rows: Iterable[Mapping[str, Any]], column: str, digests: Mapping[str, str], corpus: Corpus
) -> list[MediaFile]:
    """Return the media files of a corpus that exist, sorted, with their utterances.

    Args:
        rows: rows of the utterance table
        column: `audio` or `video`
        digests: SHA-256 of the existing files, by path
        corpus: its entry in params.yaml
    """
    spans: dict[str, list[UtteranceSpan]] = defaultdict(list)
    for row in rows:
        if (path := row.get(column)) and path in digests:
            spans[path].append(UtteranceSpan(row["utterance_id"], row.get("start_s"), row.get("end_s")))
    folder, is_ours = str(corpus.media.resolve()), corpus.is_interviews
    return [MediaFile(folder, path, digests[path], tuple(spans[path]), is_ours) for path in sorted(spans)]
