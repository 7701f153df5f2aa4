"""Files of texts with a sentiment, to score voters on or to train a voter.

- `.csv`: a header with `text` and either `sentiment` (negative, neutral, positive), or `rating` (a number whose sign is
  the sentiment), or the numbers of people who chose `negative`, `neutral` and `positive`, of which the most frequent
  is the sentiment (a row that ties needs a `sentiment`); `group` (video, article) if rows are not independent.
- `.txt`, `.tsv`: lines of id, mean rating and text, tab-separated, without a header: the format of VADER's authors
  (Hutto & Gilbert 2014). The part of an id before `_` is the group.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables, text_files
from tasks.core.errors import InputError
from tasks.evaluation.splits import Labels

_NEUTRAL_BELOW = 0.5
"""Mean ratings of smaller magnitude, on a scale from −4 to 4, are neutral."""
_TABBED = (".txt", ".tsv")


@dataclass(frozen=True)
class RatedTexts:
    """Texts with their sentiments.

    Args:
        texts: shape (n_texts,)
        labels: negative, neutral or positive, shape (n_texts,)
        groups: article, video or dialogue, shape (n_texts,)
        names: file and line, shape (n_texts,)
        shares: shares of the ratings of several people, NaN for other texts, shape (n_texts, 3)
    """

    texts: tuple[str, ...]
    labels: Labels
    groups: Labels
    names: tuple[str, ...]
    shares: NDArray[np.float64]


class _Row(NamedTuple):
    text: str
    label: str
    group: str
    name: str
    shares: tuple[float, ...] = (float("nan"),) * len(tables.SENTIMENTS)


def read(paths: list[Path]) -> RatedTexts:
    """Read one or several files; groups of different files are different.

    Args:
        paths: .csv, .txt or .tsv files

    Raises:
        InputError: names file, row and error
    """
    rows = [row for path in paths for row in (_tabbed(path) if path.suffix.lower() in _TABBED else _commas(path))]
    if not rows:
        raise InputError(f"{', '.join(map(str, paths))}: found no text")
    texts, labels, groups, names, shares = zip(*rows, strict=True)
    return RatedTexts(texts, np.array(labels, dtype=str), np.array(groups, dtype=str), names, np.array(shares))


def in_folder(folder: Path) -> RatedTexts | None:
    """Read all files of rated texts in a folder, by name; None if there are none.

    Args:
        folder: need not exist

    Raises:
        InputError: names file, row and error
    """
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in (*_TABBED, ".csv"))
    return read(files) if files else None


def _tabbed(path: Path) -> Iterator[_Row]:
    for number, line in enumerate(io.StringIO(text_files.read_text(path), newline=None), start=1):
        if not line.strip():
            continue
        cells = line.rstrip("\n").split("\t", maxsplit=2)
        if len(cells) < 3:
            raise InputError(
                f"{path}: line {number} has {len(cells)} cells, expected id, rating and text, tab-separated"
            )
        text_id, rating, text = cells
        group = f"{path.stem}/{text_id.split('_')[0]}"
        yield _Row(text, _sentiment(path, number, rating), group, f"{path.name}, line {number}")


def _commas(path: Path) -> Iterator[_Row]:
    table = text_files.csv_table(text_files.read_text(path), path)
    counted = set(tables.SENTIMENTS) <= set(table.names)
    if "text" not in table.names or not (counted or {"sentiment", "rating"} & set(table.names)):
        columns = text_files.listed(table.names)
        raise InputError(
            f"{path}: found columns {columns}; expected text, and sentiment, rating, or {', '.join(tables.SENTIMENTS)}"
        )
    for number, row in enumerate(table.rows, start=1):
        if row.is_ragged:
            columns = text_files.listed(table.names)
            raise InputError(f"{path}: row {number} has more or fewer cells than the header ({columns})")
        counts = _counts(path, number, row.cells) if counted else None
        label = _label(path, number, row.cells, counts)
        group = f"{path.stem}/{row.cells.get('group') or number}"
        rated = _Row(row.cells["text"], label, group, f"{path.name}, row {number}")
        several = counts is not None and sum(counts) > 1
        yield rated._replace(shares=tuple(count / sum(counts) for count in counts)) if counts and several else rated


def _label(path: Path, number: int, cells: Mapping[str, str], counts: tuple[int, ...] | None) -> str:
    if "sentiment" in cells:
        label = cells["sentiment"].strip().casefold()
        if label not in tables.SENTIMENTS:
            allowed, actual = ", ".join(tables.SENTIMENTS), text_files.quoted(label)
            raise InputError(f"{path}: row {number}: found the sentiment {actual}, expected one of {allowed}")
        return label
    if "rating" in cells:
        return _sentiment(path, number, cells["rating"])
    most = [k for k, count in enumerate(counts or ()) if count == max(counts or ())]
    if len(most) != 1:
        raise InputError(
            f"{path}: row {number}: found as many ratings of two classes, or none; expected a most frequent class, or "
            "a column sentiment that decides"
        )
    return tables.SENTIMENTS[most[0]]


def _counts(path: Path, number: int, cells: Mapping[str, str]) -> tuple[int, ...]:
    """Return how many people chose each class."""
    try:
        counts = tuple(text_files.whole_number(cells[label] or "0") for label in tables.SENTIMENTS)
    except ValueError:
        counts = (-1,)
    if min(counts) < 0:
        actual = text_files.listed([cells[label] for label in tables.SENTIMENTS])
        raise InputError(f"{path}: row {number}: found {actual} ratings, expected three whole numbers")
    return counts


def _sentiment(path: Path, number: int, cell: str) -> str:
    try:
        rating = text_files.number(cell)
    except ValueError:
        raise InputError(
            f"{path}: row {number}: found the rating {text_files.quoted(cell)}, expected a number"
        ) from None
    if abs(rating) < _NEUTRAL_BELOW:
        return "neutral"
    return "positive" if rating > 0 else "negative"
