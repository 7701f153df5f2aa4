"""Named sets of classes, from publications and the source documents, in the shared vocabulary."""

from __future__ import annotations

import pytest

from tasks.core.errors import Rejected
from tasks.corpora.labels import EMOTIONS, LABEL_SETS, emotion

CLASSES = {
    "iemocap-4": {"neutral", "happiness", "sadness", "anger"},
    "iemocap-5": {"neutral", "happiness", "sadness", "anger", "frustration"},
    "ravdess-6": {"neutral", "happiness", "sadness", "anger", "fear", "disgust"},
    "crema-3": {"neutral", "happiness", "anger"},
    "iemocap-3": {"neutral", "happiness", "anger"},
    "iemocap-3-text": {"happiness", "sadness", "anger"},
    "iemocap-audio-5": {"neutral", "excitement", "sadness", "anger", "frustration"},
    "mosei-4": {"neutral", "happiness", "sadness", "anger"},
    "mosei-6": {"happiness", "sadness", "anger", "surprise", "disgust", "fear"},
    "mosei-7": {"neutral", "happiness", "sadness", "anger", "surprise", "disgust", "fear"},
}


@pytest.mark.parametrize("name", LABEL_SETS)
def test_sets_use_the_shared_vocabulary(name: str) -> None:
    assert set(LABEL_SETS[name]) <= set(EMOTIONS)
    assert set(LABEL_SETS[name].values()) <= set(EMOTIONS)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_of_a_set(name: str) -> None:
    assert set(LABEL_SETS[name].values()) == CLASSES[name]


@pytest.mark.parametrize("name", [name for name in CLASSES if name[-1].isdigit()])
def test_names_count_the_classes(name: str) -> None:
    assert len(CLASSES[name]) == int(name.rpartition("-")[2])


@pytest.mark.parametrize(
    ("name", "class_of_excitement"),
    [
        ("iemocap-4", "happiness"),
        ("iemocap-3-text", "happiness"),
        ("iemocap-audio-5", "excitement"),
        ("iemocap-3", None),
        ("mosei-4", None),
    ],
)
def test_where_excitement_goes(name: str, class_of_excitement: str | None) -> None:
    assert LABEL_SETS[name].get("excitement") == class_of_excitement


def test_happiness_is_out_where_excitement_stands_alone() -> None:
    assert "happiness" not in LABEL_SETS["iemocap-audio-5"]


def test_calm_is_left_out_not_merged() -> None:
    assert "calm" not in LABEL_SETS["ravdess-6"]
    assert "surprise" not in LABEL_SETS["ravdess-6"]


def test_a_code_that_is_none_names_the_file() -> None:
    with pytest.raises(Rejected) as caught:
        emotion({"HAP": "happiness"}, "JOY", "clip.wav")
    assert caught.value.detail == "clip.wav: found 'JOY', known are HAP"
