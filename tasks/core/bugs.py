"""Bugs that items meet: recorded with their tracebacks, while the other items are done.

An unexpected exception in an item's work is a bug in undertone. The item gets a result without rows and a reject of
the reason `bug`, which is kept for this run only. After all other items, the run fails with `ItemsFailed`: the stage
does not write its outputs, which remain those of its last complete run. Its table of rejected items, if dvc.yaml gives
it one, and `.undertone/bugs/STAGE.txt` list the bugs with their tracebacks.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.core import paths, tables
from tasks.core.code_version import ROOT
from tasks.core.outcomes import ItemsFailed
from tasks.core.results import Reject

BUG = "bug"
"""The reason of an item's reject."""
_MAX_TRACEBACKS = 100
_MAX_CHARACTERS, _MAX_LINE = 8_000, 300
_FILE = re.compile(r'(?<=File ")(?P<path>[^"]+)(?=")')
_LIBRARIES = re.compile(r"^.*/(?:site-packages|dist-packages|lib/python3\.\d+)/")


def line(error: BaseException) -> str:
    """Return an exception's type and message as one line of at most 300 characters.

    Args:
        error: the exception
    """
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    text = " ".join(f"{type(error).__name__}: {message}".split()) if message else type(error).__name__
    return _printable(text)[:_MAX_LINE]


def text(error: BaseException) -> str:
    """Return an exception's traceback, with paths that do not depend on the machine, and its middle cut if it is long.

    Args:
        error: the exception
    """
    whole = "".join(traceback.format_exception(error))
    whole = _printable(_FILE.sub(lambda match: _relative(match["path"]), whole), kept="\n\t").strip()
    if len(whole) <= _MAX_CHARACTERS:
        return whole
    half = _MAX_CHARACTERS // 2
    return f"{whole[:half]}\n… {len(whole) - 2 * half} characters left out …\n{whole[-half:]}"


@contextmanager
def recorded(stage: str, table: Path | None = None) -> Iterator[None]:
    """Record the bugs of a stage that fails by `ItemsFailed`; remove an earlier record if it succeeds.

    Args:
        stage: its name
        table: its table of rejected items, if it has one
    """
    place = path(stage)
    try:
        yield
    except ItemsFailed as failed:
        failed.where = place
        _write(failed, place, table)
        raise
    place.unlink(missing_ok=True)


@contextmanager
def also_rejected(rejects: Sequence[Reject]) -> Iterator[None]:
    """Add a stage's own rejects, which no item gave, to the record of bugs that its items meet.

    Args:
        rejects: read at the time of the failure
    """
    try:
        yield
    except ItemsFailed as failed:
        failed.more_rejects += rejects
        raise


def path(stage: str) -> Path:
    """Return the path of a stage's tracebacks, whether there are any or not.

    Args:
        stage: its name
    """
    return paths.STATE / "bugs" / f"{stage}.txt"


def write_rejects(stage: str, rejects: Sequence[Reject], table: Path) -> None:
    """Write a table of rejected items, sorted.

    Args:
        stage: the stage that rejects them
        rejects: all of them
        table: path of the table
    """
    rows = [
        {"item": _encodable(r.id), "stage": stage, "reason": _encodable(r.reason), "detail": _encodable(r.detail)}
        for r in rejects
    ]
    rows.sort(key=lambda row: (row["item"], row["reason"], row["detail"]))
    tables.write(tables.from_rows(rows, tables.REJECTED), table, tables.REJECTED)


def _write(failed: ItemsFailed, place: Path, table: Path | None) -> None:
    tracebacks, others = list[Reject](), list[Reject]()
    for outcome in failed.outcomes:
        if outcome.bug and len(tracebacks) >= _MAX_TRACEBACKS:
            # a bug that thousands of items meet needs no thousand tracebacks
            tracebacks.append(Reject(outcome.item, BUG, outcome.bug))
        elif outcome.bug:
            tracebacks += outcome.result().rejects
        elif table is not None:
            others += outcome.result().rejects
    listed = "\n\n".join(f"{reject.id}\n{reject.detail}" for reject in tracebacks)
    tables.write_text(place, _encodable(listed) + "\n")
    if table is not None:
        # a stage's own rejects may include those of an earlier map
        rejects = dict.fromkeys([*others, *tracebacks, *failed.more_rejects])
        write_rejects(failed.stage, list(rejects), table)


def _relative(name: str) -> str:
    if name.startswith(f"{ROOT}/"):
        return name[len(f"{ROOT}/") :]
    return _LIBRARIES.sub("", name)


def _printable(content: str, kept: str = "") -> str:
    return "".join(character if character.isprintable() or character in kept else "?" for character in content)


def _encodable(content: str) -> str:
    # an undecodable byte of a file name is a lone surrogate, which UTF-8 cannot encode
    return content.encode("utf-8", "replace").decode("utf-8")
