"""Published corpora as data frames: `ut.corpora.read("ravdess", folder)`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tasks.core.errors import InputError


def names() -> tuple[str, ...]:
    """Return the names of the readers.

    Example:
        >>> "ravdess" in names()
        True
    """
    from tasks.corpora.readers import registry

    return registry.names()


def read(name: str, folder: str | Path) -> pd.DataFrame:
    """Read a corpus in its native layout.

    Nothing is decoded: files may be damaged. `undertone corpus doctor` checks them.

    Args:
        name: of the reader, one of `names()`
        folder: of the corpus, unpacked

    Returns:
        one row per utterance, by `utterance_id`, with the columns of the utterance table (docs/api.md) and those of the
        corpus. Paths in `audio` and `video` are absolute. `attrs["rejected"]` lists (file or row, reason, detail) of
        what cannot be used

    Raises:
        InputError: if there is no such reader or folder, or nothing in it can be read
    """
    from tasks.core import tables
    from tasks.corpora.readers import registry

    reader, place = registry.corpus(name), Path(folder)
    if not place.is_dir():
        raise InputError(f"{place}: there is no such folder; expected {reader.title}, unpacked")
    output = reader.read(place)
    if not output.rows:
        raise InputError(f"{place}: nothing in it could be read as {reader.title}")
    rows = {str(row["utterance_id"]): row for row in reversed(output.rows)}
    table = tables.from_rows([rows[key] for key in sorted(rows)], reader.schema).to_pandas()
    for column in ("audio", "video"):
        table[column] = [None if pd.isna(path) else str(place.absolute() / path) for path in table[column]]
    frame: pd.DataFrame = table.set_index("utterance_id")
    frame.attrs["rejected"] = [(reject.id, reject.reason, reject.detail) for reject in output.rejects]
    return frame


def simulate(name: str, folder: str | Path, *, seed: int = 7) -> Path:
    """Write a small synthetic corpus in a published layout, with synthetic voices: for tests and examples.

    Args:
        name: of the reader whose layout is written
        folder: a new folder
        seed: of everything random; the same seed gives the same bytes

    Returns:
        the folder

    Raises:
        InputError: if the folder exists, or there is no such reader or sample
    """
    from tasks.on_demand import simulated_corpora

    simulated_corpora.make(name, Path(folder), seed=seed)
    return Path(folder)
