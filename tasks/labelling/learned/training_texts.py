"""Labelled texts that a voter is trained on, from one source or several."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.core import tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation.splits import Labels


@dataclass(frozen=True)
class TrainingTexts:
    """Labelled texts of one source.

    Args:
        texts: with their stop words, shape (n_texts,)
        labels: negative, neutral or positive, shape (n_texts,)
        groups: dialogue, article or video of each text; folds keep groups together, shape (n_texts,)
        source: name of the corpus or file, for the card
        licence: of the texts
    """

    texts: Sequence[str]
    labels: Labels
    groups: Labels
    source: str
    licence: str

    def described(self) -> dict[str, Any]:
        """Return what the card states: name, licence, number of texts and classes, and a digest of all rows."""
        columns = (self.texts, self.labels.tolist(), self.groups.tolist())
        rows = [list(row) for row in zip(*columns, strict=True)]
        return {
            "source": self.source,
            "licence": self.licence,
            "n_texts": len(self.texts),
            "classes": {label: int((self.labels == label).sum()) for label in tables.SENTIMENTS},
            "sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
        }


@dataclass(frozen=True)
class TrainingRows:
    """The rows of all sources.

    Args:
        texts: shape (n_texts,)
        labels: shape (n_texts,)
        groups: a group has rows of one source only, shape (n_texts,)
        sources: name of each row's source, shape (n_texts,)
    """

    texts: tuple[str, ...]
    labels: Labels
    groups: Labels
    sources: Labels


def joined(sources: Sequence[TrainingTexts]) -> TrainingRows:
    """Return the rows of several sources, those without letters or digits left out.

    Args:
        sources: with different names

    Raises:
        NotEnoughData: if a source occurs twice, or a sentiment is missing or occurs in a single group
    """
    names = [source.source for source in sources]
    if len(set(names)) < len(names):
        raise NotEnoughData(f"{', '.join(names)}: a source is given twice; expected different ones")
    rows = [
        (text, label, f"{source.source}/{group}", source.source)
        for source in sources
        for text, label, group in zip(source.texts, source.labels.tolist(), source.groups.tolist(), strict=True)
        if has_words(text)
    ]
    texts, labels, groups, of_source = zip(*rows, strict=True) if rows else ((), (), (), ())
    joined_rows = TrainingRows(texts, *(np.array(column, dtype=str) for column in (labels, groups, of_source)))
    for label in tables.SENTIMENTS:
        n_groups = np.unique(joined_rows.groups[joined_rows.labels == label]).size
        if n_groups < 2:
            raise NotEnoughData(
                f"{', '.join(names)}: found {label} texts in {n_groups} groups; a voter is trained on texts of every "
                "sentiment, each in 2 groups or more (videos, dialogues, articles)"
            )
    return joined_rows


def has_words(text: str) -> bool:
    """Return whether a text has a letter or digit: a learned voter abstains from others.

    Args:
        text: any text
    """
    return any(map(str.isalnum, text))
