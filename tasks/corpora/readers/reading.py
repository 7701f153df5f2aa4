"""What a corpus reader is and gives: a folder in its native layout in, rows of the utterance table out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import tables
from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject

SOUND = frozenset({".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".webm", ".aac", ".wma", ".aiff", ".aif"})
PICTURES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".flv"})
"""Containers with pictures; their sound counts as the utterance's."""
MEDIA = SOUND | PICTURES

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What a reader found.

    Args:
        rows: one dict per utterance, with columns of `tables.UTTERANCES` and of the corpus's `extra`; what a row lacks
            is null. `audio` and `video` are paths relative to the corpus folder, with `/`
        rejects: files and table rows that could not be used; the id is the file's relative path, or `FILE:LINE`
        repairs: what was mended on the way, counted by what it was ("text in another encoding": 812)
    """

    rows: tuple[Row, ...]
    rejects: tuple[Reject, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Count:
    """One count of the doctor's: what was counted, how many there should be, how many there are."""

    what: str
    expected: int
    found: int


@dataclass(frozen=True)
class Expected:
    """What should be there, judged by what is there (three actors of RAVDESS: three times 60 clips).

    Args:
        counts: published counts beside those found
        missing: names of utterances that should be there and are not
    """

    counts: tuple[Count, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """A corpus that can be read.

    Args:
        name: the reader's name, prefix of every id
        title: the corpus's full name
        licence: as its authors state it
        url: where to get it
        citation: the paper to cite
        language: ISO 639-1
        labels: the corpus's own code of every emotion → the house's word (`labels.EMOTIONS`)
        extra: columns the corpus adds to the utterance table
        read: the corpus folder in, what it holds out
        expected: the rows read in, the published counts beside those found out
        known_bad: stems or ids of files that are known to be broken → what is wrong with them
        max_duration_s: an utterance longer than this is suspicious
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str
    language: str
    labels: Mapping[str, str]
    read: Callable[[Path], Reading]
    expected: Callable[[Sequence[Row]], Expected]
    extra: pa.Schema = field(default_factory=lambda: pa.schema([]))
    known_bad: Mapping[str, str] = field(default_factory=dict)
    max_duration_s: float = 30.0

    @property
    def schema(self) -> pa.Schema:
        """The schema of the corpus's utterance table."""
        return tables.utterances(self.extra)


def media(folder: Path, *, suffixes: Iterable[str] = MEDIA) -> Iterator[Path]:
    """Yield the media files under a folder, sorted by path; hidden files and folders that pose as files are none.

    Raises:
        InputError: if there is no such folder
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; a corpus is a folder in its native layout")
    wanted = frozenset(suffixes)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in wanted and not path.name.startswith(".") and path.is_file():
            yield path


def clips(folder: Path, row: Callable[[str, str], Row]) -> Reading:
    """Read a corpus whose file names say everything, from the media files anywhere below a folder.

    Args:
        folder: the corpus folder
        row: gives the row of a clip from its stem and its path relative to the folder; raises Rejected if there is none
    """
    rows, rejects = [], []
    for path in media(folder):
        where = relative(path, folder)
        try:
            rows.append(row(path.stem, where))
        except Rejected as error:
            rejects.append(Reject(where, error.reason, error.detail))
    return Reading(tuple(rows), tuple(rejects))


def again(row: Row) -> Reject:
    """Return the reject for a second file of an utterance."""
    return Reject(str(row["audio"]), "same utterance twice", f"{row['utterance_id']} is there already")


def unrepeated(found: Reading) -> Reading:
    """Keep the first file of every utterance, by name, and reject the others."""
    first: dict[str, Row] = {}
    for row in found.rows:
        first.setdefault(row["utterance_id"], row)
    others = [again(row) for row in found.rows if first[row["utterance_id"]] is not row]
    return Reading(tuple(first.values()), (*found.rejects, *others), found.repairs)


def acted(corpus: str, one: str, speaker: str, where: str, **more: Any) -> Row:
    """Return a row of a corpus of acted clips: a file an utterance, grouped by speaker, labelled by the corpus.

    Args:
        corpus: the reader's name
        one: what follows it in the utterance's id
        speaker: the speaker's own name
        where: the file, relative to the corpus folder
        more: the other columns
    """
    return {
        "utterance_id": f"{corpus}/{slug(one)}",
        "corpus": corpus,
        "language": "en",
        "speaker": f"{corpus}/{speaker}",
        "group": f"{corpus}/{speaker}",
        "audio": where,
        "text_source": "transcript" if more.get("text") else None,
        "label_source": "corpus",
        "weight": 1.0,
        **more,
    }


def tally(rows: Sequence[Row], column: str) -> Counter[str]:
    """Count the values of a column; rows without one are not counted."""
    return Counter(str(row[column]) for row in rows if row.get(column) is not None)


def relative(path: Path, folder: Path) -> str:
    """Return a path relative to the corpus folder, with `/`."""
    return path.relative_to(folder).as_posix()


def twice(rows: Sequence[Row]) -> list[str]:
    """Return the utterance ids that occur more than once, sorted."""
    counts = Counter(row["utterance_id"] for row in rows)
    return sorted(one for one, n in counts.items() if n > 1)


def slug(text: str) -> str:
    """Return a name from outside as part of an id: letters, digits, dot, dash and underscore; the rest becomes `_`."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_") or "_"
