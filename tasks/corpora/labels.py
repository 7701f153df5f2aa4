"""The vocabulary of emotions, in one place; every reader maps its corpus's own codes onto it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.errors import Rejected

EMOTIONS = (
    "neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise",
    "boredom", "anxiety", "excitement", "frustration", "other",
)  # fmt: skip
"""Every emotion a corpus may state; a corpus's code that maps to none of them is an error."""

LABEL_SETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "all": {emotion: emotion for emotion in EMOTIONS},
        "iemocap-4": {
            "neutral": "neutral", "happiness": "happiness", "excitement": "happiness",
            "sadness": "sadness", "anger": "anger",
        },
        "iemocap-5": {
            "neutral": "neutral", "happiness": "happiness", "excitement": "happiness",
            "sadness": "sadness", "anger": "anger", "frustration": "frustration",
        },
        "ekman": {
            "neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger", "fear": "fear",
            "disgust": "disgust", "surprise": "surprise",
        },
    }
)  # fmt: skip
"""Named choices of classes: emotion → class; an emotion that is not in it is left out, and counted."""


def emotion(labels: Mapping[str, str], code: str, where: str) -> str:
    """Return the house's word for a corpus's own code.

    Args:
        labels: the corpus's codes
        code: the code found
        where: the file or row it was found in

    Raises:
        Rejected: if the corpus has no such code
    """
    try:
        return labels[code]
    except KeyError:
        raise Rejected("unknown emotion code", f"{where}: found {code!r}, known are {', '.join(labels)}") from None
