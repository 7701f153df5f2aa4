"""Vectors of utterances and of their neighbours, by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.features.base import registry, sentence_encoder, sentence_files
from tasks.features.base.extractor import Transcript
from tasks.features.base.settings import settings_of
from tests.tasks.weights import tiny_weights

TEXTS = ["so happy for you", "no", "not for me at all", "oh no"]
FIRST = Transcript("so happy for you", "Joey", (), (("Ross", "no"), ("Joey", "oh no")))
SECOND = Transcript("no", "Ross", (("Joey", "so happy for you"),), (("Joey", "oh no"),))
LAST = Transcript("oh no", "Joey", (("Joey", "so happy for you"), ("Ross", "no")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(tiny_weights.text_encoder(tmp_path / "encoder", TEXTS))


def vectors(folder: str, *transcripts: Transcript, **settings: Any) -> np.ndarray:
    extractor = registry.extractor("dialogue-vectors")
    return np.stack(extractor.start(extractor.settings(checkpoint=folder, **settings))(transcripts))


def states(folder: str, text: str, layer: int) -> np.ndarray:
    encoder = sentence_encoder.load(sentence_files.find(folder, "int8"))
    (vector,) = encoder.means([text], [encoder.n_layers + 1 + layer])[:, 0]
    return vector / np.linalg.norm(vector)


def test_layers_stand_side_by_side_with_length_one_together(folder: str) -> None:
    (vector,) = vectors(folder, SECOND, own_layers=(-1, -2))
    expected = np.concatenate([states(folder, "no", -1), states(folder, "no", -2)]) / np.sqrt(2)
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_neighbours_have_fixed_places_and_a_mark_of_the_speaker(folder: str) -> None:
    first, second, last = vectors(folder, FIRST, SECOND, LAST, context=2, after=1, neighbour_weight=0.5)
    width = states(folder, "no", -1).size
    assert len(first) == width + 3 * (width + 1)

    def slot(vector: np.ndarray, number: int) -> np.ndarray:
        return vector[width + number * (width + 1) :][: width + 1]

    assert not slot(first, 0).any()
    assert not slot(first, 1).any()
    np.testing.assert_allclose(slot(first, 2), [*states(folder, "no", -1) / 2, 0], atol=1e-6)
    np.testing.assert_allclose(slot(second, 0), [*states(folder, "so happy for you", -1) / 2, 0], atol=1e-6)
    # the nearest first
    np.testing.assert_allclose(slot(last, 0), [*states(folder, "no", -1) / 2, 0], atol=1e-6)
    np.testing.assert_allclose(slot(last, 1), [*states(folder, "so happy for you", -1) / 2, 0.5], atol=1e-6)
    assert not slot(last, 2).any()


def test_a_vector_does_not_depend_on_its_batch(folder: str) -> None:
    together = vectors(folder, FIRST, SECOND, LAST, context=1, after=1)
    alone = np.concatenate([vectors(folder, row, context=1, after=1) for row in (FIRST, SECOND, LAST)])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_nothing_was_said_by_nobody(folder: str) -> None:
    (vector,) = vectors(folder, Transcript("", "", (("", "no"),)), context=1)
    assert np.isfinite(vector).all()
    # unknown speakers are not the same speaker
    assert vector[-1] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"own_layers": []},
        {"own_layers": [0]},
        {"own_layers": [-1, -1]},
        {"neighbour_layers": [2]},
        {"neighbour_weight": 0},
        {"after": -1},
        {"context": -1},
        {"batch_size": 0},
        {"precision": "int4"},
    ],
)
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        settings_of(registry.extractor("dialogue-vectors").settings, wrong, "features.demo")


def test_a_layer_that_the_encoder_has_not(folder: str) -> None:
    with pytest.raises(ConfigError, match="layers: -9 is below the first"):
        vectors(folder, FIRST, own_layers=(-9,))
