"""Sound files in any folder as a queue to listen to, and the ratings beside them: no project is needed.

Each file is one segment. Ratings are saved in `NAME.sqlite` as soon as they are made, and written to `NAME.csv`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tasks.annotate import class_definitions
from tasks.annotate.class_definitions import RatingQuestion
from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.annotate.store import Store
from tasks.core.errors import AudioError, InputError, NotEnoughData
from tasks.fetching import local_files
from tasks.media import decode

LONGEST_S = 600.0
"""A rating is about a whole file: longer ones have to be cut first."""
NAME = "ratings.csv"
_CLASSES = "classes"


class FlacFiles(Mapping[str, bytes]):
    """Sounds in files, read when they are played.

    Args:
        files: `SegmentId.key` → FLAC file
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def __getitem__(self, key: str) -> bytes:
        return self._files[key].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class MediaQueue:
    """Files to listen to.

    Args:
        segments: one per file, in the order of listening
        sounds: FLAC by `SegmentId.key`
        n_files: number of media files in the folder
        unusable: files that cannot be played, and why
        practice: segments of files that are not among those to rate
    """

    segments: tuple[Segment, ...]
    sounds: Mapping[str, bytes]
    n_files: int
    unusable: tuple[tuple[str, str], ...]
    practice: tuple[Segment, ...] = ()


def load(folder: Path, *, n: int | None, seed: int, decoded: Path, n_practice: int = 0) -> MediaQueue:
    """Decode the files of a folder, in an order by a hash of seed and name, which a further file does not change.

    Files for practice are the next in this order, so there are none if all files are to be rated.

    Args:
        folder: of media files, with subfolders
        n: number of files in the queue; None: all
        seed: of the order
        decoded: folder for the decoded sound
        n_practice: number of further files for practice

    Raises:
        InputError: if there is no such folder, or it has no media file
        NotEnoughData: if no file can be played
    """
    files = [recording.file for recording in local_files.scan(folder).recordings]
    names = {path: path.relative_to(folder).as_posix() for path in files}
    order = sorted(files, key=lambda path: hashlib.sha256(f"{seed}\0{names[path]}".encode()).digest())
    segments, sounds, unusable = list[Segment](), dict[str, Path](), list[tuple[str, str]]()
    targets = {path: decoded / f"{number}.flac" for number, path in enumerate(order)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        remaining = iter(order)
        # several rounds: for each file that cannot be played, another one is taken
        wanted = None if n is None else n + n_practice
        while part := list(islice(remaining, None if wanted is None else wanted - len(segments))):
            for path, outcome in zip(part, pool.map(_decode, part, map(targets.__getitem__, part)), strict=True):
                if isinstance(outcome, str):
                    unusable.append((names[path], outcome))
                    continue
                segment = Segment(SegmentId(names[path], 0.0, outcome), names[path], "")
                segments.append(segment)
                sounds[segment.id.key] = targets[path]
    if not segments:
        listed = "; ".join(f"{name}: {reason}" for name, reason in unusable[:3])
        raise NotEnoughData(f"{folder}: no file can be played: {listed}")
    return MediaQueue(
        tuple(segments[:n]), FlacFiles(sounds), len(files), tuple(unusable), tuple(segments[n:] if n else ())
    )


def open_store(target: Path) -> Store:
    """Open the ratings of a file to write; they are in `NAME.sqlite` beside it.

    Args:
        target: the CSV file

    Raises:
        InputError: if the name is not that of a CSV file, the folder cannot be written to, or there is a CSV file
            without its ratings
    """
    if target.suffix.casefold() != ".csv":
        raise InputError(f"{target}: found the ending {target.suffix!r}, expected .csv")
    path = store_path(target)
    if target.exists() and not path.exists():
        raise InputError(
            f"{target} exists, but not {path.name}, which holds the ratings behind it. Move one of them, or choose "
            "another file: -o FILE"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise InputError(f"{path.parent} cannot be written to; choose another place for the ratings: -o FILE")
    return Store(path)


def settled_question(store: Store, target: Path, wanted: RatingQuestion | None) -> RatingQuestion:
    """Return what is asked about a folder's files: the same classes for all ratings of a file.

    Args:
        store: the ratings
        target: the CSV file, for messages
        wanted: from the command line; None: the classes of the stored ratings, or else the three sentiments

    Raises:
        InputError: if there are ratings with other classes
    """
    noted = store.note(_CLASSES)
    if wanted is None:
        wanted = class_definitions.of_labels(noted.split(",")) if noted else class_definitions.SENTIMENT
    names = ",".join(wanted.names)
    if noted is not None and noted != names and store.rated_segments():
        raise InputError(
            f"{target}: has ratings with the classes {noted}, found {names}; continue with the same classes, or choose "
            "another file: -o FILE"
        )
    store.set_note(_CLASSES, names)
    return wanted


def store_path(target: Path) -> Path:
    """Return the file in which ratings are saved as they are made.

    Args:
        target: the CSV file
    """
    return target.with_suffix(".sqlite")


def _decode(source: Path, target: Path) -> float | str:
    """Return the duration of a file in seconds, or why it cannot be played."""
    try:
        return round(decode.to_flac(source, target, max_duration_s=LONGEST_S), 3)
    except (AudioError, OSError) as error:
        return str(error)
