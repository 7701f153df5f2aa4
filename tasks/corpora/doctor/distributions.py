"""Distributions of a corpus's labels by sex, intensity and age."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tasks.corpora.readers.reading import Row

NOT_STATED = "not stated"
_INTENSITIES = ("unspecified", "low", "medium", "high", "normal", "strong")
_DECADE = 10

Distribution = Mapping[str, Mapping[str, int]]
"""Value of an attribute, such as `female` → label ("" where there is none) → number of utterances."""


def by_attribute(rows: Sequence[Row]) -> dict[str, Distribution]:
    """Return the labels by each attribute that the corpus states, in the order sex, intensity, age.

    Args:
        rows: utterances, with the corpus's own columns
    """
    values = {
        "sex": [sex(row) for row in rows],
        "intensity": [intensity(row) for row in rows],
        "age": [_age_group(row) for row in rows],
    }
    labels = [row["emotion"] or row["sentiment"] or "" for row in rows]
    return {name: _counted(column, labels) for name, column in values.items() if any(column)}


def _counted(values: Sequence[str | None], labels: Sequence[str]) -> Distribution:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        counts[value or NOT_STATED][label] += 1
    return {value: dict(counts[value]) for value in sorted(counts, key=_place)}


def _place(value: str) -> tuple[bool, int, str]:
    """Return the sorting key of a value: intensities from weak to strong, others by name, unknown ones last."""
    return value == NOT_STATED, _INTENSITIES.index(value) if value in _INTENSITIES else 0, value


def sex(row: Row) -> str | None:
    """Return the speaker's sex in lower case, if the corpus states it.

    Args:
        row: an utterance, with the corpus's own columns
    """
    # CREMA-D's table capitalises it
    return str(row["sex"]).lower() if row.get("sex") else None


def intensity(row: Row) -> str | None:
    """Return the intensity of the emotion, if the corpus states it.

    Args:
        row: an utterance, with the corpus's own columns
    """
    return row.get("intensity") or row.get("level")


def _age_group(row: Row) -> str | None:
    if (age := row.get("age")) is None:
        return None
    begin = int(age) // _DECADE * _DECADE
    return f"{begin} to {begin + _DECADE - 1}"
