"""The vocabulary of emotions, in one place; every reader maps its corpus's own codes onto it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.core.errors import Rejected

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
        # ser-bench, 2-D and 1-D CNN on RAVDESS: 32 clips of neutral beside 64 of each other class, so that calm is left
        # out and not merged; surprise is left out too
        "ravdess-6": {
            "neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger", "fear": "fear",
            "disgust": "disgust",
        },
        # ser-bench, ResNeXt on CREMA-D
        "crema-3": {"neutral": "neutral", "happiness": "happiness", "anger": "anger"},
        # ser-bench, ResNeXt and DenseNet on IEMOCAP: NEU, HAP, ANG; excitement is not happiness here
        "iemocap-3": {"neutral": "neutral", "happiness": "happiness", "anger": "anger"},
        # ser-bench, BERT on IEMOCAP's text: "happy and excited", angry, sad
        "iemocap-3-text": {
            "happiness": "happiness", "excitement": "happiness", "sadness": "sadness", "anger": "anger",
        },
        # ser-bench, ResNet and ResNeXt on IEMOCAP: fru, exc, sad, neu, ang; excitement stands alone, happiness is out
        "iemocap-audio-5": {
            "neutral": "neutral", "excitement": "excitement", "sadness": "sadness", "anger": "anger",
            "frustration": "frustration",
        },
        # ser-bench, BERT, RoBERTa and wav2vec2 on CMU-MOSEI: segments with one of these emotions alone, or with none
        "mosei-4": {"neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger"},
        # ser-bench, the emotions of CMU-MOSEI, where a segment has a single one
        "mosei-6": {
            "happiness": "happiness", "sadness": "sadness", "anger": "anger", "surprise": "surprise",
            "disgust": "disgust", "fear": "fear",
        },
        # ser-bench, wav2vec2 on CMU-MOSEI: the six, and neutral where there is none
        "mosei-7": {
            "neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger",
            "surprise": "surprise", "disgust": "disgust", "fear": "fear",
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
