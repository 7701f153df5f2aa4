"""AST input and embedding equal those of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.features.base import checkpoints, registry
from tasks.features.base.extractor import Sound
from tasks.features.base.settings import settings_of
from tasks.features.base.tiny_checkpoints import AUDIO_FRAMES, HIDDEN

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="the extra deep is not installed")


def started(name: str, **settings: Any) -> Callable[[Sequence[Sound]], list[np.ndarray]]:
    extractor = registry.extractor(name)
    return extractor.start(extractor.settings(**settings))


def test_input_equals_that_of_transformers(sound: Callable[..., Sound]) -> None:
    with checkpoints.without_empty_bands():
        reference = checkpoints.transformers().ASTFeatureExtractor()
    given = sound(1.5)
    (values,) = started("ast-input")([given])
    assert values.shape == (1024, 128) and values.dtype == np.float32
    expected = reference(given.samples, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(values, expected, atol=2e-3)
    # 1.5 s are 148 frames; the rest is padding, which normalisation moves away from zero
    assert len(np.unique(values[148:])) == 1 and len(np.unique(values[:148])) > 1000


def test_longer_sound_is_cut(sound: Callable[..., Sound]) -> None:
    extract = started("ast-input", max_length=50, num_mel_bins=32)
    short, long = extract([sound(0.6), sound(2.0)])
    assert short.shape == long.shape == (50, 32)


def test_normalisation_follows_the_settings(sound: Callable[..., Sound]) -> None:
    plain, moved = (started("ast-input", mean=m, std=s)([sound(0.6)])[0] for m, s in ((0.0, 0.5), (-4.0, 1.0)))
    np.testing.assert_allclose(moved, (plain + 4.0) / 2.0, atol=1e-5)


def test_other_rates_are_resampled(sound: Callable[..., Sound]) -> None:
    low, usual = (started("ast-input", max_length=100)([sound(1.2, rate_hz=rate)])[0] for rate in (48_000, 16_000))
    # the harmonics, well below either rate's end
    assert np.abs(low - usual)[10:90, 5:40].mean() < 0.1


def test_embeddings_do_not_depend_on_the_batch(tiny_ast: str, sound: Callable[..., Sound]) -> None:
    extract = started("ast", checkpoint=tiny_ast)
    sounds = [sound(0.5), sound(1.0, pitch_hz=230.0), sound(3.0)]
    together = extract(sounds)
    assert [vector.shape for vector in together] == [(HIDDEN,)] * 3
    assert all(vector.dtype == np.float32 for vector in together)
    for clip, vector in zip(sounds, together, strict=True):
        np.testing.assert_allclose(extract([clip])[0], vector, atol=1e-5)
    assert len(np.unique(np.round(together, 3), axis=0)) == 3


def test_embedding_is_the_models_pooled_output(tiny_ast: str, sound: Callable[..., Sound]) -> None:
    import torch

    _, model = checkpoints.audio_encoder(tiny_ast)
    inputs = started("ast-input", max_length=AUDIO_FRAMES)([sound()])[0]
    with torch.inference_mode():
        states = model(torch.from_numpy(inputs[None])).last_hidden_state[0]
    (values,) = started("ast", checkpoint=tiny_ast)([sound()])
    np.testing.assert_allclose(values, states[:2].mean(0).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["ast-input", "ast"])
@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.zeros(16_000), np.full(16_000, np.nan)])
def test_sound_that_cannot_be_used(name: str, samples: np.ndarray, tiny_ast: str, sound: Callable[..., Sound]) -> None:
    settings = {"checkpoint": tiny_ast} if name == "ast" else {}
    extract = started(name, **settings)
    with pytest.raises(AudioError):
        extract([sound(), replace(sound(), samples=samples.astype(np.float32))])


def test_a_checkpoint_of_another_kind(tiny_bert: str, tiny_ast: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="feature extractor"):
        started("ast", checkpoint=tiny_bert)
    pair = checkpoints.audio_encoder(tiny_ast)[0], checkpoints.text_encoder(tiny_bert)[1]
    monkeypatch.setattr(checkpoints, "audio_encoder", lambda _: pair)
    with pytest.raises(InputError, match="bert model"):
        started("ast", checkpoint=tiny_bert)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("ast-input", {"max_length": 0}), ("ast-input", {"std": 0.0}), ("ast", {"batch_size": 0})],
)
def test_impossible_settings(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings_of(registry.extractor(name).settings, wrong, "features.demo")
