"""Families of features: which columns belong to each, and rows that take one of them from other rows."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.experiments import families
from tasks.features.sound import functionals
from tasks.models.base.estimator import Inputs

FUNCTIONALS = {"extractor": "functionals", "names": list(functionals.NAMES), "settings": {}}


def test_every_functional_has_a_family() -> None:
    n = len(functionals.NAMES)
    by_family = families.of_block("voice", FUNCTIONALS, n)
    assert set(by_family) == {
        "level and loudness", "rhythm and duration", "mel bands", "cepstrum", "shape of the spectrum", "pitch",
        "voice quality", "formants",
    }  # fmt: skip
    assert sorted(np.concatenate(list(by_family.values())).tolist()) == list(range(n))
    named = {family: [functionals.NAMES[k] for k in columns] for family, columns in by_family.items()}
    assert "f0_p50" in named["pitch"]
    assert "f1_bandwidth_fifth_1" in named["formants"]
    assert "loudness_peaks_per_s" in named["rhythm and duration"]
    assert "loudness_p50" in named["level and loudness"]
    assert "mel_1_with_mel_14" in named["mel bands"]


@pytest.mark.parametrize(
    ("settings", "n", "expected"),
    [
        ({"checkpoint": "whisper-base", "layers": [], "statistics": "mean-deviation"}, 6144, 6),
        ({"checkpoint": "whisper-base", "layers": [], "statistics": "mean"}, 3072, 6),
        ({"checkpoint": "else", "layers": [2, 5], "statistics": "mean"}, 200, 2),
    ],
)
def test_layers_of_an_encoder(settings: dict[str, object], n: int, expected: int) -> None:
    by_family = families.of_block("encoder", {"extractor": "speech-encoder", "names": [], "settings": settings}, n)
    assert len(by_family) == expected
    assert sum(columns.size for columns in by_family.values()) == n
    first = settings["layers"][0] if settings["layers"] else 1  # type: ignore[index]
    assert by_family[f"layer {first}"][0] == 0


def test_unknown_layers_are_one_family() -> None:
    settings = {"checkpoint": "a/model", "layers": [], "statistics": "mean"}
    card = {"extractor": "speech-encoder", "names": [], "settings": settings}
    assert list(families.of_block("encoder", card, 99)) == ["encoder"]


def test_a_family_comes_from_other_rows_and_the_rest_stays() -> None:
    names = ["f0_mean", "f0_std", "mel_1_mean"]
    block = np.arange(15.0).reshape(5, 3)
    inputs = Inputs(np.full(5, ""), {"voice": block, "other": block[:, :1]})
    cards = {"voice": {"extractor": "functionals", "names": names}, "other": {"extractor": "mid-term"}}
    changed = dict(families.permuted(inputs, cards, 7))
    assert list(changed) == ["voice: pitch", "voice: mel bands", "other"]
    pitch = changed["voice: pitch"].vectors
    assert (pitch["voice"][:, :2] != block[:, :2]).all()
    assert sorted(pitch["voice"][:, 0].tolist()) == block[:, 0].tolist()
    np.testing.assert_array_equal(pitch["voice"][:, 2], block[:, 2])
    np.testing.assert_array_equal(pitch["other"], block[:, :1])
    np.testing.assert_array_equal(inputs.vectors["voice"], np.arange(15.0).reshape(5, 3))


def test_a_single_family_is_not_permuted() -> None:
    inputs = Inputs(np.full(5, ""), {"other": np.zeros((5, 2))})
    assert not list(families.permuted(inputs, {"other": {"extractor": "mid-term"}}, 7))
