"""The shared vocabulary of emotions, to which each reader maps its corpus's codes, and named sets of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tasks.core.errors import Rejected

EMOTIONS = (
    "neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise",
    "boredom", "anxiety", "excitement", "frustration", "other",
)  # fmt: skip
"""All emotions of utterance tables; a reader must map each code to one of them."""

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
        # ser-bench, 2-D and 1-D CNN on RAVDESS: 32 neutral clips and 64 of each other class, so calm is left out and
        # not merged; surprise is left out too
        "ravdess-6": {
            "neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger", "fear": "fear",
            "disgust": "disgust",
        },
        # ser-bench, ResNeXt on CREMA-D
        "crema-3": {"neutral": "neutral", "happiness": "happiness", "anger": "anger"},
        # ser-bench, ResNeXt and DenseNet on IEMOCAP: NEU, HAP, ANG, without excitement
        "iemocap-3": {"neutral": "neutral", "happiness": "happiness", "anger": "anger"},
        # ser-bench, BERT on IEMOCAP's text: "happy and excited", angry, sad
        "iemocap-3-text": {
            "happiness": "happiness", "excitement": "happiness", "sadness": "sadness", "anger": "anger",
        },
        # ser-bench, ResNet and ResNeXt on IEMOCAP: fru, exc, sad, neu, ang; excitement is a class, happiness is not
        "iemocap-audio-5": {
            "neutral": "neutral", "excitement": "excitement", "sadness": "sadness", "anger": "anger",
            "frustration": "frustration",
        },
        # ser-bench, BERT, RoBERTa and wav2vec2 on CMU-MOSEI: segments with exactly one of these emotions, or with none
        "mosei-4": {"neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger"},
        # ser-bench, the emotions of CMU-MOSEI, for segments with exactly one
        "mosei-6": {
            "happiness": "happiness", "sadness": "sadness", "anger": "anger", "surprise": "surprise",
            "disgust": "disgust", "fear": "fear",
        },
        # ser-bench, wav2vec2 on CMU-MOSEI: the six, and neutral for segments without an emotion
        "mosei-7": {
            "neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger",
            "surprise": "surprise", "disgust": "disgust", "fear": "fear",
        },
    }
)  # fmt: skip
"""Name → emotion → class; utterances with other emotions are left out, and counted."""


def chosen(labels: str | Sequence[str] | Mapping[str, str]) -> Mapping[str, str] | None:
    """Return label → class of a recipe's `labels`; None if it uses all labels as they are.

    Args:
        labels: "all" or "shared", a key of `LABEL_SETS`, the labels to use, or label → class
    """
    if isinstance(labels, str):
        return LABEL_SETS[labels] if labels in LABEL_SETS and labels != "all" else None
    return labels if isinstance(labels, Mapping) else {name: name for name in labels}


def in_words(labels: str | Sequence[str] | Mapping[str, str]) -> str:
    """Return a recipe's `labels` in one line.

    Args:
        labels: as for `chosen`

    Example:
        >>> in_words({"hap": "joy", "exc": "joy", "sad": "sad"})
        'hap as joy, exc as joy, sad'
    """
    if isinstance(labels, str):
        return labels
    classes = chosen(labels) or {}
    return ", ".join(name if name == class_ else f"{name} as {class_}" for name, class_ in classes.items())


def emotion(labels: Mapping[str, str], code: str, item: str) -> str:
    """Return the emotion of `EMOTIONS` for a corpus's own code.

    Args:
        labels: the corpus's codes and their emotions
        code: the code to look up
        item: the file or row it comes from, for the message

    Raises:
        Rejected: if the corpus has no such code
    """
    try:
        return labels[code]
    except KeyError:
        raise Rejected("unknown emotion code", f"{item}: found {code!r}, known are {', '.join(labels)}") from None
