"""Several corpora as one: a folder with a subfolder for each, named after its reader and in its native layout.

`acted/ravdess/…`, `acted/tess/…`: one table, so that an experiment can learn from all of them, or learn from some and
be tested on another (the protocol `corpus-out`). Speakers, groups and scripts carry their corpus's name and never mix.
What the corpora do not all state is null where it is not stated.

Quirks: a subfolder that is a link is left alone: it leads out of the folder that is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import InputError
from tasks.core.memo import Reject
from tasks.corpora.readers.reading import Corpus, Expected, Reading, Row

NAME = "pool"


def read(folder: Path) -> Reading:
    """Read every corpus below a folder.

    Raises:
        InputError: if there is no subfolder with a reader's name, or one of the corpora cannot be read
    """
    from tasks.corpora.readers import registry

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; a pool is a folder of corpora")
    rows, rejects, repairs = list[Row](), list[Reject](), Counter[str]()
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    known = [path for path in inside if path.name in registry.NAMES]
    if not known:
        there = ", ".join(path.name for path in inside) or "no folder"
        raise InputError(f"{folder}: expected folders named after readers ({', '.join(registry.NAMES)}), found {there}")
    for path in known:
        found = registry.corpus(path.name).read(path)
        rows += [_inside(row, path.name) for row in found.rows]
        rejects += [replace(one, id=f"{path.name}/{one.id}") for one in found.rejects]
        repairs.update(found.repairs)
    rejects += [Reject(path.name, "no reader's name") for path in inside if path not in known]
    return Reading(tuple(rows), tuple(rejects), repairs)


def _inside(row: Row, place: str) -> Row:
    """Return a row with paths from the pool's folder on."""
    moved = {name: f"{place}/{row[name]}" for name in ("audio", "video") if row.get(name)}
    return {**row, **moved}


def _expected(_: Sequence[Row]) -> Expected:
    return Expected(())


def corpus(parts: Sequence[Corpus]) -> Corpus:
    """Return the pool's description.

    Args:
        parts: every corpus that may be in it
    """
    return Corpus(
        name=NAME,
        title="Several corpora",
        licence="those of the corpora",
        url="docs/experiments.md",
        citation="",
        language="",
        labels={code: emotion for part in parts for code, emotion in part.labels.items()},
        read=read,
        expected=_expected,
        extra=pa.unify_schemas([part.extra for part in parts]),
        known_bad={name: what for part in parts for name, what in part.known_bad.items()},
        max_duration_s=60.0,
    )
