"""Several corpora as one: a folder with a subfolder per corpus, named after its reader and in its native layout.

`acted/ravdess/…`, `acted/tess/…` become one table, so that an experiment can train on all of them, or train on some and
test on another (protocol `corpus-out`). Speakers, groups and scripts carry their corpus's name and never mix. A column
that some of the corpora lack is null for those.

Known problems: subfolders that are symbolic links are ignored, because they lead out of the folder that is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import InputError
from tasks.core.results import Reject
from tasks.corpora.readers.reading import CorpusReader, Expected, ReaderOutput, Row, demand_folder

NAME = "pool"
_FIRST = ("ravdess", "crema-d", "iemocap")
"""Readers whose extra columns come first: keeps tables of pools identical to those of earlier versions."""


def corpus(readers: Mapping[str, CorpusReader]) -> CorpusReader:
    """Return the reader of a pool.

    Args:
        readers: name → reader of each corpus that may be in it
    """
    parts = [readers[name] for name in dict.fromkeys((*_FIRST, *readers)) if name in readers]
    return CorpusReader(
        name=NAME,
        title="Several corpora",
        licence="those of the corpora",
        url="docs/experiments.md",
        citation="",
        language="",
        labels={code: emotion for part in parts for code, emotion in part.labels.items()},
        read=partial(_read, readers),
        expected=_expected,
        extra=pa.unify_schemas([part.extra for part in parts]),
        known_bad={name: what for part in parts for name, what in part.known_bad.items()},
        max_duration_s=60.0,
    )


def _read(readers: Mapping[str, CorpusReader], folder: Path) -> ReaderOutput:
    """Read every corpus below a folder.

    Raises:
        InputError: if there is no subfolder with a reader's name, or one of the corpora cannot be read
    """
    demand_folder(folder, "a pool is a folder of corpora")
    rows, rejects, repairs = list[Row](), list[Reject](), Counter[str]()
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    if not any(path.name in readers for path in subfolders):
        actual = ", ".join(path.name for path in subfolders) or "no folder"
        raise InputError(f"{folder}: expected folders named after readers ({', '.join(readers)}), found {actual}")
    for path in subfolders:
        if path.name not in readers:
            continue
        part = readers[path.name].read(path)
        rows += [_moved(row, path.name) for row in part.rows]
        rejects += [replace(reject, id=f"{path.name}/{reject.id}") for reject in part.rejects]
        repairs.update(part.repairs)
    rejects += [Reject(path.name, "no reader's name") for path in subfolders if path.name not in readers]
    return ReaderOutput(tuple(rows), tuple(rejects), repairs)


def _moved(row: Row, subfolder: str) -> Row:
    """Return a row with paths relative to the pool's folder."""
    paths = {name: f"{subfolder}/{row[name]}" for name in ("audio", "video") if row.get(name)}
    return {**row, **paths}


def _expected(_: Sequence[Row]) -> Expected:
    return Expected(())
