"""Targets of recipes: classes, several labels at once, or numbers."""

from __future__ import annotations

INTENSITIES = ("valence", "arousal", "dominance", "sentiment_intensity")
"""Numeric targets."""
SEVERAL = "emotions"
"""Target of corpora in which an utterance may have several emotions at once."""
MANY_INTENSITIES = tuple(
    f"{name}_intensity" for name in ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
)
NATIVE = "native_label"
"""Target of the corpus's own codes."""
TARGETS = ("emotion", "sentiment", NATIVE, SEVERAL, *INTENSITIES)
SHARED = "shared"
"""The classes that every corpus of a pool has."""


def fixed_outputs(target: str) -> tuple[str, ...]:
    """Return the names of a target's labels, or of its value; none for classes, which depend on the rows.

    Args:
        target: of the recipe
    """
    if target == SEVERAL:
        return tuple(name.removesuffix("_intensity") for name in MANY_INTENSITIES)
    return (target,) if target in INTENSITIES else ()
