"""Files of texts with a sentiment, to score voters on or to train a voter.

- `.csv`: a header with `text` and either `sentiment` (negative, neutral, positive) or `rating` (a number whose sign is
  the sentiment); `group` (video, article, dialogue) if rows are not independent.
- `.txt`, `.tsv`: lines of id, mean rating and text, tab-separated, without a header: the format of VADER's authors
  (Hutto & Gilbert 2014). The part of an id before `_` is the group.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.core import tables, text_files
from tasks.core.errors import InputError
from tasks.evaluation.splits import Labels

_NEUTRAL_BELOW = 0.5
"""Mean ratings of smaller magnitude, on a scale from −4 to 4, are neutral."""
_TABBED = (".txt", ".tsv")


@dataclass(frozen=True)
class RatedTexts:
    """Texts, sentiments and groups, each of shape (n_texts,)."""

    texts: tuple[str, ...]
    labels: Labels
    groups: Labels


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
    texts, labels, groups = zip(*rows, strict=True)
    return RatedTexts(texts, np.array(labels, dtype=str), np.array(groups, dtype=str))


def _tabbed(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(io.StringIO(text_files.read_text(path), newline=None), start=1):
        if not line.strip():
            continue
        cells = line.rstrip("\n").split("\t", maxsplit=2)
        if len(cells) < 3:
            raise InputError(
                f"{path}: line {number} has {len(cells)} cells, expected id, rating and text, tab-separated"
            )
        text_id, rating, text = cells
        yield text, _sentiment(path, number, rating), f"{path.stem}/{text_id.split('_')[0]}"


def _commas(path: Path) -> Iterator[tuple[str, str, str]]:
    table = text_files.csv_table(text_files.read_text(path), path)
    if "text" not in table.names or not {"sentiment", "rating"} & set(table.names):
        columns = text_files.listed(table.names)
        raise InputError(f"{path}: found columns {columns}; expected text, and sentiment or rating")
    for number, row in enumerate(table.rows, start=1):
        if row.is_ragged:
            columns = text_files.listed(table.names)
            raise InputError(f"{path}: row {number} has more or fewer cells than the header ({columns})")
        if "sentiment" in table.names:
            label = row.cells["sentiment"].strip().casefold()
            if label not in tables.SENTIMENTS:
                allowed, actual = ", ".join(tables.SENTIMENTS), text_files.quoted(label)
                raise InputError(f"{path}: row {number}: found the sentiment {actual}, expected one of {allowed}")
        else:
            label = _sentiment(path, number, row.cells["rating"])
        yield row.cells["text"], label, f"{path.stem}/{row.cells.get('group') or number}"


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
