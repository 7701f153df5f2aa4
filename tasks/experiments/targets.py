"""Targets of recipes: classes, several labels at once, or numbers."""

from __future__ import annotations

from tasks.models.base.estimator import Task

NUMBERS = ("valence", "arousal", "dominance", "sentiment_intensity")
"""Targets of one number."""
SEVERAL = "emotions"
"""Target of corpora in which an utterance may have several emotions at once."""
INTENSITIES = "intensities"
"""Target of the same corpora: the intensities of all these emotions, from 0 to 3 each, as numbers."""
INTENSITY_COLUMNS = tuple(
    f"{name}_intensity" for name in ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
)
"""Columns of the utterance table that both are read from."""
NATIVE = "native_label"
"""Target of the corpus's own codes."""
TARGETS = ("emotion", "sentiment", NATIVE, SEVERAL, INTENSITIES, *NUMBERS)
SHARED = "shared"
"""The classes that every corpus of a pool has."""


def task_of(target: str) -> Task:
    """Return the kind of a target.

    Args:
        target: of the recipe
    """
    if target == SEVERAL:
        return "labels"
    return "values" if target in (INTENSITIES, *NUMBERS) else "classes"


def columns_of(target: str) -> tuple[str, ...]:
    """Return the columns of the utterance table that a target is read from.

    Args:
        target: of the recipe
    """
    return INTENSITY_COLUMNS if target in (SEVERAL, INTENSITIES) else (target,)


def fixed_outputs(target: str) -> tuple[str, ...]:
    """Return the names of a target's labels, or of its values; none for classes, which depend on the rows.

    Args:
        target: of the recipe
    """
    if target in (SEVERAL, INTENSITIES):
        return tuple(name.removesuffix("_intensity") for name in INTENSITY_COLUMNS)
    return (target,) if target in NUMBERS else ()
