"""What each corpus states of an utterance, so that a recipe that asks for more is refused before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ACTED = ("emotion", "speaker", "script", "group", "audio")
_INTENSITIES = tuple(
    f"{name}_intensity" for name in ("sentiment", "happiness", "sadness", "anger", "surprise", "disgust", "fear")
)

OFFERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ravdess": frozenset((*_ACTED, "text", "video")),
        "tess": frozenset((*_ACTED, "text")),
        "crema-d": frozenset((*_ACTED, "text", "video")),
        "emodb": frozenset((*_ACTED, "text")),
        "savee": frozenset(_ACTED),
        "aesdd": frozenset(_ACTED),
        "iemocap": frozenset((*_ACTED, "text", "valence", "arousal", "dominance")) - {"script"},
        "meld": frozenset(("emotion", "sentiment", "speaker", "group", "split", "text", "audio", "video")),
        "mosei": frozenset(("emotion", "sentiment", "group", "split", "text", "audio", *_INTENSITIES)),
    }
)
"""Reader → columns that its utterances have; films of RAVDESS and CREMA-D are archives of their own.

`plain` is not here: what it has is known once it has been read.
"""
