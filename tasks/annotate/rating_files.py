"""The votes that `evaluate` reads, kept in step with the store, and the exchange with other tools' files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.annotate import csv_ratings, label_studio
from tasks.annotate.rated_segments import RatedSegment, Segment
from tasks.annotate.store import Store
from tasks.core import paths
from tasks.core.errors import InputError

_DIGEST = "annotated.csv"


def opened(known: Sequence[Segment]) -> Store:
    """Open the project's store; a new one, as in a clone, begins with the votes of `annotated.csv`.

    Args:
        known: segments that rows of the file may be
    """
    fresh = not paths.RATING_STORE.exists()
    store = Store(paths.RATING_STORE)
    try:
        if fresh and paths.ANNOTATED.exists():
            take_in(store, paths.ANNOTATED, known)
            store.set_note(_DIGEST, _digest(paths.ANNOTATED))
    except BaseException:
        store.close()
        paths.RATING_STORE.unlink(missing_ok=True)
        raise
    return store


def publish(store: Store, *, over: bool = False) -> Path | None:
    """Write `data/listeners/annotated.csv` from the store, whole; None where nobody has voted.

    Args:
        store: the votes
        over: whether the file may be replaced if someone else has changed it

    Raises:
        InputError: if it has votes that someone else put there: they must not be lost
    """
    path = paths.ANNOTATED
    if not over and path.exists() and store.note(_DIGEST) != _digest(path):
        raise InputError(
            f"{path} was changed since it was written from {paths.RATING_STORE}. Take in what is new: "
            f"undertone annotate import {path}; or remove it, and it is written again"
        )
    ballots = store.ballots()
    if not any(one.votes for one in ballots):
        # the last vote was taken back: what the file says is no longer so
        path.unlink(missing_ok=True)
        return None
    csv_ratings.write(path, ballots)
    store.set_note(_DIGEST, _digest(path))
    return path


def write(path: Path, ballots: Sequence[RatedSegment], sounds: Mapping[str, bytes]) -> None:
    """Write votes to a file of a kind that its name tells.

    Raises:
        InputError: if the name is of neither kind, or there is nothing to write
    """
    if _kind(path) == ".csv":
        csv_ratings.write(path, ballots)
    else:
        label_studio.write(path, ballots, sounds)


def read(path: Path, known: Sequence[Segment]) -> list[RatedSegment]:
    """Read votes from a file of a kind that its name tells.

    Raises:
        InputError: naming file, row or task, and what is wrong
    """
    return csv_ratings.read(path, known) if _kind(path) == ".csv" else label_studio.read(path)


def take_in(store: Store, path: Path, known: Sequence[Segment], *, replace: bool = False) -> int:
    """Add a file's votes to the store, all or none.

    Args:
        store: where they go
        path: the file
        known: segments that its rows may be
        replace: whether the file's votes stand where the two differ

    Returns:
        how many votes and verdicts were new or replaced

    Raises:
        InputError: naming file, row or task, and what is wrong
    """
    ballots = read(path, known)
    try:
        return store.merge(ballots, replace=replace)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _kind(path: Path) -> str:
    kind = path.suffix.casefold()
    if kind not in (".csv", ".json"):
        raise InputError(f"{path}: found the ending {path.suffix!r}, expected .csv, or .json for Label Studio")
    return kind


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
