"""Files of ratings: `annotated.csv`, kept in step with the store, and exchange with CSV and Label Studio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tasks.annotate import csv_ratings, label_studio
from tasks.annotate.rated_segments import RatedSegment, Segment, checked_name
from tasks.annotate.store import Store
from tasks.core import paths, text_files
from tasks.core.errors import InputError

_DIGEST = "annotated.csv"
"""Key of the store's note with the digest of `annotated.csv` as it was last written."""
_LEFT_OUT = "left_out"
_Value = TypeVar("_Value")


def open_store(segments: Sequence[Segment]) -> Store:
    """Open the project's store. A new store (as in a clone) is filled from `annotated.csv`.

    Args:
        segments: the project's segments

    Raises:
        InputError: if store or file are not valid
    """
    is_new = not paths.RATING_STORE.exists()
    store = Store(paths.RATING_STORE)
    try:
        if is_new and paths.ANNOTATED.exists():
            import_file(store, paths.ANNOTATED, segments)
            store.set_note(_DIGEST, _digest(paths.ANNOTATED))
    except BaseException:
        store.close()
        paths.RATING_STORE.unlink(missing_ok=True)
        raise
    return store


def publish(store: Store, path: Path | None = None, *, overwrite: bool = False) -> Path | None:
    """Write a CSV file from the store; without ratings delete it and return None.

    Args:
        store: the ratings
        path: the file; None: `data/listeners/annotated.csv`
        overwrite: whether to replace the file if it was changed by something else

    Raises:
        InputError: if the file was changed by something else: its ratings must not be lost
    """
    of_project = path is None
    path = path or paths.ANNOTATED
    if not overwrite and path.exists() and store.note(_DIGEST) != _digest(path):
        keep = f"undertone annotate import {path}" if of_project else "move the file"
        raise InputError(
            f"{path} was changed since it was written from the stored ratings. To keep the changes: {keep}; to discard "
            "them, delete the file: it is written again"
        )
    rated = counted(store)
    if not any(segment.ratings for segment in rated):
        path.unlink(missing_ok=True)
        return None
    csv_ratings.write(path, rated)
    store.set_note(_DIGEST, _digest(path))
    return path


def left_out(store: Store) -> list[str]:
    """Return the listeners whose ratings someone decided not to count, sorted.

    Args:
        store: the ratings
    """
    names: list[str] = json.loads(store.note(_LEFT_OUT) or "[]")
    return names


def leave_out(store: Store, name: str, *, undo: bool = False) -> None:
    """Leave a listener's ratings out of the published file, or take them in again; the store keeps them.

    Args:
        store: the ratings
        name: the listener's
        undo: whether to take them in again

    Raises:
        InputError: if there is no such listener, or they are not left out
    """
    present = left_out(store) if undo else store.listeners()
    if name not in present:
        raise InputError(
            f"there is no listener {text_files.quoted(name)}; found {text_files.listed(present) or 'none'}"
        )
    names = set(left_out(store))
    names = names - {name} if undo else names | {name}
    store.set_note(_LEFT_OUT, json.dumps(sorted(names)))


def counted(store: Store) -> list[RatedSegment]:
    """Return the stored segments without the ratings of listeners who are left out.

    Args:
        store: the ratings
    """
    names = set(left_out(store))
    if not names:
        return store.rated_segments()
    return [
        replace(
            item,
            ratings=_without(item.ratings, names),
            playback=_without(item.playback, names),
            again=_without(item.again, names),
        )
        for item in store.rated_segments()
        if item.adjudication or not item.ratings.keys() <= names
    ]


def write(path: Path, rated: Sequence[RatedSegment], sounds: Mapping[str, bytes]) -> None:
    """Write ratings as CSV or for Label Studio.

    Args:
        path: .csv or .json
        rated: segments with ratings
        sounds: FLAC by `SegmentId.key`, for .json

    Raises:
        InputError: if the file name has another ending, or a CSV file would have no ratings
    """
    if _ending(path) == ".csv":
        csv_ratings.write(path, rated)
    else:
        label_studio.write(path, rated, sounds)


def read(path: Path, segments: Sequence[Segment]) -> list[RatedSegment]:
    """Read ratings from CSV or Label Studio's JSON.

    Args:
        path: .csv or .json
        segments: the project's segments, for .csv

    Raises:
        InputError: names file, row or task, and error
    """
    return csv_ratings.read(path, segments) if _ending(path) == ".csv" else label_studio.read(path)


def import_file(store: Store, path: Path, segments: Sequence[Segment], *, replace: bool = False) -> int:
    """Add a file's ratings to the store, all or none.

    Args:
        store: the ratings
        path: .csv or .json
        segments: the project's segments
        replace: whether a differing rating in the file replaces the stored one

    Returns:
        number of new or replaced ratings and adjudications

    Raises:
        InputError: names file, row or task, and error
    """
    rated = read(path, segments)
    try:
        _demand_one_spelling(rated, store.listeners())
        return store.merge(rated, replace=replace)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _demand_one_spelling(rated: Sequence[RatedSegment], existing: Sequence[str]) -> None:
    """Refuse new listeners whose names differ from others only in case: a person must not count as two."""
    names = set(existing)
    for name in sorted({name for item in rated for name in item.ratings} - names):
        names.add(checked_name(name, names))


def _without(by_listener: Mapping[str, _Value], names: Collection[str]) -> dict[str, _Value]:
    return {name: value for name, value in by_listener.items() if name not in names}


def _ending(path: Path) -> str:
    ending = path.suffix.casefold()
    if ending not in (".csv", ".json"):
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected .csv, or .json for Label Studio")
    return ending


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
