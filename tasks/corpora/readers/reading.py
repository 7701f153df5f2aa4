"""Types and helpers of corpus readers: a folder in its native layout in, rows of the utterance table out.

A module of this package is one corpus: its `CORPUS` holds the reader, the published counts and a simulated sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from tasks.core import tables
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".webm", ".aac", ".wma", ".aiff", ".aif"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".flv"})
"""Containers with a video stream; their audio stream counts as the utterance's sound."""
LOSSY_SUFFIXES = frozenset({".mp3", ".m4a", ".ogg", ".opus", ".webm", ".aac", ".wma"})
ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
"""Archives that may hold media, whether undertone can unpack them or not."""
ACTED_COLUMNS = frozenset({"emotion", "speaker", "script", "group", "audio"})
"""Columns that every utterance of a corpus of acted clips has."""
COPY = "same utterance twice"
"""Reject reason of a further file of an utterance: the reader knows it, and leaves it out."""
OTHER_CORPUS = "file of another corpus"
"""Reject reason of a file that is published with a corpus, or beside it, and belongs to another one."""
RECOGNISED = frozenset({COPY, OTHER_CORPUS})
"""Reject reasons of files that the reader knows, and leaves out."""

Row = dict[str, Any]


class NoCorpusFiles(InputError):
    """A folder in which a reader recognises nothing."""


@dataclass(frozen=True)
class ReaderOutput:
    """Utterances of a corpus folder, and what could not be used.

    Args:
        rows: one dict per utterance, with columns of `tables.UTTERANCES` and of the corpus's `extra`; a missing
            column is null. `audio` and `video` are paths relative to the corpus folder, with `/`
        rejects: files and table rows that could not be used; the id is the file's relative path, or `FILE:LINE`
        repairs: kind of repair made while reading → how often ("text in another encoding": 812)
        digests: SHA-256 of media files that an earlier stage computed, by path
    """

    rows: tuple[Row, ...]
    rejects: tuple[Reject, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Count:
    """A published count (`expected`) of `what`, and the count in this copy of the corpus (`actual`)."""

    what: str
    expected: int
    actual: int


@dataclass(frozen=True)
class Expected:
    """Published counts, scaled to the part of the corpus that is present (three actors of RAVDESS: 180 clips).

    Args:
        counts: published and actual counts
        missing: ids of utterances that should be present and are not
    """

    counts: tuple[Count, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipFiles:
    """The media files of one utterance, relative to the corpus folder.

    Args:
        audio: its sound: a sound file, lossless if possible, or else the film
        video: its film
        copies: further files, which are left out
    """

    audio: str
    video: str | None
    copies: tuple[str, ...]


class Studio(Protocol):
    """Synthetic voices, faces and sentences for a sample; the same calls in the same order give the same results.

    Args:
        rate_hz: sampling rate of `speak`
        times: number of dialogues, as a multiple of the usual one
        partial: whether each modality shows only a part of the emotion, so that the speaker must not reveal it
    """

    rate_hz: int
    times: int
    partial: bool

    def speak(
        self, text: str, actor: int, emotion: str, *, take: int = 0, strength: float = 1.0
    ) -> NDArray[np.float64]:
        """Return speech, mono in [-1, 1] at `rate_hz`, shape (n_samples,); `take` varies it, `strength` scales it."""

    def sentence(self, emotion: str) -> str:
        """Return a random sentence whose adjective fits the emotion."""

    def sentiment(self, emotion: str) -> str:
        """Return the sentiment of an emotion: negative, neutral or positive."""

    def shown(self, emotion: str, among: Sequence[str]) -> tuple[str, str, str]:
        """Return the emotions that text, voice and face show of an utterance: the true one, or a random one."""

    def write_sound(self, samples: NDArray[np.float64], path: Path, *, rate_hz: int = 16_000) -> None:
        """Write samples of `speak` as a 16-bit `.wav` or `.flac` at another rate."""

    def write_film(self, samples: NDArray[np.float64], emotion: str, path: Path, *, seed: int) -> None:
        """Write a talking face as `.mp4`, with samples of `speak` as its sound."""


@dataclass(frozen=True)
class Sample:
    """A small simulated corpus in the native layout, for tests and demos, and what its reader must return for it.

    Args:
        write: writes the corpus into a new folder
        n_utterances: number of its utterances
        golden: columns of one of its rows, with `utterance_id`
        lacks: columns in the corpus's `offers` that the sample has not
        obeys_signals: whether it uses `Studio.shown`, `times` and `partial`
    """

    write: Callable[[Path, Studio], None]
    n_utterances: int
    golden: Row
    lacks: frozenset[str] = frozenset()
    obeys_signals: bool = False


@dataclass(frozen=True)
class CorpusReader:
    """A corpus that can be read.

    Args:
        name: the reader's name, prefix of every id: its module's name with `-` for `_`
        title: the corpus's full name
        licence: as its authors state it
        url: where to get it
        citation: the paper to cite
        language: ISO 639-1
        labels: the corpus's own code of each emotion → word of `labels.EMOTIONS`
        read: corpus folder → utterances and rejects
        expected: rows → published counts and missing utterances
        offers: columns that every utterance with an emotion has; None if only reading shows it
        depends: columns that every utterance has under some settings of the project
        sample: its simulated sample; None for a pool of corpora and for interviews
        extra: columns the corpus adds to the utterance table
        known_bad: stems or ids of broken files → what is wrong with them
        looks_for: names and places of the media files, for readers that do not list every file they do not know
        max_duration_s: a longer utterance is suspicious
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str
    language: str
    labels: Mapping[str, str]
    read: Callable[[Path], ReaderOutput]
    expected: Callable[[Sequence[Row]], Expected]
    offers: frozenset[str] | None = None
    depends: frozenset[str] = frozenset()
    sample: Sample | None = None
    extra: pa.Schema = field(default_factory=lambda: pa.schema([]))
    known_bad: Mapping[str, str] = field(default_factory=dict)
    looks_for: str = "media files that the table names"
    max_duration_s: float = 30.0

    @property
    def schema(self) -> pa.Schema:
        """The schema of the corpus's utterance table."""
        return tables.utterances(self.extra)


def media(folder: Path) -> Iterator[Path]:
    """Yield the media files under a folder, sorted by path, without hidden files and folders named like files.

    Files whose path is not UTF-8 cannot be named in a table, and are left out; the doctor lists them as unused.

    Args:
        folder: the corpus folder

    Raises:
        InputError: if there is no such folder
    """
    demand_folder(folder)
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if suffix in AUDIO_SUFFIXES | VIDEO_SUFFIXES and not path.name.startswith(".") and path.is_file():
            place = relative(path, folder)
            if printable(place) == place:
                yield path


def printable(name: str) -> str:
    """Return a file name in which bytes that are not UTF-8 are escaped.

    Args:
        name: as the file system has it
    """
    return name.encode("utf-8", "backslashreplace").decode()


def demand_folder(folder: Path, what: str = "a corpus is a folder in its native layout") -> None:
    """Check that a corpus folder exists.

    Args:
        folder: the corpus folder
        what: the message's hint on what to pass instead

    Raises:
        InputError: if it does not exist
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; {what}")


def clip_files(paths: Sequence[str]) -> ClipFiles:
    """Return which of an utterance's files are its sound and its film.

    Args:
        paths: its media files, at least one; the first of a kind is preferred
    """
    films = [path for path in paths if Path(path).suffix.lower() in VIDEO_SUFFIXES]
    sounds = sorted((path for path in paths if path not in films), key=is_lossy)
    audio, video = (sounds or films)[0], films[0] if films else None
    return ClipFiles(audio, video, tuple(path for path in paths if path not in (audio, video)))


def is_lossy(path: str) -> bool:
    """Return whether a sound file's format is a lossy one.

    Args:
        path: the file
    """
    return Path(path).suffix.lower() in LOSSY_SUFFIXES


def read_clips(folder: Path, row_of: Callable[[str, str], Row]) -> ReaderOutput:
    """Read a corpus whose file names hold all labels, from the media files anywhere below a folder.

    Args:
        folder: the corpus folder
        row_of: (stem, path relative to the folder) → row; raises Rejected if the file is no clip of the corpus

    Raises:
        InputError: if there is no such folder
    """
    rows, rejects = [], []
    for path in media(folder):
        item = relative(path, folder)
        try:
            rows.append(row_of(path.stem, item))
        except Rejected as error:
            rejects.append(Reject(item, error.reason, error.detail))
    return ReaderOutput(tuple(rows), tuple(rejects))


def duplicate(row: Row) -> Reject:
    """Return the reject for a second file of an utterance.

    Args:
        row: the second file's row
    """
    # rows of text alone have no file
    return Reject(row.get("audio") or row["utterance_id"], COPY, f"{row['utterance_id']} is there already")


def without_duplicates(output: ReaderOutput) -> ReaderOutput:
    """Keep the first row of each utterance id and reject the others.

    Args:
        output: rows in the order in which the first is preferred
    """
    first: dict[str, Row] = {}
    for row in output.rows:
        first.setdefault(row["utterance_id"], row)
    others = [duplicate(row) for row in output.rows if first[row["utterance_id"]] is not row]
    return ReaderOutput(tuple(first.values()), (*output.rejects, *others), output.repairs)


def acted_row(corpus: str, clip: str, speaker: str, path: str, **columns: Any) -> Row:
    """Return a row of a corpus of acted clips: one file per utterance, grouped by speaker, labelled by the corpus.

    Args:
        corpus: the reader's name
        clip: the utterance's id within the corpus
        speaker: the speaker's id within the corpus
        path: the file, relative to the corpus folder
        columns: the other columns, which win over the defaults
    """
    return {
        "utterance_id": f"{corpus}/{slug(clip)}",
        "corpus": corpus,
        "language": "en",
        "speaker": f"{corpus}/{speaker}",
        "group": f"{corpus}/{speaker}",
        "audio": path,
        "text_source": "transcript" if columns.get("text") else None,
        "label_source": "corpus",
        "weight": 1.0,
        **columns,
    }


def tally(rows: Sequence[Row], column: str) -> Counter[str]:
    """Count the values of a column, nulls excluded.

    Args:
        rows: utterances
        column: the column's name
    """
    return Counter(str(row[column]) for row in rows if row.get(column) is not None)


def relative(path: Path, folder: Path) -> str:
    """Return a path relative to the corpus folder, with `/`.

    Args:
        path: a file below the folder
        folder: the corpus folder
    """
    return path.relative_to(folder).as_posix()


def repeated_ids(rows: Sequence[Row]) -> list[str]:
    """Return the utterance ids that occur more than once, sorted.

    Args:
        rows: utterances
    """
    counts = Counter(row["utterance_id"] for row in rows)
    return sorted(utterance_id for utterance_id, n in counts.items() if n > 1)


def slug(text: str) -> str:
    """Return external text as part of an id: runs of other characters than letters, digits, `.`, `-`, `_` become `_`.

    Args:
        text: a name from a file or table
    """
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_") or "_"
